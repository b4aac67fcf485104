// UPDATE and everything that is one underneath (patches, status, other subresources): read, make the next state, compare-and-swap, again on conflict.
import {
  badRequest,
  conflict,
  type Draft,
  draftOf,
  type FieldError,
  type KubeObject,
  modifiedMessage,
  notFound,
  type UpdateRules,
} from '../../api/mod.ts';
import { RevisionMismatchError } from '../../store/mod.ts';
import type { Reservation } from '../registry/hooks.ts';
import { nameOf } from '../registry/resource.ts';
import type { RequestContext, ResourceRequest, Result } from '../request.ts';
import type { CacheEntry } from '../watch-cache/mod.ts';
import { decodeObject } from './body.ts';
import { createDraft, metadataOf } from './create.ts';
import { fieldsEqual, jsonEqual } from './equal.ts';
import { objectMetaUpdateErrors } from './object-meta.ts';
import { parseRevision, plainError, revisionProblem, writeOptions } from './options.ts';
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

/** Conflicts with others' writes, of a write that does not name a revision, are tried again so often. */
const attemptsMax = 100;

/** The next state of an object, as a client wants it. Called once an attempt; the draft is the loop's own. */
export interface NextState {
  readonly draft: Draft<KubeObject>;
  /** False for server-side apply, which has set managedFields itself. */
  readonly tracked: boolean;
  /** True for patches: made anew from whatever stands, so that its revision is no demand of the client's. */
  readonly rebased?: boolean;
}
export type MakeNext = (old: CacheEntry | undefined) => NextState | Promise<NextState>;

export async function update(services: Services, request: ResourceRequest, context: RequestContext): Promise<Result> {
  const { kind, namespace, name = '', subresource } = request;
  const options = writeOptions(request, 'UpdateOptions', context.userAgent);
  const resource = services.registry.of(kind);
  const own = kind.namespaced ? namespace : undefined;
  const write: Write = { services, resource, view: viewOf(kind), namespace: own, name, subresource, options, context };
  return updateLoop(write, resource.kind.createsOnUpdate === true && subresource === undefined, async () => {
    const draft = await convertedDraft(kind, decodeObject(services.decodeBody, request, options.fieldValidation, context));
    checkNames(write, draft);
    return { draft, tracked: true };
  });
}

export function checkNames(write: Write, draft: Draft<KubeObject>): void {
  const { name, namespace } = write;
  const meta = metadataOf(draft);
  if (!meta.name) throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
  if (meta.name !== name) throw badRequest(`the name of the object (${meta.name}) does not match the name on the URL (${name})`);
  if (!write.resource.kind.namespaced) delete meta.namespace;
  else if (meta.namespace && meta.namespace !== namespace) {
    throw badRequest(`the namespace of the object (${meta.namespace}) does not match the namespace on the request (${namespace ?? ''})`);
  }
}

/** Tries until the compare-and-swap holds. A draft that names a revision other than the standing one is a 409 at once. */
export async function updateLoop(write: Write, mayCreate: boolean, makeNext: MakeNext): Promise<Result> {
  const { services, resource, namespace, name, context } = write;
  for (let attempt = 1; ; attempt++) {
    if (attempt > 1) context.signal.throwIfAborted();
    const found = resource.get(namespace, name);
    const old = found && resource.current ? await resource.current(found) : found;
    if (!old && !mayCreate) throw notFound(resource.subject(name));
    await showAhead(write.view, old);
    const next = await makeNext(old);
    if (!old) return createFromUpdate(write, next);
    const named = checkPreconditions(write, next.draft, old);
    try {
      return await attemptUpdate(write, next, old);
    } catch (error) {
      if (!(error instanceof RevisionMismatchError)) throw error;
      if (!error.current) throw notFound(resource.subject(name));
      if ((named && next.rebased !== true) || attempt === attemptsMax) throw conflict(resource.subject(name), modifiedMessage);
      await services.registry.cache.reach(error.current.revision, context);
    }
  }
}

