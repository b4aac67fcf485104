// APIServices of what this server answers itself: made for the built-in groups at its start, kept for custom resources as they come and go.
import { apiVersionOf, type KindDefinition, metricsKinds, type V1APIService } from '../../api/mod.ts';
import { isBuiltInGroup, priorityOf } from '../discovery/priorities.ts';

export const automanagedLabel = 'kube-aggregator.kubernetes.io/automanaged';

/** Of every group version but that of APIServices themselves. */
export function wantedServices(kinds: readonly KindDefinition[]): readonly V1APIService[] {
  const versions = new Map(kinds.map(({ group, version }) => [apiVersionOf({ group, version }), { group, version }]));
  return [...versions.values()]
    .filter(({ group }) => group !== 'apiregistration.k8s.io')
    .map(({ group, version }) => {
      const priority = priorityOf(group, version);
      return {
        apiVersion: 'apiregistration.k8s.io/v1',
        kind: 'APIService',
        metadata: { name: `${version}.${group}`, labels: { [automanagedLabel]: isBuiltInGroup(group) ? 'onstart' : 'true' } },
        spec: { ...(group === '' ? {} : { group }), version, groupPriorityMinimum: priority.group, versionPriority: priority.version },
      };
    });
}

export interface ServicesPlan {
  readonly create: readonly V1APIService[];
  readonly update: readonly V1APIService[];
  readonly delete: readonly V1APIService[];
}

/**
 * What is to be written. Objects without the label are somebody else's, and stay as they are. Those of built-in groups are looked after
 * when the server starts; deleted later, they stay away until the next start.
 */
export function planServices(kinds: readonly KindDefinition[], standing: readonly V1APIService[], atStart: boolean): ServicesPlan {
  const wanted = wantedServices(kinds);
  const byName = new Map(standing.map((object) => [object.metadata?.name, object]));
  const names = new Set(wanted.map(({ metadata }) => metadata?.name));
  const looksAfter = (object: V1APIService): boolean => {
    const managed = object.metadata?.labels?.[automanagedLabel];
    return managed === 'true' || (atStart && managed === 'onstart');
  };
  return {
    create: wanted.filter((object) => looksAfter(object) && !byName.has(object.metadata?.name)),
    update: wanted.flatMap((object) => {
      const old = byName.get(object.metadata?.name);
      if (!old || !looksAfter(object) || !looksAfter(old) || sameSpec(old, object) || givesWay(old)) return [];
      return [{ ...old, spec: object.spec } as V1APIService];
    }),
    delete: standing.filter((object) => looksAfter(object) && !names.has(object.metadata?.name)),
  };
}

/** Whoever installs a metrics server of their own gets its figures. */
const givesWay = ({ spec }: V1APIService): boolean => spec?.service !== undefined && metricsKinds.some(({ group }) => group === spec.group);

function sameSpec({ spec: a }: V1APIService, { spec: b }: V1APIService): boolean {
  const same = a?.groupPriorityMinimum === b?.groupPriorityMinimum && a?.versionPriority === b?.versionPriority;
  return same && a?.service === undefined && a?.version === b?.version && (a?.group ?? '') === (b?.group ?? '');
}
