// CREATE: stamp the metadata, run the kind's rules, store; names are drawn again when a generated one is taken.
import { alreadyExists, badRequest, type Draft, generateName, type KubeObject, StatusError } from '../../api/mod.ts';
import { RevisionMismatchError } from '../../store/mod.ts';
import type { Reservation } from '../registry/hooks.ts';
import type { RequestContext, ResourceRequest, Result } from '../request.ts';
import { decodeObject } from './body.ts';
import { objectMetaErrors } from './object-meta.ts';
import { plainError, writeOptions } from './options.ts';
import type { Services } from './services.ts';
import { convertedDraft, showAhead, viewOf } from './view.ts';
import {
  asObject,
  attributesOf,
  encoded,
  hookContextOf,
  refuseInvalid,
  trackFields,
  type Write,
  warnAbout,
  writeContextOf,
} from './write.ts';

/** As upstream: a generated name that is taken is drawn anew so often. */
const generateAttemptsMax = 8;

export async function create(services: Services, request: ResourceRequest, context: RequestContext): Promise<Result> {
  const { kind } = request;
  const options = writeOptions(request, 'CreateOptions', context.userAgent);
  const draft = await convertedDraft(kind, decodeObject(services.decodeBody, request, options.fieldValidation, context));
  const meta = metadataOf(draft);
  const namespace = kind.namespaced ? namespaceFor(request, meta.namespace) : undefined;
  if (request.name !== undefined && request.name !== '' && meta.name !== undefined && request.name !== meta.name) {
    throw badRequest(`the name of the object (${meta.name}) does not match the name on the URL (${request.name})`);
  }
  if (meta.resourceVersion) throw plainError('resourceVersion should not be set on objects to be created');
  const resource = services.registry.of(kind);
  const write: Write = {
    services,
    resource,
    view: viewOf(kind),
    namespace,
    name: meta.name ?? '',
    subresource: undefined,
    options,
    context,
  };
  return createDraft(write, draft, true);
}

/** Stores a draft as a new object. `tracked`: its managedFields are yet to be set, as they are not for server-side apply. */
export async function createDraft(write: Write, draft: Draft<KubeObject>, tracked: boolean): Promise<Result> {
  const { services, resource, options } = write;
  const { kind, hooks } = resource;
  const attributes = attributesOf(write, 'CREATE');
  if (kind.namespaced) metadataOf(draft).namespace = write.namespace;
  else delete metadataOf(draft).namespace;
  kind.setDefaults?.(draft);
  // Before admission: what plugins and the server add belongs to nobody.
  if (tracked) trackFields(write, draft, undefined);
  await services.admission.mutate(attributes, draft);
  stamp(write, draft);
  const base = draft.metadata?.name ? undefined : draft.metadata?.generateName;
  if (base) metadataOf(draft).name = generateName(base, write.context.random);
  const reservation = hooks.beforeCreate && (await hooks.beforeCreate(draft, hookContextOf(write)));
  let admitted: Reservation | undefined;
  let stored = false;
  try {
    kind.prepareCreate?.(draft, writeContextOf(write.context));
    if (write.view?.storage?.ahead) await showAhead(write.view, { object: asObject(draft) });
    refuseInvalid(resource, asObject(draft), [
      ...objectMetaErrors(kind, asObject(draft)),
      ...((write.view?.storage?.validateCreate ?? kind.validateCreate)?.(asObject(draft)) ?? []),
      ...(hooks.validate?.(asObject(draft), undefined) ?? []),
    ]);
    warnAbout(write, asObject(draft), undefined);
    const named = attributesOf({ ...write, name: draft.metadata?.name ?? '' }, 'CREATE');
    await services.admission.validate(named, asObject(draft));
    admitted = await services.admission.reserve(named, asObject(draft));
    if (options.dryRun) return dryRunAnswer(write, draft);
    const entry = await store(write, draft, base);
    stored = true;
    return { as: 'object', code: 201, kind, entry };
  } finally {
    if (reservation) await (stored ? reservation.commit() : reservation.release());
    if (admitted) await (stored ? admitted.commit() : admitted.release());
  }
}

function dryRunAnswer(write: Write, draft: Draft<KubeObject>): Result {
  const { resource, namespace } = write;
  const name = draft.metadata?.name ?? '';
  if (resource.get(namespace, name)) throw taken(write, name);
  return { as: 'object', code: 201, kind: resource.kind, entry: encoded(asObject(draft)) };
}

async function store(write: Write, draft: Draft<KubeObject>, base: string | undefined) {
  const { services, resource, namespace, context } = write;
  for (let attempt = 1; ; attempt++) {
    const name = draft.metadata?.name ?? '';
    try {
      return await services.registry.create(resource.keyOf(namespace, name), draft, context);
    } catch (error) {
      if (!(error instanceof RevisionMismatchError)) throw error;
      if (base === undefined) throw taken(write, name);
      if (attempt === generateAttemptsMax) throw generateNameConflict(write, name);
      metadataOf(draft).name = generateName(base, context.random);
    }
  }
}

/** Says so when the one that stands is on its way out. */
function taken(write: Write, name: string): StatusError {
  const error = alreadyExists(write.resource.subject(name));
  if (write.resource.get(write.namespace, name)?.object.metadata?.deletionTimestamp === undefined) return error;
  const { code, reason, details } = error;
  return new StatusError({ code, reason, message: `object is being deleted: ${error.message}`, details });
}

function generateNameConflict(write: Write, name: string): StatusError {
  const { code, reason, message, details } = alreadyExists(write.resource.subject(name));
  return new StatusError({
    code,
    reason,
    message: `${message}, the server was not able to generate a unique name for the object`,
    details: { ...details, retryAfterSeconds: 1 },
  });
}

/** What the server alone says of a new object. */
function stamp(write: Write, draft: Draft<KubeObject>): void {
  const { nowTime } = writeContextOf(write.context);
  const meta = metadataOf(draft);
  delete meta.deletionTimestamp;
  delete meta.deletionGracePeriodSeconds;
  delete meta.selfLink;
  delete meta.resourceVersion;
  meta.uid = write.context.random.uuid();
  meta.creationTimestamp = nowTime;
  if (write.resource.kind.hasGeneration) meta.generation = 1;
}

function namespaceFor(request: ResourceRequest, own: string | undefined): string {
  const namespace = request.namespace ?? own;
  if (!namespace) throw badRequest('an empty namespace may not be set during creation');
  if (own && own !== namespace) throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  return namespace;
}

export function metadataOf(draft: Draft<KubeObject>): NonNullable<Draft<KubeObject>['metadata']> {
  draft.metadata ??= {};
  return draft.metadata;
}
