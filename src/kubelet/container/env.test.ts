import { describe, expect, test } from 'vitest';
import type { V1ConfigMap, V1Container, V1Pod, V1Secret, V1Service } from '../../api/mod.ts';
import { buildEnv, type References } from './env.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const services: Record<string, V1Service> = {
  'default/kubernetes': { metadata: { name: 'kubernetes' }, spec: { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443 }] } },
  'ns/my-db': {
    metadata: { name: 'my-db' },
    spec: {
      clusterIP: '10.96.0.9',
      ports: [
        { name: 'sql-in', port: 5432 },
        { port: 53, protocol: 'UDP' },
      ],
    },
  },
  'ns/headless': { metadata: { name: 'headless' }, spec: { clusterIP: 'None', ports: [{ port: 1 }] } },
};
const configMaps: Record<string, V1ConfigMap> = { 'ns/cm': { data: { color: 'blue', size: 'L' } } };
const secrets: Record<string, V1Secret> = { 'ns/sec': { data: { key: base64('s3cret') } } };
const references: References = {
  configMap: (key) => configMaps[key],
  secret: (key) => secrets[key],
  services: {
    get: (key) => services[key],
    list: (namespace) =>
      Object.entries(services)
        .filter(([key]) => key.startsWith(`${namespace}/`))
        .map(([, one]) => one),
  },
};
const facts = { podIPs: ['10.0.0.2', 'fd00::2'], hostIPs: ['192.168.1.1'], allocatable: { cpu: '4', memory: '8Gi' } };

function env(container: Partial<V1Container>, pod: Partial<V1Pod['spec']> = { enableServiceLinks: false }): Record<string, string> {
  const spec = { name: 'app', ...container };
  const object: V1Pod = {
    metadata: { name: 'web', namespace: 'ns', uid: 'u', labels: { tier: 'front' }, annotations: { note: 'a "b"' } },
    spec: { containers: [spec], nodeName: 'n1', serviceAccountName: 'sa', ...pod },
  };
  const all = Object.fromEntries(buildEnv({ pod: object, container: spec, facts, references }));
  return Object.fromEntries(Object.entries(all).filter(([name]) => !name.startsWith('KUBERNETES_')));
}
const field = (fieldPath: string) => env({ env: [{ name: 'X', valueFrom: { fieldRef: { fieldPath } } }] }).X;

test('values refer to what came before', () => {
  expect(
    env({
      env: [
        { name: 'A', value: '1' },
        { name: 'B', value: '$(A)-$(C)' },
        { name: 'C', value: '3' },
      ],
    }),
  ).toEqual({ A: '1', B: '1-$(C)', C: '3' });
});

test.each([
  ['metadata.name', 'web'],
  ['metadata.namespace', 'ns'],
  ['metadata.uid', 'u'],
  ["metadata.labels['tier']", 'front'],
  ["metadata.annotations['none']", ''],
  ['spec.nodeName', 'n1'],
  ['spec.serviceAccountName', 'sa'],
  ['status.podIP', '10.0.0.2'],
  ['status.podIPs', '10.0.0.2,fd00::2'],
  ['status.hostIP', '192.168.1.1'],
])('field %s', (path, expected) => {
  expect(field(path)).toBe(expected);
});

test.each([
  [{ resource: 'limits.cpu' }, '4'],
  [{ resource: 'requests.cpu', divisor: '1m' }, '250'],
  [{ resource: 'limits.memory', divisor: '1Mi' }, '64'],
  [{ resource: 'requests.cpu' }, '1'],
])('resource %j', (resourceFieldRef, expected) => {
  const resources = { requests: { cpu: '250m' }, limits: { memory: '64Mi' } };
  expect(env({ resources, env: [{ name: 'X', valueFrom: { resourceFieldRef } }] }).X).toBe(expected);
});

describe('config maps and secrets', () => {
  test('by key and as a whole, with a prefix; env wins', () => {
    const made = env({
      envFrom: [{ configMapRef: { name: 'cm' } }, { prefix: 'S_', secretRef: { name: 'sec' } }],
      env: [
        { name: 'size', value: 'XL' },
        { name: 'KEY', valueFrom: { secretKeyRef: { name: 'sec', key: 'key' } } },
      ],
    });
    expect(made).toEqual({ color: 'blue', size: 'XL', S_key: 's3cret', KEY: 's3cret' });
  });

  test('optional ones may be missing', () => {
    const optional = { name: 'none', key: 'k', optional: true };
    expect(
      env({ envFrom: [{ configMapRef: { name: 'none', optional: true } }], env: [{ name: 'X', valueFrom: { secretKeyRef: optional } }] }),
    ).toEqual({});
  });

  test.each<[Partial<V1Container>, string]>([
    [{ env: [{ name: 'X', valueFrom: { configMapKeyRef: { name: 'none', key: 'k' } } }] }, 'configmap "none" not found'],
    [{ env: [{ name: 'X', valueFrom: { configMapKeyRef: { name: 'cm', key: 'k' } } }] }, "couldn't find key k in ConfigMap ns/cm"],
    [{ env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'none', key: 'k' } } }] }, 'secret "none" not found'],
    [{ env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'sec', key: 'k' } } }] }, "couldn't find key k in Secret ns/sec"],
    [{ envFrom: [{ secretRef: { name: 'none' } }] }, 'secret "none" not found'],
  ])('missing: %j', (container, message) => {
    expect(() => env(container)).toThrow(message);
  });
});

test('services are told unless the pod does not want them; the API server always is', () => {
  const made = env({}, {});
  expect(made).toEqual({
    MY_DB_SERVICE_HOST: '10.96.0.9',
    MY_DB_SERVICE_PORT: '5432',
    MY_DB_SERVICE_PORT_SQL_IN: '5432',
    MY_DB_PORT: 'tcp://10.96.0.9:5432',
    MY_DB_PORT_5432_TCP: 'tcp://10.96.0.9:5432',
    MY_DB_PORT_5432_TCP_PROTO: 'tcp',
    MY_DB_PORT_5432_TCP_PORT: '5432',
    MY_DB_PORT_5432_TCP_ADDR: '10.96.0.9',
    MY_DB_PORT_53_UDP: 'udp://10.96.0.9:53',
    MY_DB_PORT_53_UDP_PROTO: 'udp',
    MY_DB_PORT_53_UDP_PORT: '53',
    MY_DB_PORT_53_UDP_ADDR: '10.96.0.9',
  });
  expect(env({})).toEqual({});
  const pod: V1Pod = { metadata: { namespace: 'ns' }, spec: { containers: [], enableServiceLinks: false } };
  expect(buildEnv({ pod, container: { name: 'a' }, facts, references }).get('KUBERNETES_SERVICE_HOST')).toBe('10.96.0.1');
});
