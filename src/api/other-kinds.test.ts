// Validation of storage, network, access, admission and extension kinds, cause by cause.
import { describe, expect, test } from 'vitest';
import type { KindDefinition } from './kind.ts';
import {
  apiservices,
  clusterrolebindings,
  clusterroles,
  csidrivers,
  customresourcedefinitions,
  flowschemas,
  ingressclasses,
  ingresses,
  ipaddresses,
  limitranges,
  networkpolicies,
  persistentvolumeclaims,
  persistentvolumes,
  prioritylevelconfigurations,
  resourceclaims,
  resourcequotas,
  rolebindings,
  roles,
  runtimeclasses,
  servicecidrs,
  storageclasses,
  subjectaccessreviews,
  validatingadmissionpolicies,
  validatingwebhookconfigurations,
} from './kinds.ts';
import { createCauses, exampleOf, type Loose, updateCauses } from './testing/validation.ts';

const at = 'spec.versions[0].schema.openAPIV3Schema';

type Row = readonly [what: string, kind: KindDefinition<Loose>, change: (draft: Loose) => void, causes: readonly string[]];

const set = (changes: object) => (o: Loose) => void Object.assign(o, changes);
const spec = (changes: object) => (o: Loose) => void Object.assign(o.spec, changes);
const immutable = 'field is immutable';

