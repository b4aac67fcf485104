// Environment variables that tell a container where services are.
// Source: https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables
import type { V1Pod, V1Service } from '../../api/mod.ts';

export interface ServiceReader {
  list(namespace: string): readonly V1Service[];
  get(key: string): V1Service | undefined;
}

const envName = (text: string): string => text.toUpperCase().replaceAll(/[-.]/g, '_');

const hasAddress = (service: V1Service): boolean => {
  const ip = service.spec?.clusterIP ?? '';
  return ip !== '' && ip !== 'None' && service.spec?.type !== 'ExternalName';
};

/** The variables of every service that the pod is to know: its namespace's (unless switched off), and the API server's always. */
export function serviceEnv(pod: V1Pod, services: ServiceReader): Map<string, string> {
  const namespace = pod.metadata?.namespace ?? '';
  const wanted = new Map<string, V1Service>();
  const api = services.get('default/kubernetes');
  if (api) wanted.set('kubernetes', api);
  if (pod.spec?.enableServiceLinks !== false) {
    for (const service of services.list(namespace)) wanted.set(service.metadata?.name ?? '', service);
  }
  const env = new Map<string, string>();
  for (const name of [...wanted.keys()].sort()) {
    const service = wanted.get(name);
    if (service && hasAddress(service)) addService(env, name, service);
  }
  return env;
}

function addService(env: Map<string, string>, serviceName: string, service: V1Service): void {
  const ports = service.spec?.ports ?? [];
  const first = ports[0];
  if (!first) return;
  const prefix = envName(serviceName);
  const ip = service.spec?.clusterIP ?? '';
  const host = ip.includes(':') ? `[${ip}]` : ip;
  env.set(`${prefix}_SERVICE_HOST`, ip);
  env.set(`${prefix}_SERVICE_PORT`, String(first.port));
  for (const port of ports) if (port.name) env.set(`${prefix}_SERVICE_PORT_${envName(port.name)}`, String(port.port));
  ports.forEach((port, i) => {
    const protocol = port.protocol ?? 'TCP';
    const url = `${protocol.toLowerCase()}://${host}:${port.port}`;
    if (i === 0) env.set(`${prefix}_PORT`, url);
    const own = `${prefix}_PORT_${port.port}_${protocol.toUpperCase()}`;
    env.set(own, url);
    env.set(`${own}_PROTO`, protocol.toLowerCase());
    env.set(`${own}_PORT`, String(port.port));
    env.set(`${own}_ADDR`, ip);
  });
}
