// ResourceQuota: what a namespace may hold is never exceeded, however many create at once.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#resourcequota
import { forbidden, type KindDefinition, type KubeObject, type V1ResourceQuota } from '../../../api/mod.ts';
import type { AdmissionPlugin } from '../chain.ts';
import type { LimitedResource } from '../settings.ts';
import { mayUseMore } from './check.ts';
import { Lane, type QuotaStore } from './lane.ts';
import { uncovered } from './limited.ts';

export interface ResourceQuotaOptions extends QuotaStore {
  /** False while nobody has any quota: then nothing is looked up. */
  readonly any: () => boolean;
  /** What may be used only where a quota covers it. Default: nothing. */
  readonly limited?: readonly LimitedResource[] | undefined;
}

/** The requests of one namespace go through one lane, so that they are charged together, one write of the quota for many. */
export function resourceQuota(options: ResourceQuotaOptions): AdmissionPlugin {
  const { limited = [] } = options;
  const lanes = new Map<string, Lane>();
  const laneOf = (namespace: string): Lane => {
    const standing = lanes.get(namespace);
    if (standing) return standing;
    for (const [name, lane] of lanes) if (lane.idle && options.quotas(name).length === 0) lanes.delete(name);
    const lane = new Lane(namespace, options);
    lanes.set(namespace, lane);
    return lane;
  };
  return {
    name: 'ResourceQuota',
    reserve(attributes, object) {
      const { kind, namespace, old, name, dryRun, operation } = attributes;
      if (namespace !== undefined && operation === 'CREATE' && limited.length > 0 && mayUseMore(attributes)) {
        const standing = options.quotas(namespace).map((entry) => entry.object as V1ResourceQuota);
        const why = uncovered(limited, standing, { kind, object, old: undefined }, options.clock.nowMs());
        if (why !== undefined) throw forbidden(subjectOf(kind, name), why);
      }
      if (namespace === undefined || !options.any() || !mayUseMore(attributes) || options.quotas(namespace).length === 0) return undefined;
      const refuse = (why: string) => forbidden(subjectOf(kind, name), why);
      const { signal } = attributes; // Here and not before: a signal is made when it is asked for.
      return laneOf(namespace).reserve({ kind, object, old: operation === 'UPDATE' ? old : undefined, dryRun, signal, refuse });
    },
  };
}

const subjectOf = ({ group, resource }: KindDefinition, name: KubeObject['kind']) => ({ group, resource, name: name || undefined });
