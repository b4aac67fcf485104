// Validation and update rules of the kinds other than pods.
import { describe, expect, test } from 'vitest';
import type { KindDefinition } from './kind.ts';
import {
  builtinKinds,
  configmaps,
  controllerrevisions,
  deployments,
  endpoints,
  endpointslices,
  events,
  leases,
  namespaces,
  nodes,
  priorityclasses,
  replicasets,
  secrets,
  services,
} from './kinds.ts';
import { type Draft, deepFreeze, draftOf, type KubeObject } from './meta/object.ts';
import { validateObjectMeta, validateObjectMetaUpdate } from './meta/validate-metadata.ts';

// biome-ignore lint/suspicious/noExplicitAny: objects of any kind, and wrong ones.
type Any = any;
const context = { nowMs: 0, nowTime: '1970-01-01T00:00:00Z' };

function defaulted(kind: KindDefinition<Any>, object: object): Any {
  const draft = draftOf(object) as Draft<KubeObject>;
  kind.setDefaults?.(draft);
  return draft;
}
const createTexts = (kind: KindDefinition<Any>, object: object): string[] =>
  (kind.validateCreate?.(defaulted(kind, object)) ?? []).map((error) => error.text);

/** An update by PUT: defaults, the kind's own preparation, validation. */
function put(kind: KindDefinition<Any>, next: object, old: object): { stored: Any; texts: string[] } {
  const before = deepFreeze(defaulted(kind, old));
  const draft = defaulted(kind, next);
  kind.update?.prepare?.(draft, before, context);
  return { stored: draft, texts: (kind.update?.validate?.(draft, before) ?? []).map((error) => error.text) };
}

const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
const deployment = { metadata: { name: 'd' }, spec: { selector: { matchLabels: { a: 'b' } }, template } };
const withSpec = (more: object) => ({ ...deployment, spec: { ...deployment.spec, ...more } });

describe('deployments', () => {
  test.each<[string, object, (string | RegExp)[]]>([
    ['sound', deployment, []],
    ['negative', withSpec({ replicas: -1 }), ['spec.replicas: Invalid value: -1: must be greater than or equal to 0']],
    ['without a selector', withSpec({ selector: undefined }), ['spec.selector: Required value']],
    ['with an empty selector', withSpec({ selector: {} }), ['spec.selector: Invalid value: {}: empty selector is invalid for deployment']],
    [
      'that select others',
      withSpec({ selector: { matchLabels: { a: 'c' } } }),
      ['spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`'],
    ],
    [
      'that restart on failure',
      withSpec({ template: { ...template, spec: { ...template.spec, restartPolicy: 'OnFailure' } } }),
      ['spec.template.spec.restartPolicy: Unsupported value: "OnFailure": supported values: "Always"'],
    ],
    [
      'with bad labels',
      withSpec({ template: { ...template, metadata: { labels: { a: 'b', 'x y': '1' } } } }),
      [/^spec\.template\.labels: Invalid value: "x y"/],
    ],
    [
      'that recreate and roll',
      withSpec({ strategy: { type: 'Recreate', rollingUpdate: {} } }),
      ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
    ],
    [
      'of another strategy',
      withSpec({ strategy: { type: 'X' } }),
      ['spec.strategy: Unsupported value: "X": supported values: "Recreate", "RollingUpdate"'],
    ],
    [
      'that can not move',
      withSpec({ strategy: { rollingUpdate: { maxUnavailable: '0%', maxSurge: 0 } } }),
      ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0'],
    ],
    [
      'with bad percentages',
      withSpec({ strategy: { rollingUpdate: { maxUnavailable: '101%', maxSurge: 'some' } } }),
      [
        /^spec\.strategy\.rollingUpdate\.maxSurge: Invalid value: "some": a valid percent string must be a numeric string/,
        'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%',
      ],
    ],
    [
      'with too short a deadline',
      withSpec({ minReadySeconds: 20, progressDeadlineSeconds: 10 }),
      ['spec.progressDeadlineSeconds: Invalid value: 10: must be greater than minReadySeconds'],
    ],
  ])('%s', (_, object, want) => {
    expect(createTexts(deployments, object)).toEqual(want.map((each) => (typeof each === 'string' ? each : expect.stringMatching(each))));
  });

  test('the selector is fixed', () => {
    const selector = { matchLabels: { a: 'b', c: 'd' } };
    const next = withSpec({ selector, template: { ...template, metadata: { labels: { a: 'b', c: 'd' } } } });
    expect(put(deployments, next, deployment).texts).toEqual([
      'spec.selector: Invalid value: {"matchLabels":{"a":"b","c":"d"}}: field is immutable',
    ]);
  });

  test('status is written at its own endpoint, and its counts must add up', () => {
    const old = { ...deployment, status: { replicas: 1 } };
    expect(put(deployments, { ...deployment, status: { replicas: 9 } }, old).stored.status).toEqual({ replicas: 1 });
    const counts = { replicas: 1, readyReplicas: 2, availableReplicas: 1 };
    expect(deployments.status?.validate?.({ ...deployment, status: counts } as Any, old as Any).map((error) => error.text)).toEqual([
      'status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas',
    ]);
  });

  test.each([deployments, replicasets] as KindDefinition<Any>[])('$resource scale', (kind) => {
    const draft = defaulted(kind, deployment);
    expect(kind.scale?.read(draft)).toEqual({ specReplicas: 1, statusReplicas: 0, selector: 'a=b' });
    kind.scale?.write(draft, 5);
    expect(draft.spec.replicas).toBe(5);
  });

  test('a long name is allowed with a warning', () => {
    const long = { ...deployment, metadata: { name: 'a'.repeat(64) } };
    expect(deployments.warnings?.(long as Any, undefined)).toEqual([
      'metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must be no more than 63 bytes]',
    ]);
  });
});

