// What an autoscaler scales: any kind, built in or custom, that has a scale subresource.
import {
  customresourcedefinitions,
  parseApiVersion,
  type ResourceType,
  type V1Scale,
  type V2CrossVersionObjectReference,
} from '../../api/mod.ts';
import type { Client } from '../../client/mod.ts';
import type { ServedKind } from '../runtime/controller.ts';

export interface Targets {
  /** The resource of a kind; undefined when none is served. The version is one that is served, not always the one that is named. */
  resourceOf(reference: V2CrossVersionObjectReference): Promise<ResourceType | undefined>;
  scaleOf(target: Target): Promise<V1Scale>;
  setReplicas(target: Target, scale: V1Scale, replicas: number): Promise<void>;
}

export interface Target {
  readonly resource: ResourceType;
  readonly namespace: string;
  readonly name: string;
}

export interface TargetsOptions {
  readonly client: Client;
  readonly kinds: readonly ServedKind[];
  readonly signal: AbortSignal;
}

export function createTargets({ client, kinds, signal }: TargetsOptions): Targets {
  const request = ({ resource, namespace, name }: Target) => ({ resource, namespace, name, subresource: 'scale', signal });
  return {
    async resourceOf({ apiVersion = '', kind }) {
      const { group } = parseApiVersion(apiVersion);
      const served = kinds.find((one) => one.group === group && one.kind === kind);
      if (served) return served;
      // Custom ones come and go: they are looked for when somebody names one.
      const { items } = await client.list(customresourcedefinitions, { signal });
      const found = items.find(({ spec }) => spec.group === group && spec.names.kind === kind);
      const version = found?.spec.versions.find(({ served: is }) => is)?.name;
      if (!found || version === undefined) return undefined;
      return { group, version, kind, resource: found.spec.names.plural, namespaced: found.spec.scope === 'Namespaced' };
    },
    scaleOf: async (target) => (await client.call({ verb: 'get', ...request(target) })) as V1Scale,
    async setReplicas(target, scale, replicas) {
      await client.call({ verb: 'update', ...request(target), body: { ...scale, spec: { replicas } } });
    },
  };
}
