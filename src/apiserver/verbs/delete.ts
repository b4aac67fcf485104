// DELETE of one object and of a collection: marks, removes, or leaves to finalizers; answers with the object or a Status.
import {
  conflict,
  formatTime,
  invalidValue,
  type KindDefinition,
  type KubeObject,
  notFound,
  StatusError,
  type V1Status,
} from '../../api/mod.ts';
import { RevisionMismatchError } from '../../store/mod.ts';
import { nameOf, namespaceOf, type Resource } from '../registry/resource.ts';
import type { Encoded, RequestContext, ResourceRequest, Result } from '../request.ts';
import type { CacheEntry } from '../watch-cache/mod.ts';
import { type DeleteOptions, deleteOptions, ignoreReadErrorField } from './delete-options.ts';
import { planDelete } from './delete-plan.ts';
import { list } from './list.ts';
import { invalidOptions } from './options.ts';
import type { Services } from './services.ts';
import { viewOf } from './view.ts';
import { asObject, attributesOf, encoded } from './write.ts';
import { writeOff } from './write-off.ts';

const attemptsMax = 20;

/** One delete on its way. */
export interface Deletion {
  readonly services: Services;
  readonly resource: Resource;
  /** The kind of the request, where its objects are stored as those of another kind. */
  readonly view?: KindDefinition | undefined;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly options: DeleteOptions;
  readonly context: RequestContext;
  /** Admission has judged the request that this delete is a part of. */
  readonly admitted?: boolean;
}

/** `gone`: it stood so when it was removed. Otherwise it waits for its grace period or its finalizers. */
export interface Deleted {
  readonly entry: Encoded;
  readonly gone: boolean;
}

export async function deleteOne(services: Services, request: ResourceRequest, context: RequestContext): Promise<Result> {
  const { kind, name = '' } = request;
  const options = deleteOptions(request);
  warnOfDefault(kind, options, context);
  const namespace = kind.namespaced ? request.namespace : undefined;
  const resource = services.registry.of(kind);
  if (options.ignoreReadError) return writeOff(services, { resource, namespace, name }, context);
  const { entry, gone } = await deleteObject({ services, resource, view: viewOf(kind), namespace, name, options, context });
  if (!gone || resource.kind.deleteReturnsObject === true) return { as: 'object', code: 200, kind, entry };
  return { as: 'other', code: 200, object: successOf(resource, entry.object) };
}

function successOf(resource: Resource, object: KubeObject): V1Status {
  const { group, resource: kind } = resource.kind;
  const uid = object.metadata?.uid;
  const details = { name: nameOf(object), ...(group === '' ? {} : { group }), kind, ...(uid === undefined ? {} : { uid }) };
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
}

/** What the kind does when nobody says what is to become of the object's dependents may surprise. */
function warnOfDefault({ deleteWarning }: KindDefinition, options: DeleteOptions, context: RequestContext): void {
  const { propagationPolicy, orphanDependents } = options;
  if (deleteWarning !== undefined && propagationPolicy === undefined && orphanDependents === undefined) context.warn(deleteWarning);
}

/** Carries out a delete, again when others write meanwhile. Throws 404 when the object is not there. */
export async function deleteObject(deletion: Deletion): Promise<Deleted> {
  const { services, resource, namespace, name, options, context } = deletion;
  for (let attempt = 1; ; attempt++) {
    if (attempt > 1) context.signal.throwIfAborted();
    const entry = resource.get(namespace, name);
    if (!entry) throw notFound(resource.subject(name));
    checkPreconditions(deletion, entry.object);
    if (deletion.admitted !== true) await admitDelete(deletion, entry.object);
    try {
      return await attemptDelete(deletion, entry);
    } catch (error) {
      if (!(error instanceof RevisionMismatchError)) throw error;
      if (!error.current) throw notFound(resource.subject(name));
      if (attempt === attemptsMax || options.preconditions.resourceVersion !== undefined)
        throw conflict(resource.subject(name), attemptsText);
      await services.registry.cache.reach(error.current.revision, context);
    }
  }
}

