// LimitRanger: a namespace's LimitRange gives containers the requests and limits that they do not name, and holds them,
// pods and claims to its bounds. Source: https://kubernetes.io/docs/concepts/policy/limit-range/
import {
  asAmounts,
  compareQuantities,
  type Draft,
  forbidden,
  type KubeObject,
  parseQuantity,
  podAmounts,
  toNumber,
  type V1Container,
  type V1LimitRange,
  type V1LimitRangeItem,
  type V1PersistentVolumeClaim,
  type V1Pod,
} from '../../api/mod.ts';
import { isNewPod } from './attributes.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './chain.ts';

type Amounts = Readonly<Record<string, string>>;

/** Where the ranges of a namespace are. */
export interface LimitRanges {
  in(namespace: string): readonly V1LimitRange[];
}

export const limitRanger = (ranges: LimitRanges): AdmissionPlugin => ({
  name: 'LimitRanger',
  mutate: (attributes, draft) => {
    if (!draft || !isNewPod(attributes)) return;
    for (const range of ranges.in(attributes.namespace ?? '')) applyDefaults(draft as Draft<V1Pod>, range);
  },
  validate: (attributes, object) => {
    const check = checkFor(attributes);
    if (!check || !object) return;
    for (const range of ranges.in(attributes.namespace ?? '')) {
      const problems = limitsOf(range).flatMap((item) => check(object, item));
      if (problems.length === 0) continue;
      const text = problems.length === 1 ? (problems[0] ?? '') : `[${problems.join(', ')}]`;
      throw forbidden({ group: attributes.kind.group, resource: attributes.kind.resource, name: attributes.name }, text);
    }
  },
});

/** Pods are held to their bounds when they are made and when they are resized, claims also when they grow. */
function checkFor(attributes: AdmissionAttributes): ((object: KubeObject, item: V1LimitRangeItem) => readonly string[]) | undefined {
  const { kind, operation, subresource } = attributes;
  const isResize = kind.kind === 'Pod' && kind.group === '' && operation === 'UPDATE' && subresource === 'resize';
  if (isNewPod(attributes) || isResize) return (object, item) => podProblems(object as V1Pod, item);
  const isClaim = kind.kind === 'PersistentVolumeClaim' && kind.group === '' && subresource === undefined && operation !== 'DELETE';
  return isClaim ? (object, item) => claimProblems(object as V1PersistentVolumeClaim, item) : undefined;
}

function applyDefaults(pod: Draft<V1Pod>, range: V1LimitRange): void {
  const item = limitsOf(range).find(({ type }) => type === 'Container');
  if (!item || !pod.spec) return;
  const set: string[] = [];
  for (const container of [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]) {
    const what = pod.spec.containers.includes(container) ? 'container' : 'init container';
    for (const [kind, defaults] of [
      ['requests', item.defaultRequest],
      ['limits', item.default],
    ] as const) {
      const named = fill(container, kind, defaults ?? {});
      if (named.length > 0) set.push(`${named.join(', ')} ${kind === 'limits' ? 'limit' : 'request'} for ${what} ${container.name}`);
    }
  }
  if (set.length === 0 || !pod.metadata) return;
  pod.metadata.annotations = { ...pod.metadata.annotations, 'kubernetes.io/limit-ranger': `LimitRanger plugin set: ${set.join('; ')}` };
}

/** Sets what the container does not name; gives the names of what was set. */
function fill(container: Draft<V1Container>, kind: 'limits' | 'requests', defaults: Amounts): string[] {
  container.resources ??= {};
  const standing: Record<string, string> = { ...container.resources[kind] };
  const missing = Object.keys(defaults)
    .filter((name) => standing[name] === undefined)
    .sort();
  if (missing.length === 0) return [];
  for (const name of missing) standing[name] = defaults[name] ?? '';
  container.resources[kind] = standing;
  return missing;
}

