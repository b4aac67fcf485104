// The kinds that users define, for the controllers that work on all kinds: one of each, as definitions come and go.
import { customresourcedefinitions, isConditionTrue, type Persisted, type V1CustomResourceDefinition } from '../../api/mod.ts';
import type { Informers } from '../../client/mod.ts';
import type { CustomKindHandler, CustomKinds, ServedKind } from './controller.ts';

type Definition = Persisted<V1CustomResourceDefinition>;

/** The kind of a definition in one of its versions, that which is stored where it can be reached; undefined while none is served. */
export function servedKindOf({ spec, status }: V1CustomResourceDefinition): ServedKind | undefined {
  if (!isConditionTrue(status?.conditions, 'Established')) return undefined;
  const served = spec.versions.filter((version) => version.served);
  const version = served.find((one) => one.storage) ?? served[0];
  if (!version) return undefined;
  const { group, names, scope } = spec;
  return {
    group,
    version: version.name,
    kind: status?.acceptedNames?.kind || names.kind,
    resource: names.plural,
    namespaced: scope === 'Namespaced',
  };
}

const isSame = (a: ServedKind, b: ServedKind): boolean => a.version === b.version && a.kind === b.kind && a.namespaced === b.namespaced;

/** Follows the definitions for as long as the informers run. */
export function followCustomKinds(informers: Informers): CustomKinds {
  const kinds = new Map<string, ServedKind>();
  const handlers = new Set<CustomKindHandler>();
  const remove = (name: string, standing: ServedKind): void => {
    kinds.delete(name);
    for (const handler of handlers) handler.removed(standing);
    informers.release(standing);
  };
  const set = (definition: Definition, next: ServedKind | undefined): void => {
    const { name } = definition.metadata;
    const standing = kinds.get(name);
    if (standing && next && isSame(standing, next)) return;
    if (standing) remove(name, standing);
    if (!next) return;
    kinds.set(name, next);
    for (const handler of handlers) handler.added(next);
  };
  informers.of(customresourcedefinitions).onChange(({ old, next }) => {
    if (next) set(next, servedKindOf(next));
    else if (old) set(old, undefined);
  });
  return {
    list: () => [...kinds.values()],
    onChange(handler) {
      handlers.add(handler);
      for (const kind of kinds.values()) handler.added(kind);
      return () => handlers.delete(handler);
    },
  };
}
