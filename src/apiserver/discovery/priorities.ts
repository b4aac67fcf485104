// In which order clients are told of groups and versions: the first that has what a user names is taken.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/api-service-v1/ (groupPriorityMinimum, versionPriority)

export interface ApiPriority {
  readonly group: number;
  readonly version: number;
}

/** The built-in groups', as a v1.36 API server registers them. */
const groupPriorities: Readonly<Record<string, number>> = {
  '': 18_000,
  'apiregistration.k8s.io': 18_000,
  apps: 17_800,
  'events.k8s.io': 17_750,
  'authentication.k8s.io': 17_700,
  'authorization.k8s.io': 17_600,
  autoscaling: 17_500,
  batch: 17_400,
  'certificates.k8s.io': 17_300,
  'networking.k8s.io': 17_200,
  policy: 17_100,
  'rbac.authorization.k8s.io': 17_000,
  'storage.k8s.io': 16_800,
  'admissionregistration.k8s.io': 16_700,
  'apiextensions.k8s.io': 16_700,
  'scheduling.k8s.io': 16_600,
  'coordination.k8s.io': 16_500,
  'node.k8s.io': 16_300,
  'discovery.k8s.io': 16_200,
  'resource.k8s.io': 16_200,
  'flowcontrol.apiserver.k8s.io': 16_100,
};
/** Those that are not the usual one. */
const versionPriorities: Readonly<Record<string, number>> = {
  '/v1': 1,
  'autoscaling/v2': 30,
  'flowcontrol.apiserver.k8s.io/v1': 21,
  'resource.k8s.io/v1': 20,
};
const versionDefault = 15;
/** What custom resources have. */
export const customPriority: ApiPriority = { group: 1000, version: 100 };

export const isBuiltInGroup = (group: string): boolean => Object.hasOwn(groupPriorities, group);

export function priorityOf(group: string, version: string): ApiPriority {
  if (!isBuiltInGroup(group)) return customPriority;
  return { group: groupPriorities[group] ?? 0, version: versionPriorities[`${group}/${version}`] ?? versionDefault };
}

const parsed = (version: string): readonly number[] | undefined => {
  const [, major, stage, minor] = /^v([1-9][0-9]*)(?:(alpha|beta)([1-9][0-9]*))?$/.exec(version) ?? [];
  return major === undefined ? undefined : [stage === undefined ? 2 : stage === 'beta' ? 1 : 0, Number(major), Number(minor ?? 0)];
};

/** Stable ones first, then beta, then alpha, the highest first; then everything else by its text. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parsed(a), parsed(b)];
  if (!left || !right) return left ? -1 : right ? 1 : a < b ? -1 : a > b ? 1 : 0;
  const at = left.findIndex((part, i) => part !== right[i]);
  return at < 0 ? 0 : (right[at] ?? 0) - (left[at] ?? 0);
}

interface Ordered {
  readonly group: string;
  readonly version: string;
  readonly priority: ApiPriority;
}

/** Highest priority first; a group stands where its first version has it. Equal ones by name. */
export function inDiscoveryOrder<T extends Ordered>(
  versions: readonly T[],
): readonly { readonly name: string; readonly versions: readonly T[] }[] {
  const groups = new Map<string, T[]>();
  for (const one of versions) {
    const of = groups.get(one.group);
    if (of) of.push(one);
    else groups.set(one.group, [one]);
  }
  const sorted = [...groups].map(([name, of]) => ({
    name,
    versions: of.sort((a, b) => b.priority.version - a.priority.version || compareVersions(a.version, b.version)),
  }));
  const groupPriority = ({ versions: [first] }: { readonly versions: readonly T[] }): number => first?.priority.group ?? 0;
  return sorted.sort((a, b) => groupPriority(b) - groupPriority(a) || (a.name < b.name ? -1 : 1));
}
