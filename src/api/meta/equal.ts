// Equality of API objects as an update rule means it: what says the same is the same.

/** Fields where zero says something else than nothing: user 0 is root, "not set" is whoever the image says. */
const zeroMatters = new Set([
  'activeDeadlineSeconds',
  'allowPrivilegeEscalation',
  'automountServiceAccountToken',
  'defaultMode',
  'enableServiceLinks',
  'fsGroup',
  'hostUsers',
  'immutable',
  'mode',
  'optional',
  'priority',
  'privileged',
  'readOnlyRootFilesystem',
  'replicas',
  'runAsGroup',
  'runAsNonRoot',
  'runAsUser',
  'setHostnameAsFQDN',
  'shareProcessNamespace',
  'terminationGracePeriodSeconds',
  'tolerationSeconds',
]);

/** Fields that are maps: there a key with an empty value is not the same as no key. */
const mapFields = new Set(['annotations', 'binaryData', 'data', 'labels', 'limits', 'matchLabels', 'nodeSelector', 'requests']);

function saysNothing(value: unknown, field: string): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value === 'object') return Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0;
  return !zeroMatters.has(field) && (value === '' || value === false || value === 0);
}

/** True when both say the same. Absent, null, empty and (mostly) zero are one; the order of keys does not count. */
export function sameMeaning(a: unknown, b: unknown, field = ''): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return saysNothing(a, field) && saysNothing(b, field);
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b)) return saysNothing(a, field) && saysNothing(b, field);
    return a.length === b.length && a.every((item, i) => sameMeaning(item, b[i]));
  }
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  if (mapFields.has(field)) {
    const keys = Object.keys(left);
    return (
      keys.length === Object.keys(right).length && keys.every((key) => Object.hasOwn(right, key) && sameMeaning(left[key], right[key]))
    );
  }
  for (const key in left) if (!sameMeaning(left[key], right[key], key)) return false;
  for (const key in right) if (!Object.hasOwn(left, key) && !saysNothing(right[key], key)) return false;
  return true;
}

const differencesMax = 20;

function differenceLines(next: unknown, old: unknown, path: string): string[] {
  const name = path === '' ? '' : `${path}: `;
  return [`- ${name}${JSON.stringify(old) ?? 'nil'}`, `+ ${name}${JSON.stringify(next) ?? 'nil'}`];
}

/** The paths where `next` differs from `old`, each as a `-` and a `+` line, for messages. */
export function describeDifference(next: unknown, old: unknown, path = ''): string[] {
  if (sameMeaning(next, old, path.slice(path.lastIndexOf('.') + 1))) return [];
  const bothObjects = typeof next === 'object' && typeof old === 'object' && next !== null && old !== null;
  if (!bothObjects || Array.isArray(next) !== Array.isArray(old)) return differenceLines(next, old, path);
  const left = next as Record<string, unknown>;
  const right = old as Record<string, unknown>;
  const lines: string[] = [];
  for (const key of new Set([...Object.keys(right), ...Object.keys(left)])) {
    const below = Array.isArray(next) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
    // One more item, or key of a map, is a difference, whatever it says.
    const countsKeys = Array.isArray(next) || mapFields.has(path.slice(path.lastIndexOf('.') + 1));
    const isExtra = countsKeys && Object.hasOwn(left, key) !== Object.hasOwn(right, key);
    if (isExtra) lines.push(...differenceLines(left[key], right[key], below));
    else lines.push(...describeDifference(left[key], right[key], below));
    if (lines.length > differencesMax) return [...lines.slice(0, differencesMax), '  ...'];
  }
  return lines;
}
