// What create and update share: admission attributes, validation, hooks' reservations, answers of dry runs.
import { encodeObject } from '../../api/codec/mod.ts';
import {
  type Draft,
  deepFreeze,
  type FieldError,
  formatTime,
  invalid,
  type KindDefinition,
  type KubeObject,
  type WriteContext,
} from '../../api/mod.ts';
import type { AdmissionAttributes, Operation } from '../admission/mod.ts';
import type { HookContext } from '../registry/hooks.ts';
import { nameOf, type Resource } from '../registry/resource.ts';
import type { Encoded, RequestContext } from '../request.ts';
import type { WriteOptions } from './options.ts';
import type { Services } from './services.ts';
import { inServedForm } from './view.ts';

/** One write on its way: everything that its steps need. */
export interface Write {
  readonly services: Services;
  readonly resource: Resource;
  /** The kind of the request, where its objects are stored as those of another kind, which is the resource's. */
  readonly view?: KindDefinition | undefined;
  readonly namespace: string | undefined;
  /** Empty on a create whose name is yet to be generated. */
  readonly name: string;
  readonly subresource: string | undefined;
  /** What the entries of managedFields name, where it is another subresource than the one whose rules hold. */
  readonly trackedAs?: string;
  readonly options: WriteOptions;
  readonly context: RequestContext;
}

export function writeContextOf(context: RequestContext): WriteContext {
  const nowMs = context.clock.nowMs();
  return { nowMs, nowTime: formatTime(nowMs), user: context.user };
}

export const hookContextOf = (write: Pick<Write, 'options' | 'context'>): HookContext => ({
  dryRun: write.options.dryRun,
  nowTime: formatTime(write.context.clock.nowMs()),
});

export function attributesOf(
  write: Omit<Write, 'options'> & { readonly options: Pick<WriteOptions, 'dryRun'> },
  operation: Operation,
  old?: KubeObject,
): AdmissionAttributes {
  const { resource, namespace, name, subresource, options, context } = write;
  const { user, warn } = context;
  const { dryRun } = options;
  return {
    operation,
    kind: resource.kind,
    subresource,
    namespace,
    name,
    old,
    user,
    dryRun,
    warn,
    // Made when it is asked for.
    get signal() {
      return context.signal;
    },
  };
}

/** Throws 422 with every error. */
export function refuseInvalid(resource: Resource, object: KubeObject, errors: readonly FieldError[]): void {
  if (errors.length === 0) return;
  const { group, kind } = resource.kind;
  throw invalid({ group, kind, name: nameOf(object) }, errors);
}

export function warnAbout(write: Write, object: KubeObject, old: KubeObject | undefined): void {
  for (const text of write.resource.kind.warnings?.(object, old) ?? []) write.context.warn(text);
}

/** An object that is answered but not stored. */
export function encoded(object: KubeObject): Encoded {
  return { object: deepFreeze(object), bytes: Buffer.from(encodeObject(object)) };
}

export const asObject = (draft: Draft<KubeObject>): KubeObject => draft as KubeObject;

/** An entry says which version was written: its fields are those of that version. */
export function trackFields(write: Write, draft: Draft<KubeObject>, old: KubeObject | undefined): void {
  const { services, resource, options, subresource, context, view } = write;
  if (!services.managedFields) {
    delete draft.metadata?.managedFields;
    return;
  }
  const kind = view ?? resource.kind;
  const shown = inServedForm(view, asObject(draft)) as Draft<KubeObject>;
  services.managedFields.update({
    draft: shown,
    old: old && inServedForm(view, old),
    kind,
    versions: resource.versions,
    manager: options.fieldManager,
    operation: 'Update',
    subresource: write.trackedAs ?? subresource,
    nowTime: formatTime(context.clock.nowMs()),
    apiVersion: shown.apiVersion ?? '',
  });
  if (shown === draft) return;
  const { managedFields } = shown.metadata ?? {};
  draft.metadata ??= {};
  if (managedFields === undefined) delete draft.metadata.managedFields;
  else draft.metadata.managedFields = managedFields;
}
