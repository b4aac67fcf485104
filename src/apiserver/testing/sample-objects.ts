// Small valid objects of every kind that clients may create, for tests that treat all kinds alike.
import { readFileSync } from 'node:fs';
import { apiVersionOf, type KindDefinition, type KubeObject } from '../../api/mod.ts';

type Sample = KubeObject & { readonly [field: string]: unknown };
interface Fact {
  readonly groupVersion?: string;
  readonly group?: string;
  readonly resource: string;
  readonly sent: Sample;
}

const read = (name: string): readonly Fact[] =>
  JSON.parse(readFileSync(new URL(`../../api/testdata/${name}.json`, import.meta.url), 'utf8'));
const facts = [...read('defaulting'), ...read('other-defaulting')];

const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }];
const matchConstraints = {
  resourceRules: [{ apiGroups: ['z.example.com'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['zs'] }],
};
const device = { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'x' } }] } };
const certificateRequest = readFileSync(new URL('../../api/testdata/request.csr', import.meta.url)).toString('base64');
const patchExpression = 'Object{metadata: Object.metadata{labels: {"a": "b"}}}';

/** Kinds that the facts hold no example of, by qualified resource. */
const others: Readonly<Record<string, (i: number) => object>> = {
  'events.': () => ({ involvedObject: { namespace: 'default', kind: 'Pod', name: 'x' }, type: 'Normal', reason: 'R', message: 'm' }),
  'apiservices.apiregistration.k8s.io': (i) => ({
    spec: {
      group: 'facts.example.com',
      version: `v${i + 1}`,
      groupPriorityMinimum: 100,
      versionPriority: 10,
      service: { name: 's', namespace: 'default' },
    },
  }),
  'events.events.k8s.io': () => ({
    ...{ eventTime: '2026-01-01T00:00:00.000000Z', reportingController: 'c', reportingInstance: 'c-1', action: 'Do' },
    ...{ reason: 'R', type: 'Normal', regarding: { namespace: 'default', kind: 'Pod', name: 'x' } },
  }),
  'certificatesigningrequests.certificates.k8s.io': () => ({
    spec: {
      request: certificateRequest,
      signerName: 'example.com/e2e',
      usages: ['digital signature', 'client auth'],
      expirationSeconds: 3600,
    },
  }),
  'ipaddresses.networking.k8s.io': () => ({ spec: { parentRef: { resource: 'services', namespace: 'default', name: 's' } } }),
  'servicecidrs.networking.k8s.io': (i) => ({ spec: { cidrs: [`10.200.${i}.0/24`] } }),
  'clusterroles.rbac.authorization.k8s.io': () => ({ rules }),
  'clusterrolebindings.rbac.authorization.k8s.io': () => ({
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    subjects: [{ kind: 'User', name: 'u', apiGroup: 'rbac.authorization.k8s.io' }],
  }),
  'csinodes.storage.k8s.io': () => ({ spec: { drivers: [{ name: 'd.example.com', nodeID: 'n', topologyKeys: ['example.com/zone'] }] } }),
  'csistoragecapacities.storage.k8s.io': () => ({ storageClassName: 'fast', capacity: '1Gi' }),
  'volumeattachments.storage.k8s.io': () => ({
    spec: { attacher: 'a.example.com', nodeName: 'n', source: { persistentVolumeName: 'pv' } },
  }),
  'volumeattributesclasses.storage.k8s.io': () => ({ driverName: 'd.example.com', parameters: { iops: '100' } }),
  'mutatingadmissionpolicies.admissionregistration.k8s.io': () => ({
    spec: {
      ...{ matchConstraints, reinvocationPolicy: 'Never', failurePolicy: 'Fail' },
      mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression: patchExpression } }],
    },
  }),
  'mutatingadmissionpolicybindings.admissionregistration.k8s.io': () => ({ spec: { policyName: 'p' } }),
  'validatingadmissionpolicybindings.admissionregistration.k8s.io': () => ({ spec: { policyName: 'p', validationActions: ['Deny'] } }),
  'deviceclasses.resource.k8s.io': () => ({ spec: {} }),
  'resourceclaimtemplates.resource.k8s.io': () => ({ spec: { spec: device } }),
  'resourceslices.resource.k8s.io': () => ({
    spec: { driver: 'd.example.com', nodeName: 'n', pool: { name: 'p', generation: 1, resourceSliceCount: 1 }, devices: [{ name: 'a' }] },
  }),
  'prioritylevelconfigurations.flowcontrol.apiserver.k8s.io': () => ({
    spec: { type: 'Limited', limited: { limitResponse: { type: 'Reject' } } },
  }),
  'customresourcedefinitions.apiextensions.k8s.io': (i) => ({
    spec: {
      ...{ group: 'facts.example.com', scope: 'Namespaced', names: { plural: `foos${i}`, kind: `Foo${i}` } },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
    },
  }),
};

const names: Readonly<Record<string, (i: number) => string>> = {
  apiservices: (i) => `v${i + 1}.facts.example.com`,
  customresourcedefinitions: (i) => `foos${i}.facts.example.com`,
  ipaddresses: (i) => `10.9.0.${i + 1}`,
};

const groupOf = ({ group, groupVersion = '' }: Fact) => group ?? (groupVersion.includes('/') ? groupVersion.split('/')[0] : '');

/** A valid object of the kind, another for each `i`; undefined for kinds that are not created as objects. */
export function sampleObject(kind: KindDefinition, i: number): Sample | undefined {
  const found = facts.find((fact) => fact.resource === kind.resource && groupOf(fact) === kind.group);
  const fields = others[`${kind.resource}.${kind.group}`]?.(i) ?? found?.sent;
  if (fields === undefined) return undefined;
  const name = names[kind.resource]?.(i) ?? `sample-${i}`;
  return { ...fields, apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: { name } };
}
