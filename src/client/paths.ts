// Where a request goes: method, path and query of the Kubernetes API for one call on a resource.
import type { ResourceType } from '../api/mod.ts';
import type { ApiRequest } from './transport.ts';

export const methodOf: Readonly<Record<ApiRequest['verb'], string>> = {
  get: 'GET',
  list: 'GET',
  watch: 'GET',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETE',
};

/** `/api/v1` for the core group, `/apis/<group>/<version>` for all others. */
export const groupPath = (type: Pick<ResourceType, 'group' | 'version'>): string =>
  type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;

/** The path with its query: `/api/v1/namespaces/default/pods/web/log?follow=true`. */
export function pathOf(request: Pick<ApiRequest, 'resource' | 'namespace' | 'name' | 'subresource' | 'query'>): string {
  const { resource, namespace, name, subresource, query = {} } = request;
  const parts = [groupPath(resource)];
  // Namespaces themselves are cluster-scoped: their name is not a scope.
  if (resource.namespaced && namespace) parts.push('namespaces', encodeURIComponent(namespace));
  parts.push(resource.resource);
  if (name !== undefined) parts.push(encodeURIComponent(name));
  if (subresource !== undefined) parts.push(subresource);
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined) continue;
    for (const one of typeof value === 'string' ? [value] : value) search.append(key, one);
  }
  const text = search.toString();
  return parts.join('/') + (text === '' ? '' : `?${text}`);
}