function podProblems(pod: V1Pod, item: V1LimitRangeItem): readonly string[] {
  const containers = pod.spec?.containers ?? [];
  const inits = pod.spec?.initContainers ?? [];
  if (item.type === 'Container') {
    return [...containers, ...inits].flatMap((container) =>
      problems(item, { requests: container.resources?.requests ?? {}, limits: container.resources?.limits ?? {} }),
    );
  }
  if (item.type !== 'Pod' || !pod.spec) return [];
  // What the runtime takes for itself is not the pod's.
  const own: V1Pod = { spec: { ...pod.spec, overhead: undefined } };
  return problems(item, { requests: asAmounts(podAmounts(own, 'requests')), limits: asAmounts(podAmounts(own, 'limits')) });
}

const claimProblems = (claim: V1PersistentVolumeClaim, item: V1LimitRangeItem): readonly string[] =>
  item.type === 'PersistentVolumeClaim'
    ? boundProblems(item, 'min', claim.spec?.resources?.requests ?? {}).concat(
        boundProblems(item, 'max', claim.spec?.resources?.requests ?? {}),
      )
    : [];

interface Asked {
  readonly requests: Amounts;
  readonly limits: Amounts;
}

/** None may be given at all. */
const limitsOf = (range: V1LimitRange): readonly V1LimitRangeItem[] => range.spec?.limits ?? [];

function problems(item: V1LimitRangeItem, { requests, limits }: Asked): string[] {
  const found: string[] = [];
  for (const [name, bound] of Object.entries(item.min ?? {}))
    found.push(...minProblems(item.type, { name, bound, request: requests[name], limit: limits[name] }));
  for (const [name, bound] of Object.entries(item.max ?? {}))
    found.push(...maxProblems(item.type, { name, bound, request: requests[name], limit: limits[name] }));
  for (const [name, ratio] of Object.entries(item.maxLimitRequestRatio ?? {}))
    found.push(...ratioProblems(item.type, { name, bound: ratio, request: requests[name], limit: limits[name] }));
  return found;
}

interface Bounded {
  readonly name: string;
  readonly bound: string;
  readonly request: string | undefined;
  readonly limit: string | undefined;
}

const isLess = (a: string, b: string): boolean => compareQuantities(parseQuantity(a), parseQuantity(b)) < 0;

function minProblems(type: string, { name, bound, request, limit }: Bounded): string[] {
  if (request === undefined) return [`minimum ${name} usage per ${type} is ${bound}.  No request is specified`];
  if (isLess(request, bound)) return [`minimum ${name} usage per ${type} is ${bound}, but request is ${request}`];
  return limit !== undefined && isLess(limit, bound) ? [`minimum ${name} usage per ${type} is ${bound}, but limit is ${limit}`] : [];
}

function maxProblems(type: string, { name, bound, request, limit }: Bounded): string[] {
  if (limit === undefined) return [`maximum ${name} usage per ${type} is ${bound}.  No limit is specified`];
  if (isLess(bound, limit)) return [`maximum ${name} usage per ${type} is ${bound}, but limit is ${limit}`];
  return request !== undefined && isLess(bound, request)
    ? [`maximum ${name} usage per ${type} is ${bound}, but request is ${request}`]
    : [];
}

function ratioProblems(type: string, { name, bound, request, limit }: Bounded): string[] {
  const head = `${name} max limit to request ratio per ${type} is ${bound}`;
  if (request === undefined || toNumber(parseQuantity(request)) === 0) return [`${head}, but no request is specified or request is 0`];
  if (limit === undefined || toNumber(parseQuantity(limit)) === 0) return [`${head}, but no limit is specified or limit is 0`];
  const actual = toNumber(parseQuantity(limit)) / toNumber(parseQuantity(request));
  return actual > toNumber(parseQuantity(bound)) ? [`${head}, but provided ratio is ${actual.toFixed(6)}`] : [];
}

/** Claims have requests alone. */
function boundProblems(item: V1LimitRangeItem, which: 'min' | 'max', requests: Amounts): string[] {
  return Object.entries(item[which] ?? {}).flatMap(([name, bound]) => {
    const request = requests[name];
    const word = which === 'min' ? 'minimum' : 'maximum';
    if (request === undefined) return [`${word} ${name} usage per ${item.type} is ${bound}.  No request is specified`];
    const wrong = which === 'min' ? isLess(request, bound) : isLess(bound, request);
    return wrong ? [`${word} ${name} usage per ${item.type} is ${bound}, but request is ${request}`] : [];
  });
}
