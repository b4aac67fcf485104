// What a request to the kubelet's own port asks for.

export interface ContainerPath {
  readonly namespace: string;
  readonly pod: string;
  /** Present in the four-part form of the path. */
  readonly uid: string | undefined;
  readonly container: string;
}

export interface StreamFlags {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** `/metrics` is of the kubelet itself, the others of what stands in the path behind it. */
export type MetricsOf = 'kubelet' | 'resource' | 'cadvisor' | 'probes';

export type Route =
  | { readonly to: 'healthz' | 'pods' | 'runningPods' | 'configz' }
  | { readonly to: 'nodeLogs'; readonly path: string }
  | { readonly to: 'run'; readonly path: ContainerPath; readonly command: string }
  | { readonly to: 'stats'; readonly cpuAndMemoryOnly: boolean }
  | { readonly to: 'metrics'; readonly of: MetricsOf }
  | { readonly to: 'logs'; readonly path: ContainerPath; readonly query: URLSearchParams }
  | { readonly to: 'exec'; readonly path: ContainerPath; readonly command: readonly string[]; readonly flags: StreamFlags }
  | { readonly to: 'attach'; readonly path: ContainerPath; readonly flags: StreamFlags }
  | { readonly to: 'portForward'; readonly path: Omit<ContainerPath, 'container'>; readonly ports: readonly number[] }
  | { readonly to: 'nowhere' };

/** Parses the path and query of a request, as sent. */
export function parseRoute(target: string): Route {
  const url = new URL(target, 'https://kubelet');
  const [verb, ...parts] = url.pathname.split('/').slice(1).map(decode);
  const query = url.searchParams;
  switch (verb) {
    case 'healthz':
      return parts.length === 0 || (parts.length === 1 && healthChecks.includes(parts[0] ?? '')) ? { to: 'healthz' } : { to: 'nowhere' };
    case 'pods':
      return isBare(parts) ? { to: 'pods' } : { to: 'nowhere' };
    case 'runningpods':
      return isBare(parts) ? { to: 'runningPods' } : { to: 'nowhere' };
    case 'logs':
      return { to: 'nodeLogs', path: parts.join('/') };
    case 'run': {
      const path = containerPath(parts);
      return path ? { to: 'run', path, command: query.get('cmd') ?? '' } : { to: 'nowhere' };
    }
    case 'configz':
      return parts.length === 0 ? { to: 'configz' } : { to: 'nowhere' };
    case 'stats':
      return parts[0] === 'summary' && parts.length === 1
        ? { to: 'stats', cpuAndMemoryOnly: isSet(query, 'only_cpu_and_memory') }
        : { to: 'nowhere' };
    case 'metrics': {
      const of = parts.length === 0 ? 'kubelet' : parts.length === 1 ? metricsOf[parts[0] ?? ''] : undefined;
      return of ? { to: 'metrics', of } : { to: 'nowhere' };
    }
    case 'containerLogs': {
      const path = containerPath(parts);
      return path ? { to: 'logs', path, query } : { to: 'nowhere' };
    }
    case 'exec': {
      const path = containerPath(parts);
      return path ? { to: 'exec', path, command: query.getAll('command'), flags: streamFlags(query) } : { to: 'nowhere' };
    }
    case 'attach': {
      const path = containerPath(parts);
      return path ? { to: 'attach', path, flags: streamFlags(query) } : { to: 'nowhere' };
    }
    case 'portForward': {
      const [namespace, pod, uid, ...rest] = parts;
      if (!namespace || !pod || rest.length > 0) return { to: 'nowhere' };
      const ports = query
        .getAll('port')
        .flatMap((text) => text.split(','))
        .map(Number)
        .filter((port) => Number.isInteger(port) && port > 0 && port < 65_536);
      return { to: 'portForward', path: { namespace, pod, uid }, ports };
    }
    default:
      return { to: 'nowhere' };
  }
}

const healthChecks: readonly string[] = ['ping', 'log', 'syncloop'];
const isBare = (parts: readonly string[]): boolean => parts.every((part) => part === '');
const metricsOf: Readonly<Record<string, MetricsOf | undefined>> = { resource: 'resource', cadvisor: 'cadvisor', probes: 'probes' };

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}

/** `namespace/pod/container` or `namespace/pod/uid/container`. */
function containerPath(parts: readonly string[]): ContainerPath | undefined {
  if (parts.some((part) => part === '')) return undefined;
  const [namespace = '', pod = '', third = '', fourth] = parts;
  if (parts.length === 3) return { namespace, pod, uid: undefined, container: third };
  return parts.length === 4 && fourth ? { namespace, pod, uid: third, container: fourth } : undefined;
}

const isSet = (query: URLSearchParams, name: string): boolean => ['1', 'true'].includes(query.get(name) ?? '');

/** With a terminal there is no stderr of its own. */
function streamFlags(query: URLSearchParams): StreamFlags {
  const tty = isSet(query, 'tty');
  return { tty, stdin: isSet(query, 'input'), stdout: isSet(query, 'output'), stderr: isSet(query, 'error') && !tty };
}
