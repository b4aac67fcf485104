// What the checks of the Pod Security Standards share: the view of a pod that they judge, and how findings are worded.
import type { V1Container, V1PodSpec } from '../../../api/mod.ts';

export interface PodView {
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: V1PodSpec;
  /** Init containers, containers, ephemeral containers. */
  readonly containers: readonly V1Container[];
}

export interface Violation {
  /** `host namespaces` */
  readonly reason: string;
  /** `hostNetwork=true`; follows the reason in parentheses. */
  readonly detail: string;
}

export type Judge = (pod: PodView) => Violation | undefined;

export const viewOf = (spec: V1PodSpec, annotations: Readonly<Record<string, string>> | undefined): PodView => ({
  annotations: annotations ?? {},
  spec,
  containers: [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])],
});

export const plural = (one: string, many: string, count: number): string => (count === 1 ? one : many);
/** `"a", "b"` */
export const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');
/** Each once, in byte order. */
export const sorted = (values: Iterable<string>): readonly string[] => [...new Set(values)].sort();

/** `container "a"`, `containers "a", "b"` */
export const named = (containers: readonly V1Container[]): string =>
  `${plural('container', 'containers', containers.length)} ${quoted(containers.map(({ name }) => name))}`;

/** `pod and container "a"`: who sets something that is forbidden. Empty when nobody does. */
export const setters = (pod: boolean, containers: readonly V1Container[]): string =>
  [...(pod ? ['pod'] : []), ...(containers.length > 0 ? [named(containers)] : [])].join(' and ');

/** A pod in a user namespace may be what it likes inside. Source: KEP-127. */
export const hasUserNamespace = ({ spec }: PodView): boolean => spec.hostUsers === false;
export const isWindows = ({ spec }: PodView): boolean => spec.os?.name === 'windows';
