// Puts the default roles and bindings in place when the server starts, all at once: together they share the store's commits.
import { type KindDefinition, type KubeObject, StatusError } from '../../../api/mod.ts';
import type { Registry } from '../../registry/registry.ts';
import type { RequestContext, ResourceRequest, Result } from '../../request.ts';
import { bootstrapRbac, rbacGroup } from './objects.ts';
import { type Reconciliation, reconcileBinding, reconcileRole } from './reconcile.ts';

export interface RbacBootstrapOptions {
  readonly registry: Pick<Registry, 'find'>;
  readonly execute: (request: ResourceRequest, context: RequestContext) => Promise<Result>;
  /** Of somebody who may grant everything. */
  readonly context: RequestContext;
}

const attemptsMax = 5;

/** Resolves when all stand. Kinds that are not served are passed over. */
export async function bootstrapRoles(options: RbacBootstrapOptions): Promise<void> {
  const { clusterRoles, roles, clusterRoleBindings, roleBindings } = bootstrapRbac();
  const each = <T extends KubeObject>(
    resource: string,
    objects: readonly T[],
    reconcile: (wanted: T, standing: T | undefined) => Reconciliation<T>,
  ): readonly Promise<void>[] => objects.map((object) => ensure(options, resource, object, reconcile));
  const gathers = ({ aggregationRule }: (typeof clusterRoles)[number]) => aggregationRule !== undefined;
  const plain = clusterRoles.filter((role) => !gathers(role));
  await Promise.all([
    ...each('clusterroles', plain, reconcileRole),
    ...each('roles', roles, reconcileRole),
    ...each('clusterrolebindings', clusterRoleBindings, reconcileBinding),
    ...each('rolebindings', roleBindings, reconcileBinding),
  ]);
  // Last: the controller that fills them may do so by the roles above.
  await Promise.all(each('clusterroles', clusterRoles.filter(gathers), reconcileRole));
}

/** Others may write at the same time: it looks again then. */
async function ensure<T extends KubeObject>(
  { registry, execute, context }: RbacBootstrapOptions,
  plural: string,
  wanted: T,
  reconcile: (wanted: T, standing: T | undefined) => Reconciliation<T>,
): Promise<void> {
  const resource = registry.find({ group: rbacGroup, version: 'v1', resource: plural });
  if (!resource) return;
  const { kind } = resource;
  const { namespace, name = '' } = wanted.metadata ?? {};
  for (let attempt = 1; ; attempt++) {
    const step = reconcile(wanted, resource.get(namespace, name)?.object as T | undefined);
    if (step.do === 'nothing') return;
    try {
      if (step.do === 'replace') await execute({ verb: 'delete', kind, namespace, name }, context);
      await execute(writeOf(kind, step.do === 'update' ? 'update' : 'create', step.object), context);
      return;
    } catch (error) {
      if (!(error instanceof StatusError) || (error.code !== 409 && error.code !== 404) || attempt === attemptsMax) throw error;
    }
  }
}

const writeOf = (kind: KindDefinition, verb: 'create' | 'update', object: KubeObject): ResourceRequest => ({
  verb,
  kind,
  namespace: object.metadata?.namespace,
  name: verb === 'update' ? object.metadata?.name : undefined,
  body: { as: 'object', object },
});
