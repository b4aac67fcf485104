// NamespaceLifecycle: nothing is created in a namespace that is not there or is going away, and some namespaces stay for good.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#namespacelifecycle
import { forbidden, type KubeObject, notFound, StatusError, type V1Namespace } from '../../api/mod.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './chain.ts';

const immortal: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

export interface NamespaceLifecycleOptions {
  /** How a namespace stands. */
  readonly namespace: (name: string) => KubeObject | undefined;
}

export function namespaceLifecycle(options: NamespaceLifecycleOptions): AdmissionPlugin {
  const check = (attributes: AdmissionAttributes) => {
    const { kind, name, namespace, operation } = attributes;
    if (kind.group === '' && kind.resource === 'namespaces') {
      if (operation === 'DELETE' && attributes.subresource === undefined && immortal.has(name)) {
        throw forbidden({ group: '', resource: 'namespaces', name }, 'this namespace may not be deleted');
      }
      return;
    }
    if (!kind.namespaced || namespace === undefined || operation === 'DELETE' || operation === 'CONNECT') return;
    const standing: V1Namespace | undefined = options.namespace(namespace);
    if (!standing) throw notFound({ group: '', resource: 'namespaces', name: namespace });
    if (operation === 'CREATE' && standing.status?.phase === 'Terminating') throw terminating(attributes, namespace);
  };
  return { name: 'NamespaceLifecycle', mutate: check };
}

function terminating(attributes: AdmissionAttributes, namespace: string): StatusError {
  const { kind, name } = attributes;
  const refusal = forbidden(
    { group: kind.group, resource: kind.resource, name: name === '' ? undefined : name },
    `unable to create new content in namespace ${namespace} because it is being terminated`,
  );
  const cause = { reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' };
  return new StatusError({
    code: refusal.code,
    reason: refusal.reason,
    message: refusal.message,
    details: { ...refusal.details, causes: [cause] },
  });
}
