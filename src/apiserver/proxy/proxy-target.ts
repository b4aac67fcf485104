// Where `.../proxy` of a pod, a service or a node leads: the name's parts, the host and port behind it, and the path there. Pure.
// Sources: https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/#manually-constructing-apiserver-proxy-urls
// and https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/ (connect operations). Messages are upstream's.
import { posix } from 'node:path';
import { badRequest, isGlobalUnicast, StatusError, type V1EndpointSlice, type V1Pod, type V1Service } from '../../api/mod.ts';
import type { ResourceInfo } from '../http/request-info.ts';

export interface NameParts {
  readonly scheme: 'http' | 'https';
  readonly name: string;
  /** As it was given: a number, a service port's name, or empty. */
  readonly port: string;
}

/** `name`, `name:port`, `scheme:name:port`. Throws 400. */
export function splitName(what: 'pod' | 'service' | 'node', id: string): NameParts {
  const parts = id.split(':');
  const [scheme, name, port] = parts.length === 3 ? parts : ['', ...parts, ''];
  if (parts.length > 3 || !name || !['http', 'https', ''].includes(scheme ?? '')) {
    throw badRequest(`invalid ${what} request ${JSON.stringify(id)}`);
  }
  return { scheme: scheme === 'https' ? 'https' : 'http', name, port: port ?? '' };
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const portMax = 65_535;

/** Throws 400 for what is no port's number. */
export function portNumber(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > portMax) throw badRequest(`invalid port ${JSON.stringify(text)}: must be between 1 and ${portMax}, inclusive`);
  return port;
}

const defaultPort = { http: 80, https: 443 };

/** The port asked for, else the first that a container names. Throws 400 for an address that is not the pod's alone. */
export function podHostPort(pod: V1Pod, { scheme, port }: NameParts): HostPort {
  const host = pod.status?.podIP ?? pod.status?.podIPs?.[0]?.ip ?? '';
  checkAddress(host);
  const declared = pod.spec?.containers?.flatMap((container) => container.ports ?? [])[0]?.containerPort;
  return { host, port: port === '' ? (declared ?? defaultPort[scheme]) : portNumber(port) };
}

/** A pod, an endpoint or a node that says it is on this very machine's loopback would have the server speak with itself. */
export function checkAddress(host: string): void {
  if (!isGlobalUnicast(host)) throw badRequest('address not allowed');
}

export const unavailable = (message: string): StatusError => new StatusError({ code: 503, reason: 'ServiceUnavailable', message });

/** The name of the service's port that is asked for, which its endpoints have too. Throws 503 for a number that it does not have. */
export function servicePortName(service: V1Service, { name, port }: NameParts): string {
  if (!/^[0-9]+$/.test(port)) return port;
  const found = (service.spec?.ports ?? []).find((one) => one.port === Number(port));
  if (!found) throw unavailable(`no service port ${port} found for service ${JSON.stringify(name)}`);
  return found.name ?? '';
}

export interface Candidate extends HostPort {
  /** The pod that is to have the address. */
  readonly pod: { readonly namespace: string; readonly name: string } | undefined;
}

/** Every ready endpoint with that port, beginning at the one that `first` (from 0 to below 1) points at. */
export function readyEndpoints(slices: readonly V1EndpointSlice[], portName: string, first: number): readonly Candidate[] {
  const candidates = slices.flatMap((slice) => {
    const port = slice.addressType === 'FQDN' ? undefined : slice.ports?.find((one) => (one.name ?? '') === portName)?.port;
    if (port === undefined || port === null) return [];
    return (slice.endpoints ?? []).flatMap(({ addresses, conditions, targetRef }): Candidate[] => {
      const host = addresses[0];
      if (host === undefined || conditions?.ready === false) return [];
      const pod = targetRef?.kind === 'Pod' && targetRef.name ? { namespace: targetRef.namespace ?? '', name: targetRef.name } : undefined;
      return [{ host, port, pod }];
    });
  });
  const start = Math.floor(first * candidates.length);
  return [...candidates.slice(start), ...candidates.slice(0, start)];
}

export interface ProxyPath {
  /** The server's path up to the subresource: what stands for the backend's `/`. */
  readonly prefix: string;
  /** What follows it, without `..` and doubled slashes; empty when nothing does, not even a slash. */
  readonly path: string;
}

/** Of the decoded path of a request with a subresource. */
export function proxyPath(info: Pick<ResourceInfo, 'path' | 'rest'>): ProxyPath {
  const segments = info.path.split('/').filter((part) => part !== '').length - info.rest.length;
  const [whole = info.path] = new RegExp(`^(?:/+[^/]+){${segments}}`).exec(info.path) ?? [];
  const after = info.path.slice(whole.length);
  return { prefix: whole, path: after === '' ? '' : posix.normalize(after).replace(/^\/*/, '/') };
}
