// A request as webhooks and policies are shown it: in the version that they name, with an AdmissionRequest around it; and what they change,
// taken back into the draft.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request
import { badRequest, type Draft, type GroupVersionResource, type KindDefinition, type KubeObject } from '../../api/mod.ts';
import { userJson } from '../reviews/token-review.ts';
import type { AdmissionAttributes } from './chain.ts';

/** Which view of a request somebody is shown. */
export interface RequestForm {
  /** What the object is. */
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  /** What the request is to. */
  readonly resource: GroupVersionResource;
  /** The kind in whose version the stored object is shown. */
  readonly shownAs: KindDefinition;
}

export const formOf = ({ body }: Pick<AdmissionAttributes, 'body'>, shownAs: KindDefinition): RequestForm => {
  const { group, version, kind } = body ?? shownAs;
  return { kind: { group, version, kind }, resource: resourceOf(shownAs), shownAs };
};

const resourceOf = ({ group, version, resource }: KindDefinition): GroupVersionResource => ({ group, version, resource });

/** As the client has sent it. */
export const ownForm = (attributes: AdmissionAttributes): RequestForm => formOf(attributes, attributes.view ?? attributes.kind);

/** In each other version and group that serves the same objects. */
export function otherForms(attributes: AdmissionAttributes): readonly RequestForm[] {
  const { versions, view, kind } = attributes;
  if (!versions || versions.length < 2) return [];
  return versions.filter((one) => one !== (view ?? kind)).map((one) => formOf(attributes, one));
}

/** Has the objects of a request converted before {@link shownIn}, where another process does that. Throws StatusError. */
export async function showAhead(
  { shownAs }: RequestForm,
  { body, old }: AdmissionAttributes,
  object: KubeObject | undefined,
): Promise<void> {
  if (body || !shownAs.storage?.ahead) return;
  await shownAs.storage.ahead.shown([object, old].filter((one) => one !== undefined));
}

/** A stored object, or a body, as the form shows it. It may share parts with what it is made of. */
export function shownIn({ shownAs }: RequestForm, { body }: AdmissionAttributes, object: KubeObject): KubeObject {
  if (body) return body.of ? body.of.show(object) : object;
  return shownAs.storage ? shownAs.storage.fromStorage(object) : object;
}

/** The namespace of a request; that of a Namespace is itself. */
export const namespaceOfRequest = ({ kind, namespace, name }: Pick<AdmissionAttributes, 'kind' | 'namespace' | 'name'>): string =>
  kind.group === '' && kind.resource === 'namespaces' ? name : (namespace ?? '');

/** The AdmissionRequest, but for its uid and the objects. */
export function requestIn(form: RequestForm, attributes: AdmissionAttributes, withOptions = true): Readonly<Record<string, unknown>> {
  const { subresource, name, operation, user, dryRun, options } = attributes;
  const own = ownForm(attributes);
  const namespace = namespaceOfRequest(attributes);
  return {
    kind: form.kind,
    resource: form.resource,
    ...(subresource === undefined ? {} : { subResource: subresource }),
    requestKind: own.kind,
    requestResource: own.resource,
    ...(subresource === undefined ? {} : { requestSubResource: subresource }),
    ...(name === '' ? {} : { name }),
    ...(namespace === '' ? {} : { namespace }),
    operation,
    userInfo: userJson(user),
    dryRun,
    ...(withOptions ? { options: options ?? null } : {}),
  };
}

/** What the server alone says of an object: whoever else changes it changes nothing. */
const ownMetadata = [
  'uid',
  'creationTimestamp',
  'generation',
  'resourceVersion',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'selfLink',
] as const;

/** Decodes a changed tree as an object of a kind, in the form that is stored. Throws StatusError. */
export type DecodeChanged = (tree: unknown, kind: KindDefinition) => Promise<Draft<KubeObject>>;

/**
 * Puts what somebody has made of the shown object into the draft, in place. Throws StatusError when it does not decode, or is of another namespace.
 */
export async function takeBack(
  draft: Draft<KubeObject>,
  changed: KubeObject,
  { form, attributes, decode }: { readonly form: RequestForm; readonly attributes: AdmissionAttributes; readonly decode: DecodeChanged },
): Promise<void> {
  const { body, kind, subresource, namespace, old } = attributes;
  if (body) {
    if (body.of) body.of.take(draft, changed);
    else replace(draft, { ...changed } as Draft<KubeObject>);
    return;
  }
  const next = await decode(changed, form.shownAs);
  kind.setDefaults?.(next);
  next.metadata ??= {};
  if (kind.namespaced && (next.metadata.namespace ?? namespace) !== namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  const standing = draft.metadata ?? {};
  for (const field of ownMetadata) {
    if (standing[field] === undefined) delete next.metadata[field];
    else Object.assign(next.metadata, { [field]: standing[field] });
  }
  if (subresource !== 'status' || !old) {
    replace(draft, next);
    form.shownAs.storage?.ahead?.moved(next as KubeObject, draft as KubeObject);
    return;
  }
  // Whoever writes the status writes nothing of the spec.
  if (standing.ownerReferences === undefined) delete next.metadata.ownerReferences;
  else next.metadata.ownerReferences = standing.ownerReferences;
  const { status } = next as { status?: unknown };
  replace(draft, { ...draft, metadata: next.metadata, ...(status === undefined ? {} : { status }) });
}

function replace(draft: Draft<KubeObject>, next: Draft<KubeObject>): void {
  for (const key of Object.keys(draft)) delete (draft as Record<string, unknown>)[key];
  Object.assign(draft, next);
}
