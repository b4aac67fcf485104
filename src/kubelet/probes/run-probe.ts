// One look at a container: by a command in it, by HTTP, by TCP or by gRPC. The words of a failure are upstream's.
import type { IntOrString, V1Container, V1HTTPGetAction, V1Probe } from '../../api/mod.ts';
import { type ProbeIo, ProbeIoError } from '../../base/ports/probe-io.ts';
import { type ContainerRuntime, RuntimeError } from '../cri/runtime.ts';
import { timeoutMsOf } from './threshold.ts';

export interface ProbeTargetContainer {
  readonly id: string;
  readonly spec: V1Container;
  /** Where the pod's ports are: its own address, or the node's. */
  readonly podIP: string;
}

/** `errored`: nothing was learnt about the container, and nothing is counted. */
export type ProbeAnswer =
  | { readonly is: 'success' }
  | { readonly is: 'failure'; readonly output: string }
  | { readonly is: 'errored'; readonly output: string };

export interface ProbePorts {
  readonly runtime: ContainerRuntime;
  readonly io: ProbeIo;
}

const success: ProbeAnswer = { is: 'success' };
const failure = (output: string): ProbeAnswer => ({ is: 'failure', output });
const errored = (output: string): ProbeAnswer => ({ is: 'errored', output });

/** A port by number, or by its name among the container's ports. */
export function portNumber(port: IntOrString, container: V1Container): number | undefined {
  if (typeof port === 'number') return port;
  const named = container.ports?.find((one) => one.name === port)?.containerPort;
  if (named !== undefined) return named;
  const parsed = Number(port);
  return Number.isInteger(parsed) && parsed > 0 && parsed < 65_536 ? parsed : undefined;
}

const hostText = (host: string): string => (host.includes(':') ? `[${host}]` : host);

/** The URL and headers of an httpGet action, for probes and for lifecycle hooks. Undefined when its port has no number. */
export function httpTarget(
  action: V1HTTPGetAction,
  target: ProbeTargetContainer,
): { url: string; headers: { name: string; value: string }[] } | undefined {
  const port = portNumber(action.port, target.spec);
  if (port === undefined) return undefined;
  const path = action.path || '/';
  const url = `${(action.scheme ?? 'HTTP').toLowerCase()}://${hostText(action.host || target.podIP)}:${port}${path.startsWith('/') ? '' : '/'}${path}`;
  const headers = (action.httpHeaders ?? []).map(({ name, value }) => ({ name, value }));
  const has = (name: string) => headers.some((header) => header.name.toLowerCase() === name);
  if (!has('user-agent')) headers.push({ name: 'User-Agent', value: 'kube-probe/1.36' });
  if (!has('accept')) headers.push({ name: 'Accept', value: '*/*' });
  return { url, headers: headers.filter((header) => header.name.toLowerCase() !== 'accept' || header.value !== '') };
}

export function runProbe(ports: ProbePorts, probe: V1Probe, target: ProbeTargetContainer, signal: AbortSignal): Promise<ProbeAnswer> {
  if (probe.exec) return byExec(ports.runtime, { probe, target, command: probe.exec.command ?? [], signal });
  if (probe.httpGet) return byHttp(ports.io, { probe, target, action: probe.httpGet, signal });
  if (probe.tcpSocket) return byTcp(ports.io, { probe, target, signal });
  if (probe.grpc) return byGrpc(ports.io, { probe, target, signal });
  return Promise.resolve(errored('missing probe handler'));
}

interface Look {
  readonly probe: V1Probe;
  readonly target: ProbeTargetContainer;
  readonly signal: AbortSignal;
}

async function byExec(runtime: ContainerRuntime, look: Look & { readonly command: readonly string[] }): Promise<ProbeAnswer> {
  const { probe, target, command, signal } = look;
  const timeoutMs = timeoutMsOf(probe);
  try {
    const result = await runtime.execSync(target.id, command, timeoutMs / 1000, { signal, deadlineMs: timeoutMs + 2000 });
    if (result.exitCode === 0) return success;
    return failure(
      Buffer.concat([result.stdout, result.stderr])
        .toString('utf8')
        .slice(0, 10 * 1024),
    );
  } catch (error) {
    if (error instanceof RuntimeError && error.code === 'deadlineExceeded') {
      return failure(`command timed out: "${command.join(' ')}" timed out after ${timeoutMs / 1000}s`);
    }
    return errored(error instanceof Error ? error.message : String(error));
  }
}

async function byHttp(io: ProbeIo, look: Look & { readonly action: V1HTTPGetAction }): Promise<ProbeAnswer> {
  const { probe, target, action, signal } = look;
  const http = httpTarget(action, target);
  if (!http) return errored(`couldn't find port: "${action.port}" in container ${target.spec.name}`);
  try {
    const { status } = await io.httpGet({ ...http, timeoutMs: timeoutMsOf(probe), signal });
    return status >= 200 && status < 400 ? success : failure(`HTTP probe failed with statuscode: ${status}`);
  } catch (error) {
    if (isTimeout(error)) return failure(`Get "${http.url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`);
    const { hostname, port } = new URL(http.url);
    const at = `${hostname}:${port || (http.url.startsWith('https') ? '443' : '80')}`;
    return failure(`Get "${http.url}": ${dialText(error, at)}`);
  }
}

async function byTcp(io: ProbeIo, { probe, target, signal }: Look): Promise<ProbeAnswer> {
  const action = probe.tcpSocket;
  const port = action && portNumber(action.port, target.spec);
  if (port === undefined) return errored(`couldn't find port: "${action?.port}" in container ${target.spec.name}`);
  const host = action?.host || target.podIP;
  try {
    await io.tcpConnect({ host, port, timeoutMs: timeoutMsOf(probe), signal });
    return success;
  } catch (error) {
    const at = `${hostText(host)}:${port}`;
    return failure(isTimeout(error) ? `dial tcp ${at}: i/o timeout` : dialText(error, at));
  }
}

const servingStates = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;

async function byGrpc(io: ProbeIo, { probe, target, signal }: Look): Promise<ProbeAnswer> {
  const { port = 0, service = '' } = probe.grpc ?? {};
  const at = `${hostText(target.podIP)}:${port}`;
  try {
    const status = await io.grpcHealth({ host: target.podIP, port, service, timeoutMs: timeoutMsOf(probe), signal });
    return status === 1 ? success : failure(`service unhealthy (responded with "${servingStates[status] ?? 'UNKNOWN'}")`);
  } catch (error) {
    if (error instanceof ProbeIoError && error.code === 'unimplemented') {
      return failure('error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ');
    }
    return failure(`timeout: failed to connect service "${at}" within ${timeoutMsOf(probe) / 1000}s: ${dialText(error, at)}`);
  }
}

const isTimeout = (error: unknown): boolean => error instanceof ProbeIoError && error.code === 'timeout';

const dialWords: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
  timeout: 'context deadline exceeded',
};

function dialText(error: unknown, at: string): string {
  const code = error instanceof ProbeIoError ? error.code : '';
  if (code === 'ECONNRESET') return `read tcp ${at}: read: connection reset by peer`;
  const words = dialWords[code];
  return words ? `dial tcp ${at}: ${words}` : error instanceof Error ? error.message : String(error);
}