function createFromUpdate(write: Write, next: NextState): Promise<Result> {
  const meta = metadataOf(next.draft);
  const { name, resource } = write;
  // Apply creates whatever revision it was sent; a uid can only be that of an object that is gone.
  if (meta.uid) throw conflict(resource.subject(name), uidMismatch(write, meta.uid, ''));
  if (meta.resourceVersion && next.tracked) throw notFound(resource.subject(name));
  delete meta.resourceVersion;
  return createDraft(write, next.draft, next.tracked);
}

const uidMismatch = (write: Write, sent: string, standing: string): string => {
  const key = write.resource.keyOf(write.namespace, write.name);
  return `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${sent}, UID in object meta: ${standing}`;
};

/** True when the draft names the revision that it is based on. */
function checkPreconditions(write: Write, draft: Draft<KubeObject>, old: CacheEntry): boolean {
  const { resource, name } = write;
  const { uid, resourceVersion } = metadataOf(draft);
  if (uid && uid !== old.object.metadata?.uid) {
    throw conflict(resource.subject(name), uidMismatch(write, uid, old.object.metadata?.uid ?? ''));
  }
  if (!resourceVersion || resourceVersion === '0') {
    if (resource.kind.requiresResourceVersion !== true) return false;
    const message = 'Invalid value: 0: must be specified for an update';
    const error: FieldError = {
      type: 'FieldValueInvalid',
      field: 'metadata.resourceVersion',
      message,
      text: `metadata.resourceVersion: ${message}`,
    };
    refuseInvalid(resource, asObject(draft), [error]);
  }
  const revision = parseRevision(resourceVersion ?? '');
  if (revision === undefined) throw plainError(revisionProblem(resourceVersion ?? ''));
  if (revision !== old.revision) throw conflict(resource.subject(name), modifiedMessage);
  return true;
}

async function attemptUpdate(write: Write, next: NextState, old: CacheEntry): Promise<Result> {
  const { services, resource, options, context, subresource } = write;
  const { kind, hooks } = resource;
  const standing = old.object;
  const draft = subresource === 'status' ? statusDraft(next.draft, standing) : next.draft;
  if (subresource === undefined) kind.setDefaults?.(draft);
  keepOwnMetadata(draft, standing);
  if (next.tracked) trackFields(write, draft, standing);
  const attributes = attributesOf(write, 'UPDATE', standing);
  await services.admission.mutate(attributes, draft);
  const rules = rulesOf(write);
  rules.prepare?.(draft, standing, writeContextOf(context));
  if (kind.hasGeneration && subresource !== 'status' && !fieldsEqual({ ...draft }, { ...standing }, ['metadata', 'status'])) {
    metadataOf(draft).generation = (standing.metadata?.generation ?? 0) + 1;
  }
  // What is reserved follows from the spec, which a write of the status does not change.
  const reserves = subresource === 'status' ? undefined : hooks.beforeUpdate;
  const reservation = reserves && (await reserves(draft, standing, hookContextOf(write)));
  let admitted: Reservation | undefined;
  let stored = false;
  try {
    if (write.view?.storage?.ahead) await showAhead(write.view, { object: asObject(draft) });
    const errors = [...objectMetaUpdateErrors(kind, asObject(draft), standing), ...(hooks.validate?.(asObject(draft), standing) ?? [])];
    refuseInvalid(resource, asObject(draft), [...errors, ...(rules.validate?.(asObject(draft), standing) ?? [])]);
    warnAbout(write, asObject(draft), standing);
    await services.admission.validate(attributes, asObject(draft));
    admitted = await services.admission.reserve(attributes, asObject(draft));
    const entry = options.dryRun ? encoded(asObject(draft)) : await storeNext(write, draft, old);
    stored = !options.dryRun;
    return { as: 'object', code: 200, kind, entry };
  } finally {
    if (reservation) await (stored ? reservation.commit() : reservation.release());
    if (admitted) await (stored ? admitted.commit() : admitted.release());
  }
}

