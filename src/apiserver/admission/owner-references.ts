// OwnerReferencesPermissionEnforcement: owners of an object are changed by those who may delete it; its owner is held by those who may finalize that.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#ownerreferencespermissionenforcement
import { forbidden, type KindDefinition, type KubeObject, sameMeaning, type V1OwnerReference } from '../../api/mod.ts';
import type { Attributes, Authorizer } from '../authz/authorizer.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './chain.ts';

export interface OwnerReferencesOptions {
  readonly authorizer: Authorizer;
  /** The kind that an owner is of. */
  readonly kindOf: (apiVersion: string, kind: string) => KindDefinition | undefined;
}

const ownersOf = (object: KubeObject | undefined): readonly V1OwnerReference[] => object?.metadata?.ownerReferences ?? [];
const refuse = ({ kind, name }: AdmissionAttributes, why: string) =>
  forbidden({ group: kind.group, resource: kind.resource, name: name || undefined }, why);

/** What finalizes a namespace is no owner's business. */
const isFinalize = ({ kind, subresource }: AdmissionAttributes): boolean =>
  subresource === 'status' || (kind.group === '' && kind.resource === 'namespaces' && subresource === 'finalize');

export const ownerReferencesPermission = ({ authorizer, kindOf }: OwnerReferencesOptions): AdmissionPlugin => ({
  name: 'OwnerReferencesPermissionEnforcement',
  optional: true,
  async validate(attributes, object) {
    const { operation, old, kind, user, namespace = '', name, subresource = '' } = attributes;
    if (!object || (operation !== 'CREATE' && operation !== 'UPDATE') || isFinalize(attributes)) return;
    if (attributes.body && !attributes.body.of) return;
    if (sameMeaning(ownersOf(object), ownersOf(old))) return;
    const ask = async (what: Omit<Attributes & { as: 'resource' }, 'as' | 'user' | 'version'>) =>
      authorizer.decide({ as: 'resource', user, version: '*', ...what });
    // Controllers make things with owners all the time: whoever creates one needs nothing more.
    if (operation === 'UPDATE') {
      const { decision, reason = '' } = await ask({
        verb: 'delete',
        group: kind.group,
        resource: kind.resource,
        subresource,
        namespace,
        name,
      });
      if (decision !== 'allow') throw refuse(attributes, `cannot set an ownerRef on a resource you can't delete: ${reason}, <nil>`);
    }
    for (const owner of newlyHeld(object, old)) {
      const of = kindOf(owner.apiVersion, owner.kind);
      if (!of) {
        const why = `cannot find RESTMapping for APIVersion ${owner.apiVersion} Kind ${owner.kind}`;
        throw refuse(attributes, `cannot set blockOwnerDeletion in this case because ${why}`);
      }
      const where = { namespace: of.namespaced ? namespace : '', name: owner.name };
      const { decision, reason = '' } = await ask({
        verb: 'update',
        group: of.group,
        resource: of.resource,
        subresource: 'finalizers',
        ...where,
      });
      if (decision === 'allow') continue;
      const why = `cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: ${reason}, <nil>`;
      throw refuse(attributes, why);
    }
  },
});

/** The owners that this write begins to hold: they will wait for the object when they are deleted in the foreground. */
function newlyHeld(object: KubeObject, old: KubeObject | undefined): readonly V1OwnerReference[] {
  const held = (of: KubeObject | undefined) => ownersOf(of).filter(({ blockOwnerDeletion }) => blockOwnerDeletion === true);
  const before = new Set(held(old).map(({ uid }) => uid));
  return held(object).filter(({ uid }) => !before.has(uid));
}
