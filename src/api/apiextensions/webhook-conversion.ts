// A version of a custom resource whose objects a webhook converts: what it has answered is kept for as long as it says the same.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#webhook-conversion
import type { V1CustomResourceDefinition, V1CustomResourceDefinitionVersion } from '../generated/types.gen.ts';
import type { KindDefinition, StorageConversion } from '../kind.ts';
import { equalValues } from '../merge/apply/values.ts';
import { apiVersionOf, type Draft, draftOf, type KubeObject } from '../meta/object.ts';
import { StatusError } from '../meta/status.ts';
import { errorsOf, inVersion, schemaOfVersion } from './custom-version.ts';

/** Asks a webhook for these objects in another apiVersion. Answers in their order. Throws StatusError. */
export type ConvertObjects = (
  definition: V1CustomResourceDefinition,
  objects: readonly KubeObject[],
  apiVersion: string,
) => Promise<readonly KubeObject[]>;

/** An answer of the webhook. */
interface Shown {
  readonly object: KubeObject;
  /** What it is of, as that was then: a draft goes on changing. Absent: what it is of is frozen. */
  readonly of?: KubeObject | undefined;
}

const shownOf = (of: KubeObject, object: KubeObject): Shown =>
  Object.isFrozen(of) ? { object } : { object, of: draftOf(of) as KubeObject };

/** Undefined when it says no more what is stored. */
function still({ object, of }: Shown, now: KubeObject): KubeObject | undefined {
  if (of === undefined) return object;
  const { metadata: then, ...rest } = of;
  const { metadata, ...restNow } = now;
  if (!equalValues(rest, restNow)) return undefined;
  if (equalValues(then, metadata)) return object;
  // Of metadata a webhook converts labels and annotations alone.
  const same = equalValues(then?.labels, metadata?.labels) && equalValues(then?.annotations, metadata?.annotations);
  if (!same) return undefined;
  const { labels, annotations } = object.metadata ?? {};
  const { labels: _labels, annotations: _annotations, ...kept } = metadata ?? {};
  return { ...object, metadata: { ...kept, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) } };
}

/** What a webhook answered is kept for as long as the object that it was asked about. */
export function webhookConversion(
  definition: V1CustomResourceDefinition,
  version: V1CustomResourceDefinitionVersion,
  { stored, convert }: { readonly stored: KindDefinition; readonly convert: ConvertObjects },
): StorageConversion<KubeObject, KubeObject> {
  const schema = schemaOfVersion(version);
  const ofStored = apiVersionOf(stored);
  const ofServed = apiVersionOf({ group: stored.group, version: version.name });
  const shown = new WeakMap<KubeObject, Shown>();
  const toBeStored = new WeakMap<KubeObject, Draft<KubeObject>>();
  const known = (object: KubeObject): KubeObject | undefined => {
    const found = shown.get(object);
    return found && still(found, object);
  };
  const fromStorage = (object: KubeObject): KubeObject =>
    known(object) ?? (object.apiVersion === ofServed ? inVersion(object, ofServed, schema, schema) : notConverted(ofServed));
  return {
    kind: stored,
    toStorage: (draft) => toBeStored.get(draft as KubeObject) ?? (draft.apiVersion === ofStored ? draft : notConverted(ofStored)),
    fromStorage,
    ahead: {
      async shown(objects) {
        const wanted = objects.filter((object) => object.apiVersion !== ofServed && !known(object));
        const made = wanted.length === 0 ? [] : await convert(definition, wanted, ofServed);
        for (const [index, object] of wanted.entries())
          shown.set(object, shownOf(object, inVersion(made[index] ?? object, ofServed, schema, schema)));
      },
      async stored(draft) {
        if (draft.apiVersion === ofStored) return;
        const [made] = await convert(definition, [draft as KubeObject], ofStored);
        if (!made) return;
        toBeStored.set(draft as KubeObject, made as Draft<KubeObject>);
        // Whoever looks at the draft in this version sees what was sent.
        shown.set(made, shownOf(made, draft as KubeObject));
      },
      moved(from, to) {
        const found = shown.get(from);
        if (found) shown.set(to, found);
      },
    },
    validateCreate: (object) => errorsOf(version, fromStorage(object)),
    validateUpdate: (next, old) => errorsOf(version, fromStorage(next), known(old)),
  };
}

function notConverted(apiVersion: string): never {
  throw new StatusError({
    code: 500,
    reason: 'InternalError',
    message: `Internal error occurred: the object has not been converted to ${apiVersion}`,
  });
}