const creates: readonly Row[] = [
  [
    'nothing asked for',
    persistentvolumeclaims,
    set({ spec: { volumeMode: 'Tape' } }),
    [
      'spec.accessModes: Required value: at least 1 access mode is required',
      'spec.resources[storage]: Required value',
      'spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"',
    ],
  ],
  [
    'modes that exclude each other, no storage',
    persistentvolumeclaims,
    spec({ accessModes: ['ReadWriteOncePod', 'Mine'], resources: { requests: { storage: '0' } } }),
    [
      'spec.accessModes: Unsupported value: "Mine": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
      'spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes',
      'spec.resources[storage]: Invalid value: "0": must be greater than zero',
    ],
  ],
  [
    'two sources',
    persistentvolumes,
    spec({ nfs: { server: 's', path: '/' } }),
    ['spec.nfs: Forbidden: may not specify more than 1 volume type'],
  ],
  [
    'nothing at all',
    persistentvolumes,
    set({ spec: {} }),
    ['spec.accessModes: Required value', 'spec.capacity: Required value', 'spec: Required value: must specify a volume type'],
  ],
  [
    'a local volume anywhere',
    persistentvolumes,
    (o) => {
      delete o.spec.hostPath;
      o.spec.local = { path: '/mnt' };
    },
    ['spec.nodeAffinity: Required value: Local volume requires node affinity'],
  ],
  [
    'minimum above maximum',
    limitranges,
    spec({ limits: [{ type: 'Container', min: { cpu: '3' }, max: { cpu: '2' }, default: { cpu: '2' }, defaultRequest: { cpu: '3' } }] }),
    [
      'spec.limits[0].min[cpu]: Invalid value: "3": min value 3 is greater than max value 2',
      'spec.limits[0].defaultRequest[cpu]: Invalid value: "3": default request value 3 is greater than max value 2',
      'spec.limits[0].defaultRequest[cpu]: Invalid value: "3": default request value 3 is greater than default limit value 2',
      'spec.limits[0].default[cpu]: Invalid value: "2": min value 3 is greater than default value 2',
    ],
  ],
  [
    'defaults of a pod, a claim without bounds',
    limitranges,
    spec({ limits: [{ type: 'Pod', default: { cpu: '1' } }, { type: 'PersistentVolumeClaim' }, { type: 'Pod' }] }),
    [
      "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
      'spec.limits[1]: Required value: either minimum or maximum storage value is required, but neither was provided',
      'spec.limits[2].type: Duplicate value: "Pod"',
    ],
  ],
  [
    'what is no resource, what is no number',
    resourcequotas,
    spec({ hard: { pods: '1500m', gold: '1' }, scopes: ['BestEffort', 'NotBestEffort'] }),
    [
      'spec.hard[pods]: Invalid value: "1500m": must be an integer',
      'spec.hard[gold]: Invalid value: "gold": must be a standard resource for quota',
      'spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes',
    ],
  ],
  [
    'paths',
    ingresses,
    spec({
      defaultBackend: { service: { name: 's', port: {} } },
      rules: [
        {
          host: '1.2.3.4',
          http: { paths: [{ path: 'a//b', pathType: 'Prefix', backend: { service: { name: 's', port: { number: 80, name: 'x' } } } }] },
        },
        { host: 'foo.*', http: { paths: [] } },
      ],
    }),
    [
      'spec.defaultBackend: Required value: port name or number is required',
      'spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
      'spec.rules[0].http.paths[0].path: Invalid value: "a//b": must be an absolute path',
      `spec.rules[0].http.paths[0].path: Invalid value: "a//b": must not contain '//'`,
      'spec.rules[0].http.paths[0].backend: Invalid value: "": cannot set both port name & port number',
      expect.stringMatching(
        /^spec\.rules\[1\]\.host: Invalid value: "foo\.\*": a wildcard DNS-1123 subdomain must start/,
      ) as unknown as string,
      'spec.rules[1].http.paths: Required value',
    ],
  ],
  [
    'a controller without a domain',
    ingressclasses,
    spec({ controller: 'nginx', parameters: { kind: 'K', name: 'n', scope: 'Namespace' } }),
    [
      'spec.controller: Invalid value: "nginx": must be a domain-prefixed path (such as "acme.io/foo")',
      "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'",
    ],
  ],
  [
    'peers and ports',
    networkpolicies,
    spec({
      ingress: [
        {
          from: [{}, { podSelector: {}, ipBlock: { cidr: '10.0.0.0/24', except: ['10.0.1.0/25', '10.0.0.0/24', '10.0.0.128/25'] } }],
          ports: [{ port: 10, endPort: 5, protocol: 'ICMP' }, { endPort: 3 }],
        },
      ],
    }),
    [
      'spec.ingress[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"',
      'spec.ingress[0].ports[0].endPort: Invalid value: 5: must be greater than or equal to `port`',
      'spec.ingress[0].ports[1].endPort: Invalid value: 3: may not be specified when `port` is not specified',
      'spec.ingress[0].from[0]: Required value: must specify a peer',
      'spec.ingress[0].from[1].ipBlock.except[0]: Invalid value: "10.0.1.0/25": must be a strict subset of `cidr`',
      'spec.ingress[0].from[1].ipBlock.except[1]: Invalid value: "10.0.0.0/24": must be a strict subset of `cidr`',
      'spec.ingress[0].from[1]: Forbidden: may not specify both ipBlock and another peer',
    ],
  ],
  [
    'rules',
    roles,
    set({
      rules: [
        { verbs: [], apiGroups: [], resources: [] },
        { verbs: ['get'], nonResourceURLs: ['/x'] },
      ],
    }),
    [
      'rules[0].verbs: Required value: verbs must contain at least one value',
      'rules[0].apiGroups: Required value: resource rules must supply at least one api group',
      'rules[0].resources: Required value: resource rules must supply at least one resource',
      'rules[1].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
    ],
  ],
  [
    'subjects',
    rolebindings,
    set({
      subjects: [
        { kind: 'Robot', name: '' },
        { kind: 'User', name: 'u', apiGroup: 'x' },
      ],
    }),
    [
      'subjects[0].name: Required value',
      'subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"',
      'subjects[1].apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"',
    ],
  ],
  [
    'no provisioner',
    storageclasses,
    set({ provisioner: '', reclaimPolicy: 'Recycle' }),
    ['provisioner: Required value', 'reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"'],
  ],
  [
    'modes and tokens',
    csidrivers,
    spec({ volumeLifecycleModes: ['Long'], tokenRequests: [{ audience: 'a', expirationSeconds: 5 }, { audience: 'a' }] }),
    [
      'spec.tokenRequests[0].expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes',
      'spec.tokenRequests[1].audience: Duplicate value: "a"',
      'spec.volumeLifecycleModes: Unsupported value: "Long": supported values: "Ephemeral", "Persistent"',
    ],
  ],
  [
    'webhooks',
    validatingwebhookconfigurations,
    (o) => {
      const [hook] = o.webhooks;
      Object.assign(hook, {
        name: 'a.com',
        sideEffects: 'Some',
        timeoutSeconds: 31,
        clientConfig: { url: 'http://u@h/?q' },
        admissionReviewVersions: [],
      });
      hook.rules[0].operations = ['*', 'CREATE'];
      hook.rules[0].resources = ['*', 'pods', 'pods/*', 'pods/log'];
    },
    [
      'webhooks[0].name: Invalid value: "a.com": should be a domain with at least three segments separated by dots',
      `webhooks[0].rules[0].operations: Invalid value: ["*","CREATE"]: if '*' is present, must not specify other operations`,
      `webhooks[0].rules[0].resources[3]: Invalid value: "pods/log": if 'pods/*' is present, must not specify pods/log`,
      `webhooks[0].rules[0].resources: Invalid value: ["*","pods","pods/*","pods/log"]: if '*' is present, must not specify other resources without subresources`,
      'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"',
      'webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds',
      `webhooks[0].clientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path]`,
      'webhooks[0].clientConfig.url: Invalid value: "u": user information is not permitted in the URL',
      'webhooks[0].clientConfig.url: Invalid value: "?q": query parameters are not permitted in the URL'.replace('?q', 'q'),
      'webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1',
    ],
  ],
  [
    'a policy that does nothing',
    validatingadmissionpolicies,
    spec({ validations: [], variables: [{ name: 'a-b', expression: '1' }], paramKind: { apiVersion: 'v1', kind: '' } }),
    [
      'spec.paramKind.kind: Required value',
      'spec.variables[0].name: Invalid value: "a-b": name is not a valid CEL identifier',
      'spec.validations: Required value: validations or auditAnnotations must be non-empty; otherwise, the policy is a no-op',
      'spec.auditAnnotations: Required value: validations or auditAnnotations must be non-empty; otherwise, the policy is a no-op',
    ],
  ],
  [
    'names and versions',
    customresourcedefinitions,
    (o) => {
      o.spec.group = 'local';
      o.spec.scope = 'Everywhere';
      o.spec.names.listKind = 'Foo';
      o.spec.versions.push({ ...o.spec.versions[0], schema: undefined });
    },
    [
      'metadata.name: Invalid value: "foos.facts.example.com": must be spec.names.plural+"."+spec.group',
      'spec.group: Invalid value: "local": should be a domain with at least one dot',
      'spec.scope: Unsupported value: "Everywhere": supported values: "Cluster", "Namespaced"',
      expect.stringMatching(/^spec\.versions: Invalid value: .*: must contain unique version names$/) as unknown as string,
      expect.stringMatching(
        /^spec\.versions: Invalid value: .*: must have exactly one version marked as storage version$/,
      ) as unknown as string,
      'spec.versions[1].schema.openAPIV3Schema: Required value: schemas are required',
      'spec.names.listKind: Invalid value: "Foo": kind and listKind may not be the same',
    ],
  ],
  [
    'a schema that is not structural',
    customresourcedefinitions,
    (o) => {
      o.spec.versions[0].schema.openAPIV3Schema = {
        type: 'object',
        properties: {
          a: {},
          b: { type: 'array' },
          c: { type: 'object', properties: {}, additionalProperties: { type: 'string' } },
          d: { type: 'string', allOf: [{ description: 'x', minLength: 1 }], uniqueItems: true },
          e: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'] },
        },
      };
    },
    [
      'spec.versions[0].schema.openAPIV3Schema.properties[a].type: Required value: must not be empty for specified object fields',
      'spec.versions[0].schema.openAPIV3Schema.properties[b].items: Required value: must be specified',
      'spec.versions[0].schema.openAPIV3Schema.properties[c].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive',
      'spec.versions[0].schema.openAPIV3Schema.properties[d].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      'spec.versions[0].schema.openAPIV3Schema.properties[d].allOf[0].description: Forbidden: must be empty to be structural',
      `spec.versions[0].schema.openAPIV3Schema.properties[e].items.type: Invalid value: "string": must be object if parent array's x-kubernetes-list-type is map`,
      'spec.versions[0].schema.openAPIV3Schema.properties[e].x-kubernetes-list-map-keys[0]: Invalid value: "k": entries must all be names of item properties',
    ],
  ],
  [
    'what junctors, embedded objects, sets and patterns may say',
    customresourcedefinitions,
    (o) => {
      o.spec.versions[0].schema.openAPIV3Schema = {
        type: 'object',
        additionalProperties: { type: 'string' },
        properties: {
          a: { type: 'object', anyOf: [{ properties: { b: { minLength: 1 } } }] },
          c: { type: 'string', pattern: '(' },
          d: { type: 'object', 'x-kubernetes-embedded-resource': true },
          e: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'object', properties: {} } },
          f: { 'x-kubernetes-int-or-string': true, 'x-kubernetes-preserve-unknown-fields': true },
        },
      };
    },
    [
      `${at}.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive`,
      `${at}.additionalProperties: Forbidden: must not be used at the root`,
      `${at}.properties[c].pattern: Invalid value: "(": must be a valid regular expression, but isn't: error parsing regexp: missing closing ): \`(\``,
      `${at}.properties[d].properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields`,
      `${at}.properties[e].items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with x-kubernetes-list-type=set`,
      `${at}.properties[f].x-kubernetes-preserve-unknown-fields: Invalid value: true: must be false if x-kubernetes-int-or-string is true`,
      `${at}.properties[a].properties[b]: Required value: because it is defined in ${at}.properties[a].anyOf[0].properties[b]`,
    ],
  ],
  [
    'defaults that the schema itself would refuse',
    customresourcedefinitions,
    (o) => {
      const embedded = { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true };
      o.spec.versions[0].schema.openAPIV3Schema = {
        type: 'object',
        properties: {
          a: { type: 'integer', default: 'x' },
          b: { type: 'object', properties: { c: { type: 'string' } }, default: { c: 'x', d: 1 } },
          e: { type: 'integer', default: 3, 'x-kubernetes-validations': [{ rule: 'self > 5' }] },
          f: { ...embedded, default: { kind: 'a b', apiVersion: 'v1', metadata: { labels: { '-': 'x' } } } },
          g: { type: 'array', items: { type: 'string', enum: ['x'], default: 'y' }, default: ['x'] },
          h: { type: 'string', nullable: true, default: null },
          i: { type: 'object', additionalProperties: { type: 'integer' }, default: { a: 1, b: 'x' } },
        },
      };
    },
    [
      `${at}.properties[a].default: Invalid value: "string": ${at}.properties[a].default in body must be of type integer: "string"`,
      `${at}.properties[b].default: Invalid value: {"c":"x","d":1}: must not have unknown fields`,
      `${at}.properties[e].default: Invalid value: "integer": failed rule: self > 5`,
      expect.stringContaining(`${at}.properties[f].default.kind: Invalid value: "a b": may have mixed case`) as unknown as string,
      expect.stringContaining(`${at}.properties[f].default.metadata.labels: Invalid value: "-"`) as unknown as string,
      `${at}.properties[g].items.default: Unsupported value: "y": supported values: "x"`,
      expect.stringContaining(`${at}.properties[i].default.b: Invalid value: "string"`) as unknown as string,
    ],
  ],
  [
    'rules that compare what nobody can tell apart',
    customresourcedefinitions,
    (o) => {
      const rules = { 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] };
      const item = { type: 'object', required: ['k'], properties: { k: { type: 'string', maxLength: 9, ...rules } } };
      const list = { type: 'array', maxItems: 9, items: item };
      o.spec.versions[0].schema.openAPIV3Schema = {
        type: 'object',
        properties: {
          a: list,
          b: { ...list, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'] },
          c: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self > 1', optionalOldSelf: true }] },
        },
      };
    },
    [
      `${at}.properties[a].items.properties[k].x-kubernetes-validations[0].rule: Invalid value: "self == oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema within ${at}.properties[a].items`,
      `${at}.properties[c].x-kubernetes-validations[0].optionalOldSelf: Invalid value: true: may not be set unless oldSelf is used in rule`,
    ],
  ],
  [
    'precedence and subjects',
    flowschemas,
    (o) => {
      o.spec.matchingPrecedence = 1;
      o.spec.rules[0].subjects = [{ kind: 'User', group: { name: 'x' } }];
      o.spec.rules[0].resourceRules[0].verbs = ['*', 'get'];
    },
    [
      "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
      "spec.rules[0].subjects[0].user: Required value: user is required when subject kind is 'User'",
      "spec.rules[0].subjects[0].group: Forbidden: group is forbidden when subject kind is not 'Group'",
      `spec.rules[0].resourceRules[0].verbs: Invalid value: ["*","get"]: if '*' is present, must not specify other verbs`,
    ],
  ],
  [
    'a handler in capitals',
    runtimeclasses,
    set({ handler: 'RunC' }),
    [expect.stringMatching(/^handler: Invalid value: "RunC": a lowercase RFC 1123 label/) as unknown as string],
  ],
  [
    'claims of devices',
    resourceclaims,
    (o) => {
      o.spec.devices.requests.push({ name: 'r' });
      o.spec.devices.requests[0].exactly = {
        deviceClassName: 'x',
        allocationMode: 'All',
        count: 2,
        selectors: [{ cel: { expression: '' } }],
      };
      o.spec.devices.constraints = [{ requests: ['q'] }];
    },
    [
      'spec.devices.requests[0].exactly.selectors[0].cel.expression: Required value',
      "spec.devices.requests[0].exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All'",
      'spec.devices.requests[1]: Required value: exactly one of `exactly` or `firstAvailable` is required',
      'spec.devices.requests[1]: Duplicate value: "r"',
      `spec.devices.constraints[0].requests[0]: Invalid value: "q": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'`,
      'spec.devices.constraints[0]: Required value: exactly one of `matchAttribute` or `distinctAttribute` is required',
    ],
  ],
];

