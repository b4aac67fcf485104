// One step of a field path, as text: `f:name`, `k:{"name":"x"}`, `v:"x"`, `i:0`. How steps are ordered, read and printed.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/ (FieldsV1)

type Item = Readonly<Record<string, unknown>>;

/** What stands for the field or item itself, beside its children. */
export const ownElement = '.';

/** An item of a set: `v:"finalizer"`. */
export const valueElement = (value: unknown): string => `v:${jsonText(value)}`;

/**
 * An item of an associative list: `k:{"containerPort":80,"protocol":"TCP"}`, keys in alphabetical order. Undefined when the item is no
 * object, or lacks a key that has no default. `keys` are sorted; `defaults` has the same length.
 */
export function keyElement(item: unknown, keys: readonly string[], defaults: readonly (string | undefined)[]): string | undefined {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return undefined;
  let text = 'k:{';
  for (const [index, key] of keys.entries()) {
    const value = (item as Item)[key] ?? defaults[index];
    if (value === undefined) return undefined;
    text += `${index === 0 ? '' : ','}${JSON.stringify(key)}:${jsonText(value)}`;
  }
  return `${text}}`;
}

/** JSON with the keys of objects in alphabetical order, so that equal values have equal texts. */
function jsonText(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(jsonText).join(',')}]`;
  const fields = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${jsonText((value as Item)[key])}`);
  return `{${fields.join(',')}}`;
}

/**
 * A step that somebody else wrote, in the one form that compares equal by its text. Undefined for kinds of steps that nobody knows, which
 * are skipped. Throws SyntaxError on a malformed one.
 */
export function canonicalElement(text: string): string | undefined {
  const rest = text.slice(2);
  if (text[1] !== ':') {
    if (text.length < 2) throw new SyntaxError(`Cannot read path element ${JSON.stringify(text)}: it has no kind`);
    throw new SyntaxError(`Cannot read path element ${JSON.stringify(text)}: missing colon`);
  }
  switch (text[0]) {
    case 'f':
      return text;
    case 'v':
      return valueElement(JSON.parse(rest));
    case 'i':
      if (!/^-?\d+$/.test(rest)) throw new SyntaxError(`Cannot read path element ${JSON.stringify(text)}: "${rest}" is no index`);
      return `i:${Number(rest)}`;
    case 'k': {
      const keys: unknown = JSON.parse(rest);
      if (typeof keys !== 'object' || keys === null || Array.isArray(keys) || Object.keys(keys).length === 0) {
        throw new SyntaxError(`Cannot read path element ${JSON.stringify(text)}: a key is an object with fields`);
      }
      return `k:${jsonText(keys)}`;
    }
    default:
      return undefined;
  }
}

const kindOrder = '.fkvi';

/** The order in which sets are written: names, then keys, values, indexes. */
export function compareElements(a: string, b: string): number {
  const kind = a[0];
  if (kind === b[0]) {
    if (kind === 'f') return comparePlain(a, b);
    if (kind === 'i') return Number(a.slice(2)) - Number(b.slice(2));
    if (kind !== 'k' && kind !== 'v') return comparePlain(a, b);
    return compareTexts(a, b) ?? compareValues(JSON.parse(a.slice(2)), JSON.parse(b.slice(2)));
  }
  return kindOrder.indexOf(a.charAt(0)) - kindOrder.indexOf(b.charAt(0));
}

/** The usual case without reading JSON: one key of the same name, with text that has no escapes. */
function compareTexts(a: string, b: string): number | undefined {
  const start = a.indexOf(':"', 2) + 2;
  if (start < 4 || !a.startsWith(b.slice(0, start)) || !isPlainText(a, start) || !isPlainText(b, start)) return undefined;
  return comparePlain(a.slice(start, -2), b.slice(start, -2));
}

const isPlainText = (element: string, start: number): boolean =>
  element.indexOf('"', start) === element.length - 2 && !element.includes('\\');

const rankOf = (value: unknown): number => {
  if (typeof value === 'number') return 0;
  if (typeof value === 'string') return 1;
  if (typeof value === 'boolean') return 2;
  if (Array.isArray(value)) return 3;
  return value === null ? 5 : 4;
};

function compareValues(a: unknown, b: unknown): number {
  const rank = rankOf(a) - rankOf(b);
  if (rank !== 0) return rank;
  if (Array.isArray(a) && Array.isArray(b)) return compareInTurn(a, b, compareValues);
  if (typeof a === 'object' && typeof b === 'object' && a !== null && b !== null) {
    return compareInTurn(
      Object.entries(a),
      Object.entries(b),
      ([name, value], [otherName, otherValue]) => comparePlain(name, otherName) || compareValues(value, otherValue),
    );
  }
  return comparePlain(a as string | number | boolean | null, b as string | number | boolean | null);
}

function comparePlain(a: string | number | boolean | null, b: string | number | boolean | null): number {
  if (a === null || b === null || a === b) return 0;
  return a < b ? -1 : 1;
}

function compareInTurn<T>(a: readonly T[], b: readonly T[], compare: (x: T, y: T) => number): number {
  for (const [index, item] of a.entries()) {
    const other = b[index];
    if (other === undefined) return 1;
    const order = compare(item, other);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** As messages show a step: `.name`, `[name="x"]`, `[="x"]`, `[0]`. */
export function elementText(element: string): string {
  const rest = element.slice(2);
  switch (element[0]) {
    case 'k': {
      const keys = JSON.parse(rest) as Item;
      return `[${Object.keys(keys)
        .map((key) => `${key}=${jsonText(keys[key])}`)
        .join(',')}]`;
    }
    case 'v':
      return `[=${rest}]`;
    case 'i':
      return `[${rest}]`;
    default:
      return `.${rest}`;
  }
}

/** `.spec.template.spec.containers[name="app"].image` */
export const pathText = (path: readonly string[]): string => path.map(elementText).join('');