function rulesOf(write: Write): UpdateRules<KubeObject> {
  const { kind } = write.resource;
  const judged = write.view?.storage?.validateUpdate;
  if (write.subresource === undefined) return judged ? { ...kind.update, validate: judged } : (kind.update ?? {});
  if (write.subresource === 'status') return kind.status ?? {};
  return kind.subresources?.[write.subresource] ?? {};
}

/** Stores what differs. An object whose last hold on being deleted goes away, goes too. */
async function storeNext(write: Write, draft: Draft<KubeObject>, old: CacheEntry) {
  const { services, resource, context } = write;
  if (isReleased(write, asObject(draft), old.object)) {
    await services.registry.delete(old, context);
    await resource.hooks.afterDelete?.(old.object);
    return encoded(asObject(draft));
  }
  if (sameAs(draft, old.object) && services.registry.cache.store.isStale?.(old.key, old.revision) !== true) return old;
  return services.registry.update(old, draft, context);
}

export function isReleased(write: Pick<Write, 'resource'>, next: KubeObject, old: KubeObject): boolean {
  const meta = old.metadata;
  if (meta?.deletionTimestamp === undefined || (meta.deletionGracePeriodSeconds ?? 0) !== 0) return false;
  return (next.metadata?.finalizers ?? []).length === 0 && write.resource.hooks.holdsDeletion?.(next) !== true;
}

/** True when nothing but the revision may differ: then there is nothing to write, and the revision stays. */
function sameAs(draft: Draft<KubeObject>, old: KubeObject): boolean {
  if (!fieldsEqual({ ...draft.metadata }, { ...old.metadata }, ['resourceVersion', 'managedFields'])) return false;
  if (!fieldsEqual({ ...draft }, { ...old }, ['metadata'])) return false;
  return jsonEqual(withoutTimes(draft.metadata?.managedFields), withoutTimes(old.metadata?.managedFields));
}

/** A write that changes nothing does not touch the times of managedFields either. */
const withoutTimes = (fields: readonly { readonly time?: string | undefined }[] | undefined) => fields?.map(({ time: _, ...rest }) => rest);

/** The standing object with the sent status, and with the sent metadata but for the owner references. */
function statusDraft(sent: Draft<KubeObject>, old: KubeObject): Draft<KubeObject> {
  const { status: _, metadata: __, ...spec } = old as KubeObject & { readonly status?: unknown };
  const metadata = metadataOf(sent);
  if (old.metadata?.ownerReferences === undefined) delete metadata.ownerReferences;
  else metadata.ownerReferences = draftOf(old.metadata.ownerReferences);
  const { status } = sent as { status?: unknown };
  const { apiVersion, kind, ...rest } = draftOf(spec as KubeObject);
  return { apiVersion, kind, metadata, ...rest, ...(status === undefined ? {} : { status }) } as Draft<KubeObject>;
}

/** Puts back what no client changes. */
function keepOwnMetadata(draft: Draft<KubeObject>, old: KubeObject): void {
  const meta = metadataOf(draft);
  const standing = old.metadata ?? {};
  meta.name = nameOf(old);
  if (standing.namespace !== undefined) meta.namespace = standing.namespace;
  meta.uid = standing.uid;
  meta.creationTimestamp = standing.creationTimestamp;
  if (standing.generation === undefined) delete meta.generation;
  else meta.generation = standing.generation;
  if (standing.deletionTimestamp === undefined) delete meta.deletionTimestamp;
  else meta.deletionTimestamp = standing.deletionTimestamp;
  if (standing.deletionGracePeriodSeconds === undefined) delete meta.deletionGracePeriodSeconds;
  else meta.deletionGracePeriodSeconds = standing.deletionGracePeriodSeconds;
  delete meta.selfLink;
  meta.resourceVersion = standing.resourceVersion;
}
