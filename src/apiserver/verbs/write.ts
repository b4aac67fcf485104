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
import type { AdmissionAttributes, AdmissionBody, Operation } from '../admission/mod.ts';
import type { HookContext } from '../registry/hooks.ts';
import { nameOf, type Resource } from '../registry/resource.ts';
import type { Encoded, RequestContext } from '../request.ts';
import type { DeleteOptions } from './delete-options.ts';
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
  /** What admission is shown, where that is not the resource's own kind. */
  readonly body?: AdmissionBody;
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

export const attributesOf = (write: AnyWrite, operation: Operation, old?: KubeObject): AdmissionAttributes =>
  new WriteAttributes(write, operation, old);

type AnyWrite = Omit<Write, 'options'> & { readonly options: WriteOptions | DeleteOptions };

/** A class, as the context of a request at the edge is (`routes.ts`), for its getters. */
class WriteAttributes implements AdmissionAttributes {
  readonly #write: AnyWrite;
  readonly operation: Operation;
  readonly kind: KindDefinition;
  readonly view: KindDefinition | undefined;
  readonly versions: readonly KindDefinition[];
  readonly body: AdmissionBody | undefined;
  readonly subresource: string | undefined;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly old: KubeObject | undefined;
  readonly user: RequestContext['user'];
  readonly dryRun: boolean;
  readonly warn: RequestContext['warn'];
  readonly annotate: RequestContext['annotate'];

  constructor(write: AnyWrite, operation: Operation, old: KubeObject | undefined) {
    const { resource, context } = write;
    this.#write = write;
    this.operation = operation;
    this.kind = resource.kind;
    this.view = write.view;
    this.versions = resource.versions;
    this.body = write.body;
    this.subresource = write.trackedAs ?? write.subresource;
    this.namespace = write.namespace;
    this.name = write.name;
    this.old = old;
    this.user = context.user;
    this.dryRun = write.options.dryRun;
    this.warn = context.warn;
    this.annotate = context.annotate;
  }

  /** Made when it is asked for, as the signal is. */
  get options(): object {
    return shownOptions(this.operation, this.#write.options);
  }

  get signal(): AbortSignal {
    return this.#write.context.signal;
  }
}

/** The options of a request as an object of their kind. Those of a patch are shown as those of the update that it is. */
function shownOptions(operation: Operation, options: WriteOptions | DeleteOptions): object {
  const apiVersion = 'meta.k8s.io/v1';
  const dryRun = options.dryRun ? { dryRun: ['All'] } : {};
  if ('sent' in options)
    return { kind: operation === 'CREATE' ? 'CreateOptions' : 'UpdateOptions', apiVersion, ...dryRun, ...options.sent };
  const { dryRun: _, preconditions, ...rest } = options;
  const wanted = preconditions.uid !== undefined || preconditions.resourceVersion !== undefined;
  return { kind: 'DeleteOptions', apiVersion, ...rest, ...(wanted ? { preconditions } : {}), ...dryRun };
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
