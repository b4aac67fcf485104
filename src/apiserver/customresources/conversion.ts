// Conversion webhooks: objects of one version are sent, and come back in another.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#webhook-conversion
import { type ConvertObjects, type KubeObject, StatusError, type V1CustomResourceDefinition, type V1Status } from '../../api/mod.ts';
import { errorText, type Random } from '../../base/mod.ts';
import type { WebhookClient } from '../webhooks/mod.ts';

const timeoutMs = 30_000;
const reviewVersion = 'apiextensions.k8s.io/v1';

export interface ConversionOptions {
  /** Asked for when the first object is to be converted. */
  readonly client: () => WebhookClient;
  readonly random: Random;
  readonly signal: AbortSignal;
}

interface Review {
  readonly response?: {
    readonly uid?: string;
    readonly result?: Pick<V1Status, 'status' | 'message'>;
    readonly convertedObjects?: readonly KubeObject[];
  };
}

export function createConverter({ client, random, signal }: ConversionOptions): ConvertObjects {
  return async (definition, objects, apiVersion) => {
    const uid = random.uuid();
    const body = JSON.stringify({
      kind: 'ConversionReview',
      apiVersion: reviewVersion,
      request: { uid, desiredAPIVersion: apiVersion, objects },
    });
    const target = definition.spec.conversion?.webhook?.clientConfig ?? {};
    try {
      const answer = await client().post(target, { body, timeoutMs, signal });
      return convertedObjects(JSON.parse(Buffer.from(answer).toString('utf8')) as Review, { uid, objects, apiVersion });
    } catch (error) {
      throw failed(definition, objects[0], error);
    }
  };
}

function failed(definition: V1CustomResourceDefinition, object: KubeObject | undefined, error: unknown): StatusError {
  const from = object?.apiVersion ?? definition.spec.group;
  const message = `conversion webhook for ${from}, Kind=${definition.spec.names.kind} failed: ${errorText(error)}`;
  return new StatusError({ code: 500, reason: '', message, cause: error });
}

interface Asked {
  readonly uid: string;
  readonly objects: readonly KubeObject[];
  readonly apiVersion: string;
}

/** Throws an Error that says what is wrong with the answer. */
export function convertedObjects({ response }: Review, { uid, objects, apiVersion }: Asked): readonly KubeObject[] {
  if (response === undefined) throw new Error('no response provided');
  if (response.uid !== uid) throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid ?? '')}`);
  if (response.result?.status !== 'Success') throw new Error(response.result?.message || 'response.result.status was not Success');
  const made = response.convertedObjects ?? [];
  if (made.length !== objects.length) throw new Error(`expected ${objects.length} converted objects, got ${made.length}`);
  return objects.map((object, index) => checked(object, made[index] as KubeObject, { index, apiVersion }));
}

/** A webhook may change labels and annotations; all other metadata stays as it was. */
function checked(before: KubeObject, after: KubeObject, { index, apiVersion }: { index: number; apiVersion: string }): KubeObject {
  const at = `response.convertedObjects[${index}]`;
  if (after.apiVersion !== apiVersion)
    throw new Error(`invalid converted object: ${at} should have apiVersion ${apiVersion}, got ${after.apiVersion ?? ''}`);
  if (after.kind !== before.kind)
    throw new Error(`invalid converted object: ${at} should have kind ${before.kind ?? ''}, got ${after.kind ?? ''}`);
  for (const field of ['name', 'namespace', 'uid'] as const) {
    if ((after.metadata?.[field] ?? '') !== (before.metadata?.[field] ?? '')) {
      throw new Error(`invalid metadata in object at index ${index}: metadata.${field} must not be changed`);
    }
  }
  const { labels: _labels, annotations: _annotations, ...kept } = before.metadata ?? {};
  const { labels, annotations } = after.metadata ?? {};
  return { ...after, metadata: { ...kept, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) } };
}
