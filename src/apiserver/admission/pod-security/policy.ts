// The policy of a namespace: which of the Pod Security Standards is enforced, audited and warned of, as its labels say.
// Source: https://kubernetes.io/docs/concepts/security/pod-security-admission/#pod-security-admission-labels-for-namespaces
import { type FieldError, invalidValue } from '../../../api/mod.ts';

export type Level = 'privileged' | 'baseline' | 'restricted';
const levels: readonly Level[] = ['privileged', 'baseline', 'restricted'];

/** A standard, as it was in a minor version of Kubernetes: 24 is v1.24. */
export interface Standard {
  readonly level: Level;
  readonly version: number | 'latest';
}

export interface Policy {
  readonly enforce: Standard;
  readonly audit: Standard;
  readonly warn: Standard;
}

/** Of the labels, and of what is said in the audit log. */
export const prefix = 'pod-security.kubernetes.io/';
const modes = ['enforce', 'audit', 'warn'] as const;
const labelKeys = modes.flatMap((mode) => [`${prefix}${mode}`, `${prefix}${mode}-version`]);
const privileged: Standard = { level: 'privileged', version: 'latest' };
const nothingSaid: Policy = { enforce: privileged, audit: privileged, warn: privileged };

export const isPrivileged = (...standards: readonly Standard[]): boolean => standards.every(({ level }) => level === 'privileged');
export const isSame = (a: Standard, b: Standard): boolean => a.level === b.level && a.version === b.version;
/** Above zero when the first is the stricter. */
export const compareLevels = (a: Standard, b: Standard): number => levels.indexOf(a.level) - levels.indexOf(b.level);
/** `restricted:latest`, `baseline:v1.24` */
export const textOf = ({ level, version }: Standard): string => `${level}:${version === 'latest' ? version : `v1.${version}`}`;

type Labels = Readonly<Record<string, string>>;

/**
 * There is always a policy, also when labels are wrong: what cannot be read is enforced as restricted, and neither audited nor
 * warned of. Undefined when no label says anything, which is the ordinary case.
 */
export function policyOf(
  labels: Labels | undefined,
  defaults: Policy = nothingSaid,
): { readonly policy: Policy; readonly errors: readonly FieldError[] } | undefined {
  if (!labels || !labelKeys.some((key) => labels[key] !== undefined))
    return defaults === nothingSaid ? undefined : { policy: defaults, errors: [] };
  const errors: FieldError[] = [];
  const enforce = standardOf(labels, { mode: 'enforce', otherwise: 'restricted', standard: defaults.enforce }, errors);
  const audit = standardOf(labels, { mode: 'audit', otherwise: 'privileged', standard: defaults.audit }, errors);
  let warn = standardOf(labels, { mode: 'warn', otherwise: 'privileged', standard: defaults.warn }, errors);
  // Who enforces wants to hear of workloads whose pods will be refused.
  if (
    labels[`${prefix}warn`] === undefined &&
    levels.some((level) => level === labels[`${prefix}enforce`]) &&
    compareLevels(enforce, warn) >= 0
  ) {
    warn = { level: enforce.level, version: labels[`${prefix}warn-version`] === undefined ? enforce.version : warn.version };
  }
  return { policy: { enforce, audit, warn }, errors };
}

interface Mode {
  readonly mode: (typeof modes)[number];
  /** What holds where the label says nothing that is a level. */
  readonly otherwise: Level;
  /** What holds without labels. */
  readonly standard: Standard;
}

function standardOf(labels: Labels, { mode, otherwise, standard }: Mode, errors: FieldError[]): Standard {
  const [levelKey, versionKey] = [`${prefix}${mode}`, `${prefix}${mode}-version`];
  let { level, version } = standard;
  const text = labels[levelKey];
  if (text !== undefined) {
    const known = levels.find((each) => each === text);
    if (!known) errors.push(invalidValue(`metadata.labels[${levelKey}]`, text, `must be one of ${levels.join(', ')}`));
    level = known ?? otherwise;
  }
  const versionText = labels[versionKey];
  if (versionText === 'latest') version = 'latest';
  else if (versionText !== undefined) {
    const minor = /^v1\.(0|[1-9][0-9]{0,8})$/.exec(versionText)?.[1];
    if (minor === undefined) errors.push(invalidValue(`metadata.labels[${versionKey}]`, versionText, 'must be "latest" or "v1.x"'));
    else version = Number(minor);
  }
  return { level, version };
}