describe('creates', () => {
  test.each(creates.map((row) => [`${row[1].kind}: ${row[0]}`, row] as const))('%s', (_, [, kind, change, causes]) => {
    expect(createCauses(kind, change)).toEqual(causes);
  });

  /** Kinds of which there is no example: whole objects. */
  const wholes: readonly (readonly [KindDefinition<Loose>, Loose, readonly string[]])[] = [
    [ipaddresses, { metadata: { name: '10.0.0.1' }, spec: { parentRef: { resource: 'services', name: 's' } } }, []],
    [
      ipaddresses,
      { metadata: { name: 'ten' } },
      [
        'metadata.name: Invalid value: "ten": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        'spec.parentRef: Required value',
      ],
    ],
    [
      servicecidrs,
      { spec: { cidrs: ['10.0.0.0/24', '10.1.0.0/24'] } },
      [
        'spec.cidrs: Invalid value: ["10.0.0.0/24","10.1.0.0/24"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
      ],
    ],
    [
      clusterroles,
      { aggregationRule: {} },
      ['aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil'],
    ],
    [
      clusterrolebindings,
      { roleRef: { kind: 'Role', name: 'r' }, subjects: [{ kind: 'ServiceAccount', name: 'sa' }] },
      ['roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"', 'subjects[0].namespace: Required value'],
    ],
    [
      apiservices,
      {
        metadata: { name: 'v1.x' },
        spec: { group: 'g.io', version: 'v1', groupPriorityMinimum: 0, versionPriority: 10, service: { name: 's' } },
      },
      [
        'metadata.name: Invalid value: "v1.x": must be `spec.version+"."+spec.group`: "v1.g.io"',
        'spec.groupPriorityMinimum: Invalid value: 0: must be positive and less than 20000',
        'spec.service.namespace: Required value',
      ],
    ],
    [
      prioritylevelconfigurations,
      {
        metadata: { name: 'p' },
        spec: { type: 'Limited', limited: { limitResponse: { type: 'Queue', queuing: { queues: 4, handSize: 5 } } } },
      },
      ['spec.limited.limitResponse.queuing.handSize: Invalid value: 5: should not be greater than queues (4)'],
    ],
    [
      subjectaccessreviews,
      { spec: {} },
      [
        'spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified',
        'spec.user: Invalid value: "": at least one of user or group must be specified',
      ],
    ],
  ];
  test.each(wholes)('%o', (kind, object, causes) => {
    expect(createCauses(kind, () => {}, object)).toEqual(causes);
  });
});