async function admitDelete(deletion: Deletion, object: KubeObject): Promise<void> {
  const { admission } = deletion.services;
  const attributes = attributesOf({ ...deletion, subresource: undefined }, 'DELETE', object);
  await admission.mutate(attributes);
  await admission.validate(attributes);
}

const attemptsText = 'the object has been modified; please apply your changes to the latest version and try again';

async function attemptDelete(deletion: Deletion, entry: CacheEntry): Promise<Deleted> {
  const { services, resource, options, context } = deletion;
  const { kind, hooks } = resource;
  const { object } = entry;
  const nowMs = context.clock.nowMs();
  const plan = planDelete({ kind, object, options, held: hooks.holdsDeletion?.(object) === true, nowMs });
  if (plan.do === 'keep') return { entry, gone: false };
  if (plan.do === 'remove') {
    if (!options.dryRun) await remove(deletion, entry);
    return { entry, gone: true };
  }
  if (object.metadata?.deletionTimestamp === undefined) {
    hooks.onDeletionMark?.(plan.draft, { dryRun: options.dryRun, nowTime: formatTime(nowMs) });
  }
  if (options.dryRun) return { entry: encoded(asObject(plan.draft)), gone: plan.thenRemove };
  // Two writes: watchers see the object with its grace at zero before they see it go.
  const marked = await services.registry.update(entry, plan.draft, context);
  if (plan.thenRemove) await removeMarked(deletion, marked);
  return { entry: marked, gone: plan.thenRemove };
}

async function remove(deletion: Deletion, entry: CacheEntry): Promise<void> {
  await deletion.services.registry.delete(entry, deletion.context);
  await deletion.resource.hooks.afterDelete?.(entry.object);
}

/** Someone may write, or remove it first, between the mark and the removal. */
async function removeMarked(deletion: Deletion, marked: CacheEntry): Promise<void> {
  try {
    await remove(deletion, marked);
  } catch (error) {
    if (error instanceof RevisionMismatchError && !error.current) return;
    throw error;
  }
}

/** The Kind and not the resource stands in these errors, unlike in other conflicts. */
function checkPreconditions(deletion: Deletion, object: KubeObject): void {
  const { uid, resourceVersion } = deletion.options.preconditions;
  const { group, kind } = deletion.resource.kind;
  const subject = { group, resource: kind, name: deletion.name };
  const standing = object.metadata;
  if (uid !== undefined && uid !== standing?.uid) {
    throw conflict(
      subject,
      `the UID in the precondition (${uid}) does not match the UID in record (${standing?.uid ?? ''}). The object might have been deleted and then recreated`,
    );
  }
  if (resourceVersion !== undefined && resourceVersion !== standing?.resourceVersion) {
    throw conflict(
      subject,
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${standing?.resourceVersion ?? ''}). The object might have been modified`,
    );
  }
}

/** So many of a collection are deleted at a time: together they share the store's commits. */
const collectionBatch = 32;

/** Deletes what the selectors select and answers with the list of it. What others delete first is passed over. */
export async function deleteCollection(services: Services, request: ResourceRequest, context: RequestContext): Promise<Result> {
  const { kind } = request;
  const options = deleteOptions(request);
  if (options.ignoreReadError) {
    throw invalidOptions('DeleteOptions', [
      invalidValue(ignoreReadErrorField, true, 'is not allowed with DELETECOLLECTION, try again after removing the option'),
    ]);
  }
  warnOfDefault(kind, options, context);
  const resource = services.registry.of(kind);
  const found = await list(services, { ...request, verb: 'list' }, context);
  if (found.as !== 'list') return found;
  const deleteEntry = async ({ object }: Encoded) => {
    try {
      const [namespace, name] = [namespaceOf(object), nameOf(object)];
      await deleteObject({ services, resource, view: viewOf(kind), namespace, name, options, context });
    } catch (error) {
      if (!(error instanceof StatusError) || error.code !== 404) throw error;
    }
  };
  for (let at = 0; at < found.entries.length; at += collectionBatch) {
    const settled = await Promise.allSettled(found.entries.slice(at, at + collectionBatch).map(deleteEntry));
    for (const each of settled) if (each.status === 'rejected') throw each.reason;
  }
  return found;
}
