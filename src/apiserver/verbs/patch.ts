// PATCH: the patch is carried out on the object as it stands, and what comes out is stored like an update; again on conflict.
import { badRequest, type Draft, formatTime, type KindDefinition, type KubeObject, StatusError } from '../../api/mod.ts';
import type { RequestContext, ResourceRequest, Result } from '../request.ts';
import type { CacheEntry } from '../watch-cache/mod.ts';
import { decodePatched, parseJson } from './body.ts';
import { writeOptions } from './options.ts';
import type { PatchEngine } from './patch-engine.ts';
import type { Services } from './services.ts';
import { checkNames, type NextState, updateLoop } from './update.ts';
import { convertedDraft, shownEntry, viewOf } from './view.ts';
import type { Write } from './write.ts';

const applyType = 'application/apply-patch+yaml';
const strategicType = 'application/strategic-merge-patch+json';

export async function patch(services: Services, request: ResourceRequest, context: RequestContext): Promise<Result> {
  const { kind, namespace, name = '', subresource, patchType } = request;
  const options = writeOptions(request, 'PatchOptions', context.userAgent);
  if (kind.custom && patchType === strategicType) throw unsupportedPatch(services.patchEngine, customPatchTypes);
  const document = patchDocument(request);
  const resource = services.registry.of(kind);
  const view = viewOf(kind);
  const own = kind.namespaced ? namespace : undefined;
  const write: Write = { services, resource, view, namespace: own, name, subresource, options, context };
  const applies = patchType === applyType;
  return updateLoop(write, applies && subresource === undefined, async (old): Promise<NextState> => {
    const patched = applies
      ? applyTo(write, old, document)
      : applyPatch(services.patchEngine, {
          type: patchType,
          document: old && shownEntry(view, old).object,
          patch: document,
          schema: kind.schema,
        });
    const draft = await convertedDraft(
      kind,
      decodePatched(patched, kind, { fieldValidation: options.fieldValidation, warn: context.warn }),
    );
    if (applies) fillNames(draft, write);
    checkNames(write, draft);
    return { draft, tracked: !applies, rebased: true };
  });
}

function fillNames(draft: Draft<KubeObject>, write: Write): void {
  draft.metadata ??= {};
  draft.metadata.name ??= write.name;
}

/** The patch itself. The edge hands server-side apply's YAML over as an object; JSON is YAML too. */
export function patchDocument(request: ResourceRequest): unknown {
  const { body } = request;
  const document = body?.as === 'bytes' ? parseJson(body.bytes) : body?.object;
  if (document === undefined) throw badRequest('error decoding patch: the request has no body');
  return document;
}

export interface PatchStep {
  readonly type: ResourceRequest['patchType'];
  readonly document: unknown;
  readonly patch: unknown;
  readonly schema: string;
}

export function applyPatch(engine: PatchEngine, step: PatchStep): unknown {
  switch (step.type) {
    case 'application/json-patch+json':
      return engine.jsonPatch(step.document, step.patch);
    case 'application/merge-patch+json':
      return engine.mergePatch(step.document, step.patch);
    case 'application/strategic-merge-patch+json':
      return engine.strategicMerge(step.document, step.patch, step.schema);
    default:
      throw unsupportedPatch(engine);
  }
}

/** Server-side apply. */
export function applyTo(write: Write, old: CacheEntry | undefined, document: unknown): unknown {
  const { services, resource, view, options, context } = write;
  const subresource = write.trackedAs ?? write.subresource;
  if (!services.patchEngine.apply) throw unsupportedPatch(services.patchEngine);
  const kind: KindDefinition = view ?? resource.kind;
  const live = old && shownEntry(view, old).object;
  const nowTime = formatTime(context.clock.nowMs());
  const { fieldManager: manager, force } = options;
  return services.patchEngine.apply({ live, patch: document, kind, versions: resource.versions, manager, force, subresource, nowTime });
}

/** Nothing says how lists of custom resources merge. */
const customPatchTypes = ['application/json-patch+json', 'application/merge-patch+json'];
const patchTypes = [...customPatchTypes, strategicType];

function unsupportedPatch(engine: PatchEngine, types: readonly string[] = patchTypes): StatusError {
  const accepted = engine.apply ? [...types, applyType] : types;
  return new StatusError({
    code: 415,
    reason: 'UnsupportedMediaType',
    message: `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  });
}