const updates: readonly Row[] = [
  ['provisioner', storageclasses, set({ provisioner: 'other' }), ['provisioner: Forbidden: updates to provisioner are forbidden.']],
  [
    'roleRef',
    rolebindings,
    set({ roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'other' } }),
    ['roleRef: Invalid value: {"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"other"}: cannot change roleRef'],
  ],
  ['attachRequired', csidrivers, spec({ attachRequired: false }), [`spec.attachRequired: Invalid value: false: ${immutable}`]],
  ['handler', runtimeclasses, set({ handler: 'x' }), [`handler: Invalid value: "x": ${immutable}`]],
  ['controller', ingressclasses, spec({ controller: 'a.io/b' }), [`spec.controller: Invalid value: "a.io/b": ${immutable}`]],
  [
    'scopes',
    resourcequotas,
    spec({ scopes: ['NotTerminating'], hard: { pods: '1' } }),
    [`spec.scopes: Invalid value: ["NotTerminating"]: ${immutable}`],
  ],
  [
    'source',
    persistentvolumes,
    spec({ hostPath: { path: '/other', type: '' } }),
    [
      expect.stringMatching(
        /^spec\.persistentvolumesource: Forbidden: spec\.persistentvolumesource is immutable after creation\n/,
      ) as unknown as string,
    ],
  ],
];