describe('services', () => {
  const service = (spec: object) => ({ metadata: { name: 's' }, spec });
  test.each<[string, object, string[]]>([
    ['without ports', {}, ['spec.ports: Required value']],
    ['with ports without names', { ports: [{ port: 80 }, { port: 81, name: 'x' }] }, ['spec.ports[0].name: Required value']],
    [
      'with bad ports',
      {
        ports: [
          { name: 'a', port: 0, targetPort: 1 },
          { name: 'a', port: 80, protocol: 'X', targetPort: '-' },
        ],
      },
      [
        'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
        'spec.ports[1].name: Duplicate value: "a"',
        'spec.ports[1].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"',
        'spec.ports[1].targetPort: Invalid value: "-": must contain at least one letter (a-z)',
        'spec.ports[1].targetPort: Invalid value: "-": must not begin or end with a hyphen',
      ],
    ],
    [
      'with the same port twice',
      {
        ports: [
          { name: 'a', port: 80 },
          { name: 'b', port: 80 },
        ],
      },
      ['spec.ports[1]: Duplicate value: {"protocol":"TCP","port":80}'],
    ],
    [
      'of an unknown type',
      { type: 'X', ports: [{ port: 80 }] },
      ['spec.type: Unsupported value: "X": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"'],
    ],
    [
      'headless with node ports',
      { type: 'NodePort', clusterIP: 'None', clusterIPs: ['None'], ports: [{ port: 80 }] },
      ['spec.clusterIPs[0]: Invalid value: "None": may not be set to \'None\' for NodePort services'],
    ],
    [
      'with a bad address',
      { clusterIP: '300.1.1.1', ports: [{ port: 80 }] },
      ['spec.clusterIPs[0]: Invalid value: "300.1.1.1": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
    ],
    [
      'with a node port, inside only',
      { ports: [{ port: 80, nodePort: 30000 }] },
      ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    ],
    [
      'with a bad affinity',
      { sessionAffinity: 'X', ports: [{ port: 80 }] },
      ['spec.sessionAffinity: Unsupported value: "X": supported values: "ClientIP", "None"'],
    ],
    ['of no name', { type: 'ExternalName' }, ['spec.externalName: Required value']],
  ])('%s', (_, spec, want) => {
    expect(createTexts(services, service(spec))).toEqual(want);
  });

  const stored = service({
    type: 'NodePort',
    clusterIP: '10.0.0.1',
    clusterIPs: ['10.0.0.1'],
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
    ports: [{ port: 80, nodePort: 30000 }],
  });
  test('a PUT without what the server gave keeps it', () => {
    const { stored: next, texts } = put(services, service({ type: 'NodePort', ports: [{ port: 80 }] }), stored);
    expect(texts).toEqual([]);
    expect(next.spec).toMatchObject({
      clusterIP: '10.0.0.1',
      clusterIPs: ['10.0.0.1'],
      ipFamilies: ['IPv4'],
      ports: [{ nodePort: 30000 }],
    });
  });
  test('another type lets go of what only the old one had', () => {
    const inside = put(services, { ...stored, spec: { ...stored.spec, type: 'ClusterIP' } }, stored);
    expect(inside.texts).toEqual([]);
    expect(inside.stored.spec.ports[0].nodePort).toBeUndefined();
    expect(inside.stored.spec.externalTrafficPolicy).toBeUndefined();
    const named = put(services, { ...stored, spec: { ...stored.spec, type: 'ExternalName', externalName: 'x.y' } }, stored);
    expect(named.texts).toEqual([]);
    expect(named.stored.spec.clusterIP).toBeUndefined();
  });
  test('what is shared with the standing service is not written to', () => {
    const old = deepFreeze(defaulted(services, stored));
    const draft = { ...old, spec: { ...old.spec, type: 'ClusterIP' } };
    services.setDefaults?.(draft);
    services.update?.prepare?.(draft, old, context);
    expect(draft.spec.ports).toEqual([{ port: 80, protocol: 'TCP', targetPort: 80 }]);
    expect(old.spec.ports[0].nodePort).toBe(30000);
  });
  test('an address may not change', () => {
    const next = service({ clusterIP: '10.0.0.2', ports: [{ port: 80 }] });
    expect(put(services, next, stored).texts).toEqual(['spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set']);
  });
  test('the first family may not change; a second comes and goes, and does not become another', () => {
    const of = (ipFamilies: string[], clusterIPs: string[]) =>
      service({ ipFamilyPolicy: 'PreferDualStack', ipFamilies, clusterIP: clusterIPs[0], clusterIPs, ports: [{ port: 80 }] });
    const [one, both] = [of(['IPv4'], ['10.0.0.1']), of(['IPv4', 'IPv6'], ['10.0.0.1', 'fd00::1'])];
    expect([put(services, both, one).texts, put(services, one, both).texts]).toEqual([[], []]);
    expect(put(services, of(['IPv4', 'IPv6'], ['10.0.0.1', 'fd00::2']), both).texts).toEqual([
      'spec.clusterIPs[1]: Invalid value: ["10.0.0.1","fd00::2"]: may not change once set',
    ]);
    const headless = (...ipFamilies: string[]) => of(ipFamilies, ['None']);
    expect(put(services, headless('IPv6', 'IPv4'), headless('IPv4', 'IPv6')).texts).toEqual([
      'spec.ipFamilies[0]: Invalid value: ["IPv6","IPv4"]: may not change once set',
      'spec.ipFamilies[1]: Invalid value: ["IPv6","IPv4"]: may not change once set',
    ]);
  });
});

describe('config maps and secrets', () => {
  test('keys, sizes and doubles', () => {
    expect(createTexts(configmaps, { data: { a: '1', '..': 'x' }, binaryData: { a: 'eA==' } })).toEqual([
      'data[..]: Invalid value: "..": must not be \'..\'',
      'data[a]: Invalid value: "a": duplicate of key present in binaryData',
    ]);
    expect(createTexts(configmaps, { data: { a: 'x'.repeat(1024 * 1024 + 1) } })).toEqual([
      '[]: Too long: may not be more than 1048576 bytes',
    ]);
    expect(createTexts(secrets, { data: { a: 'A'.repeat(1_400_000) } })).toEqual(['data: Too long: may not be more than 1048576 bytes']);
  });

  test('what is immutable stays so', () => {
    const old = { immutable: true, data: { a: '1' } };
    expect(put(configmaps, { data: { a: '2' } }, old).texts).toEqual([
      'immutable: Forbidden: field is immutable when `immutable` is set',
      'data: Forbidden: field is immutable when `immutable` is set',
    ]);
    expect(put(configmaps, old, old).texts).toEqual([]);
    expect(put(configmaps, { ...old, data: { a: '1', b: '' } }, old).texts).toHaveLength(1);
  });

  test('plain text is encoded, and overrides', () => {
    expect(defaulted(secrets, { data: { a: 'eA==', b: 'eQ==' }, stringData: { a: 'ü' } })).toEqual({
      type: 'Opaque',
      data: { a: 'w7w=', b: 'eQ==' },
    });
  });

  test.each<[string, Record<string, string>, string[]]>([
    ['kubernetes.io/tls', { 'tls.crt': '' }, ['data[tls.key]: Required value']],
    ['kubernetes.io/basic-auth', {}, ['data[%s][username]: Required value', 'data[%s][password]: Required value']],
    ['kubernetes.io/ssh-auth', {}, ['data[%s][ssh-privatekey]: Required value']],
    [
      'kubernetes.io/dockerconfigjson',
      { '.dockerconfigjson': 'eA==' },
      ['data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": invalid character in JSON'],
    ],
    ['kubernetes.io/service-account-token', {}, ['metadata.annotations[kubernetes.io/service-account.name]: Required value']],
  ])('%s', (type, data, want) => {
    expect(createTexts(secrets, { type, data })).toEqual(want);
  });

  test('a type is for ever', () => {
    expect(put(secrets, { type: 'b' }, { type: 'a' }).texts).toEqual(['type: Invalid value: "b": field is immutable']);
  });
});

test('namespaces', () => {
  const draft = defaulted(namespaces, { metadata: { name: 'n' }, spec: { finalizers: ['x.y/z'] } });
  namespaces.prepareCreate?.(draft, context);
  expect(draft).toEqual({
    metadata: { name: 'n', labels: { 'kubernetes.io/metadata.name': 'n' } },
    spec: { finalizers: ['x.y/z', 'kubernetes'] },
    status: { phase: 'Active' },
  });
  expect(put(namespaces, { metadata: { name: 'n' } }, draft).stored.spec.finalizers).toEqual(['x.y/z', 'kubernetes']);
  expect(createTexts(namespaces, { spec: { finalizers: ['x'] } })).toEqual([
    'spec.finalizers: Invalid value: "x": name is neither a standard finalizer name nor is it fully qualified',
  ]);
  expect(namespaces.status?.validate?.({ status: { phase: 'Terminating' } }, {})).toHaveLength(1);
  expect(namespaces.status?.validate?.({ metadata: { deletionTimestamp: 't' }, status: { phase: 'Terminating' } }, {})).toEqual([]);
});

test('nodes', () => {
  const taint = { key: 'k', effect: 'NoSchedule' };
  expect(createTexts(nodes, { spec: { taints: [taint, { ...taint, value: 'v' }, { key: 'k', effect: 'X' }], podCIDR: 'x' } })).toEqual([
    'metadata.taints[1]: Duplicate value: {"key":"k","effect":"NoSchedule","value":"v"}: taints must be unique by key and effect pair',
    'metadata.taints[2].effect: Unsupported value: "X": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
    'spec.podCIDRs[0]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
  ]);
  expect(put(nodes, { spec: { podCIDR: '10.0.1.0/24' } }, { spec: { podCIDR: '10.0.0.0/24', providerID: 'p' } }).texts).toEqual([
    'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
    'spec.providerID: Forbidden: node updates may not change providerID except from "" to valid',
  ]);
});

test('endpoint slices', () => {
  const slice = {
    addressType: 'IPv4',
    endpoints: [{ addresses: [] }, { addresses: ['127.0.0.1', 'x'], hostname: 'A' }],
    ports: [{ name: 'a' }, { name: 'a', protocol: 'X' }],
  };
  expect(createTexts(endpointslices, slice)).toEqual([
    'endpoints[0].addresses: Required value: must contain at least 1 address',
    'endpoints[1].addresses[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    'endpoints[1].addresses[1]: Invalid value: "x": must be an IPv4 address',
    expect.stringMatching(/^endpoints\[1\]\.hostname: Invalid value: "A": a lowercase RFC 1123 label/),
    'ports[1].name: Duplicate value: "a"',
    'ports[1].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"',
  ]);
  expect(put(endpointslices, { addressType: 'IPv6' }, { addressType: 'IPv4' }).texts).toEqual([
    'addressType: Invalid value: "IPv6": field is immutable',
  ]);
  expect(createTexts(endpoints, { subsets: [{ ports: [{ port: 1 }, { port: 2, name: 'b' }] }] })).toEqual([
    'subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`',
    'subsets[0].ports[0].name: Required value',
  ]);
});

test('events', () => {
  expect(createTexts(events, { metadata: { namespace: 'a' }, involvedObject: { namespace: 'b' } })).toEqual([
    'involvedObject.namespace: Invalid value: "b": does not match event.namespace',
  ]);
  expect(createTexts(events, { metadata: { namespace: 'default' }, involvedObject: {} })).toEqual([]);
  expect(createTexts(events, { metadata: { namespace: 'a' }, involvedObject: { namespace: 'a' }, eventTime: 't' })).toEqual([
    'reportingController: Required value',
    'reportingInstance: Required value',
    'action: Required value',
    'reason: Required value',
  ]);
});

test('leases, priority classes and revisions', () => {
  expect(createTexts(leases, { spec: { leaseDurationSeconds: 0, leaseTransitions: -1 } })).toEqual([
    'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
    'spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0',
  ]);
  expect(createTexts(priorityclasses, { metadata: { name: 'x' }, value: 2_000_000_000 })).toEqual([
    'value: Forbidden: maximum allowed value of a user defined priority is 1000000000',
  ]);
  expect(createTexts(priorityclasses, { metadata: { name: 'system-node-critical' }, value: 2_000_001_000 })).toEqual([]);
  expect(put(priorityclasses, { value: 2 }, { value: 1 }).texts).toEqual(['value: Forbidden: may not be changed in an update.']);
  expect(createTexts(controllerrevisions, { revision: -1 })).toEqual([
    'data: Required value: data is mandatory',
    'revision: Invalid value: -1: must be greater than or equal to 0',
  ]);
  expect(put(controllerrevisions, { data: { x: 2 }, revision: 1 }, { data: { x: 1 }, revision: 1 }).texts).toEqual([
    'data: Invalid value: {"x":2}: field is immutable',
  ]);
});

describe('metadata', () => {
  const texts = (metadata: object, kind: { namespaced: boolean; nameRule?: 'dnsLabel' } = { namespaced: true }) =>
    validateObjectMeta(metadata, kind).map((error) => error.text);
  test('names and namespaces', () => {
    expect(texts({})).toEqual(['metadata.name: Required value: name or generateName is required', 'metadata.namespace: Required value']);
    expect(texts({ name: 'a.b', namespace: 'n' })).toEqual([]);
    expect(texts({ name: 'a.b' }, { namespaced: false, nameRule: 'dnsLabel' })).toEqual([
      expect.stringMatching(/^metadata\.name: Invalid value: "a\.b": a lowercase RFC 1123 label/),
    ]);
    expect(texts({ name: 'a', namespace: 'n' }, { namespaced: false })).toEqual([
      'metadata.namespace: Forbidden: not allowed on this type',
    ]);
    expect(texts({ name: 'a', namespace: 'n', generateName: 'AB-' })).toHaveLength(1);
  });
  test('labels, annotations, finalizers, owners', () => {
    const fine = { name: 'a', namespace: 'n' };
    expect(texts({ ...fine, labels: { 'a/b/c': 'x', d: '-' } })).toHaveLength(2);
    expect(texts({ ...fine, annotations: { Ab: 'any thing' } })).toEqual([]);
    expect(texts({ ...fine, annotations: { a: 'x'.repeat(262144) } })).toEqual([
      'metadata.annotations: Too long: may not be more than 262144 bytes',
    ]);
    expect(texts({ ...fine, finalizers: ['orphan', 'foregroundDeletion'] })).toHaveLength(1);
    const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u', controller: true };
    expect(texts({ ...fine, ownerReferences: [owner, { ...owner, name: 'q', uid: '' }] })).toEqual([
      'metadata.ownerReferences.uid: Invalid value: "": uid must not be empty',
      expect.stringMatching(/Only one reference can have Controller set to true\. Found "true" in references for p and q$/),
    ]);
  });
  test('updates', () => {
    const old = { name: 'a', uid: 'u', resourceVersion: '1', generation: 2, deletionTimestamp: 't' };
    const update = (next: object) => validateObjectMetaUpdate(next, old).map((error) => error.text);
    expect(update(old)).toEqual([]);
    expect(update({ ...old, uid: 'v', generation: 1, resourceVersion: '', finalizers: ['x/y'] })).toEqual([
      'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"x/y"}',
      'metadata.resourceVersion: Invalid value: "": must be specified for an update',
      'metadata.generation: Invalid value: 1: must not be decremented',
      'metadata.uid: Invalid value: "v": field is immutable',
    ]);
  });
});

test('no definition changes a frozen object, and none clones', () => {
  for (const kind of builtinKinds) {
    const object = deepFreeze(defaulted(kind, { metadata: { name: 'x', namespace: 'y' } }));
    expect(() => kind.validateCreate?.(object)).not.toThrow();
    expect(() => kind.update?.validate?.(object, object)).not.toThrow();
    for (const column of kind.columns) expect(() => column.cell(object, 0)).not.toThrow();
  }
});
