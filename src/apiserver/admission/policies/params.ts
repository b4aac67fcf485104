// The parameters with which a binding puts its policy in force: objects of any kind that is served.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#parameter-resources
import {
  apiVersionOf,
  compileLabelSelector,
  type KindDefinition,
  type KubeObject,
  type V1ParamKind,
  type V1ParamRef,
} from '../../../api/mod.ts';
import type { Registry } from '../../registry/registry.ts';
import type { Resource } from '../../registry/resource.ts';

/** What is wrong with the configuration of a policy or a binding, in upstream's words. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

export interface ParamSource {
  readonly resource: Resource;
  /** The version that the policy names. */
  readonly kind: KindDefinition;
}

/** Throws {@link ConfigurationError} when no such kind is served. */
export function paramSourceOf(registry: Registry, paramKind: V1ParamKind): ParamSource {
  const { apiVersion = '', kind = '' } = paramKind;
  for (const resource of registry.resources) {
    const found = resource.versions.find((one) => one.kind === kind && apiVersionOf(one) === apiVersion);
    if (found) return { resource, kind: found };
  }
  throw new ConfigurationError(`failed to find resource referenced by paramKind: '${apiVersion}, Kind=${kind}'`);
}

/**
 * The objects to evaluate the policy with, one after the other; `[undefined]` where there are no parameters. Throws {@link ConfigurationError}.
 * `namespace` is that of the request, empty where it has none.
 */
export function paramsFor(source: ParamSource, ref: V1ParamRef | undefined, namespace: string): readonly (KubeObject | undefined)[] {
  if (!ref) return [undefined];
  const { resource, kind } = source;
  if (kind.namespaced && !ref.namespace && namespace === '') {
    throw new ConfigurationError('cannot use namespaced paramRef in policy binding that matches cluster-scoped resources');
  }
  if (!kind.namespaced && ref.namespace) {
    throw new ConfigurationError('paramRef.namespace must not be provided for a cluster-scoped `paramKind`');
  }
  const found = select(resource, ref, kind.namespaced ? ref.namespace || namespace : undefined);
  if (found.length === 0 && ref.parameterNotFoundAction === 'Deny') {
    throw new ConfigurationError('no params found for policy binding with `Deny` parameterNotFoundAction');
  }
  return found.map((object) => (kind.storage ? kind.storage.fromStorage(object) : object));
}

function select(resource: Resource, { name, selector }: V1ParamRef, namespace: string | undefined): readonly KubeObject[] {
  if (name) {
    const entry = resource.get(namespace, name);
    return entry ? [entry.object] : [];
  }
  const matches = compileLabelSelector(selector);
  const all = resource.cache.page({ namespace }).entries.map(({ object }) => object);
  return all.filter(({ metadata }) => matches(metadata?.labels));
}