describe('updates', () => {
  test.each(updates.map((row) => [`${row[1].kind}: ${row[0]}`, row] as const))('%s', (_, [, kind, change, causes]) => {
    expect(updateCauses(kind, change)).toEqual(causes);
  });

  test('a claim is bound once; when bound it grows, and shrinks no further than it is', () => {
    const claim = exampleOf(persistentvolumeclaims);
    expect(updateCauses(persistentvolumeclaims, spec({ volumeName: 'v' }), claim)).toEqual([]);
    const frozen = expect.stringMatching(
      /^spec: Forbidden: spec is immutable after creation except resources\.requests and volumeAttributesClassName for bound claims\n/,
    );
    expect(updateCauses(persistentvolumeclaims, spec({ resources: { requests: { storage: '2Gi' } } }), claim)).toEqual([frozen]);
    claim.spec.volumeName = 'v';
    claim.status = { phase: 'Bound', capacity: { storage: '1Gi' } };
    const resized = (storage: string) => updateCauses(persistentvolumeclaims, spec({ resources: { requests: { storage } } }), claim);
    expect(updateCauses(persistentvolumeclaims, spec({ volumeName: 'w' }), claim)).toEqual([frozen]);
    expect(resized('2Gi')).toEqual([]);
    expect(resized('1Mi')).toEqual(['spec.resources.requests.storage: Forbidden: field can not be less than status.capacity']);
  });

  test('of a definition only what changes is judged: rules that became stricter hinder nothing else', () => {
    const standing = exampleOf(customresourcedefinitions);
    const old = { type: 'integer', default: 'wrong' };
    standing.spec.versions[0].schema.openAPIV3Schema = { type: 'object', properties: { old } };
    const relabel = (o: Loose) => {
      o.metadata.labels = { a: 'b' };
    };
    expect(updateCauses(customresourcedefinitions, relabel, standing)).toEqual([]);
    const describe = (o: Loose) => {
      o.spec.versions[0].schema.openAPIV3Schema.properties.fine = { type: 'string' };
      o.spec.versions[0].schema.openAPIV3Schema.properties.old.description = 'as it was';
    };
    expect(updateCauses(customresourcedefinitions, describe, standing)).toEqual([]);
    const worsen = (o: Loose) => {
      o.spec.versions[0].schema.openAPIV3Schema.properties.young = old;
    };
    expect(updateCauses(customresourcedefinitions, worsen, standing)).toHaveLength(1);
  });

  test('an established definition keeps its kind and scope, and its stored versions', () => {
    const definition = exampleOf(customresourcedefinitions);
    const rescope = spec({ scope: 'Cluster' });
    expect(updateCauses(customresourcedefinitions, rescope, definition)).toEqual([]);
    definition.status.conditions = [{ type: 'Established', status: 'True' }];
    expect(updateCauses(customresourcedefinitions, rescope, definition)).toEqual([`spec.scope: Invalid value: "Cluster": ${immutable}`]);
    const rename = (o: Loose) => {
      o.spec.versions[0].name = 'v2';
    };
    expect(updateCauses(customresourcedefinitions, rename, definition)).toEqual([
      'status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 from status.storedVersions',
    ]);
  });
});
