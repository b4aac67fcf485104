// Whether an aggregated server answers: its service and endpoints, then its discovery document. Reasons and messages are upstream's.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/ and `kubectl get apiservices`
import { type Clock, childController, errorText, withDeadline } from '../../base/mod.ts';
import type { ServiceView } from '../webhooks/resolve-service.ts';
import type { RemoteApi } from './api-services.ts';
import type { RemoteServers } from './remote-servers.ts';

export interface Verdict {
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

const no = (reason: string, message: string): Verdict => ({ status: 'False', reason, message });
export const passed: Verdict = { status: 'True', reason: 'Passed', message: 'all checks passed' };

/** Why the server cannot even be asked; undefined when it can. Pure. */
export function unreachable({ service: of }: RemoteApi, { service, slices }: ServiceView): Verdict | undefined {
  const place = `service/${of.name} in ${JSON.stringify(of.namespace)}`;
  if (!service) return no('ServiceNotFound', `${place} is not present`);
  if ((service.spec?.type ?? 'ClusterIP') !== 'ClusterIP') return undefined;
  const port = service.spec?.ports?.find((one) => one.port === of.port);
  if (!port) return no('ServicePortError', `${place} is not listening on port ${of.port}`);
  if (slices.length === 0) return no('EndpointsNotFound', `cannot find endpointslices for ${place}`);
  const portName = port.name ?? '';
  const active = slices.some(
    ({ ports, endpoints }) =>
      ports?.some((one) => (one.name ?? '') === portName) && endpoints?.some(({ conditions }) => conditions?.ready !== false),
  );
  return active ? undefined : no('MissingEndpoints', `endpoints for ${place} have no addresses with port name ${JSON.stringify(portName)}`);
}

/** Endpoints that are asked at the same time: one that answers is enough. */
const attempts = 5;
const attemptTimeoutMs = 6_000;

export interface Discovered {
  readonly verdict: Verdict;
  /** The discovery document, where there is one. */
  readonly document?: unknown;
}

/** Asks for the discovery document, which every aggregated server has. */
export async function discover(
  remote: RemoteApi,
  { servers, clock, signal }: { readonly servers: RemoteServers; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Discovered> {
  const path = `/apis/${remote.group}/${remote.version}`;
  const { controller, unlink } = childController(signal);
  const ask = () =>
    withDeadline({ clock, ms: attemptTimeoutMs, what: `GET ${path} of ${remote.serverName}`, signal: controller.signal }, (own) =>
      servers.get(remote, { path, signal: own }),
    );
  try {
    const answer = await Promise.any(Array.from({ length: attempts }, ask));
    return { verdict: passed, document: answer && JSON.parse(Buffer.from(answer.bytes).toString('utf8')) };
  } catch (error) {
    signal.throwIfAborted();
    const first = error instanceof AggregateError ? error.errors[0] : error;
    const url = `https://${remote.serverName}:${remote.service.port}${path}`;
    return { verdict: no('FailedDiscoveryCheck', `failing or missing response from ${url}: ${errorText(first)}`) };
  } finally {
    controller.abort();
    unlink();
  }
}
