// What a pod says of itself as a whole: the causes that a bad one gets, in upstream's words.
import { expect, test } from 'vitest';
import type { V1PodSpec } from '../../generated/types.gen.ts';
import type { FieldError } from '../../meta/field-error.ts';
import { validateClaims, validateHostUsers, validatePodResources, validateWindows } from './pod-level.ts';

type Resources = NonNullable<V1PodSpec['resources']>;
const c = (resources: Resources = {}, more: object = {}) => ({ name: 'c', image: 'i', resources, ...more });
const windows = (windowsOptions: object, more: Partial<V1PodSpec> = {}): V1PodSpec => ({
  containers: [c()],
  securityContext: { windowsOptions },
  hostNetwork: true,
  ...more,
});

const cases: readonly (readonly [string, V1PodSpec, readonly string[]])[] = [
  ['nothing', { containers: [c()] }, []],
  [
    'room for its containers',
    { containers: [c({ requests: { cpu: '1' } })], resources: { requests: { cpu: '1' }, limits: { memory: '1Gi' } } },
    [],
  ],
  [
    'too little for its containers',
    { containers: [c({ requests: { cpu: '1' } }), c({ requests: { cpu: '500m' } })], resources: { requests: { cpu: '1' } } },
    ['spec.resources.requests[cpu]: Invalid value: "1": must be greater than or equal to aggregate container requests of 1500m'],
  ],
  [
    'a container that may use more',
    { containers: [c({ limits: { cpu: '2' } })], resources: { limits: { cpu: '1' } } },
    ['spec.resources.containers[0][cpu].limits: Invalid value: "2": must be less than or equal to pod limits of 1'],
  ],
  [
    'a resource that pods do not have',
    { containers: [c()], resources: { requests: { 'ephemeral-storage': '1Gi' } } },
    ['spec.resources.requests[ephemeral-storage]: Unsupported value: "ephemeral-storage": supported values: "cpu", "hugepages-", "memory"'],
  ],
  [
    'more asked than allowed',
    { containers: [c()], resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } },
    ['spec.resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
  ],
  ['no quantity', { containers: [c({ requests: { cpu: 'x' } })], resources: { requests: { cpu: '1' } } }, []],
  [
    'for Windows',
    { containers: [c()], os: { name: 'windows' }, resources: {} },
    ['spec.resources: Forbidden: may not be set for a windows pod'],
  ],
  [
    'claims that are used',
    {
      containers: [
        c({
          claims: [
            { name: 'gpu', request: 'a' },
            { name: 'gpu', request: 'b' },
          ],
        }),
      ],
      resourceClaims: [{ name: 'gpu', resourceClaimName: 'g' }],
    },
    [],
  ],
  [
    'claims that are not there, twice, of nothing and of two',
    {
      containers: [c({ claims: [{ name: 'gpu' }, { name: 'gpu' }, { name: 'net' }] })],
      resourceClaims: [{ name: 'gpu' }, { name: 'gpu', resourceClaimName: 'g', resourceClaimTemplateName: 't' }],
    },
    [
      'spec.resourceClaims[0]: Invalid value: {"name":"gpu"}: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`',
      'spec.resourceClaims[1].name: Duplicate value: "gpu"',
      'spec.resourceClaims[1]: Invalid value: {"name":"gpu","resourceClaimName":"g","resourceClaimTemplateName":"t"}: at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified',
      'spec.containers[0].resources.claims[1]: Duplicate value: "gpu"',
      'spec.containers[0].resources.claims[2]: Not found: "net": must be one of the names in pod.spec.resourceClaims: gpu',
    ],
  ],
  [
    'a claim where there is none',
    { containers: [c({ claims: [{ name: 'a' }] })] },
    ['spec.containers[0].resources.claims[0]: Not found: "a": must be one of the names in pod.spec.resourceClaims which is empty'],
  ],
  [
    'users of its own, and the namespaces of the node',
    { containers: [c()], hostUsers: false, hostNetwork: true, hostPID: true },
    ['spec.hostNetwork: Forbidden: when `hostUsers` is false', 'spec.HostPID: Forbidden: when `hostUsers` is false'],
  ],
  ['the users of the node', { containers: [c()], hostUsers: true, hostNetwork: true }, []],
  ['a Windows user', windows({ runAsUserName: 'CORP\\Someone' }), []],
  [
    'a Windows user of no domain',
    windows({ runAsUserName: '.corp*\\a/b' }),
    [
      'spec.securityContext.windowsOptions.runAsUserName: Invalid value: ".corp*\\\\a/b": runAsUserName\'s Domain doesn\'t match the NetBios nor the DNS format',
      'spec.securityContext.windowsOptions.runAsUserName: Invalid value: ".corp*\\\\a/b": runAsUserName\'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]',
    ],
  ],
  [
    'Windows options on Linux',
    windows({}, { os: { name: 'linux' } }),
    ['spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod'],
  ],
  [
    'host processes among others',
    windows(
      { hostProcess: true },
      { hostNetwork: false, containers: [c({}, { securityContext: { windowsOptions: { hostProcess: false } } }), c()] },
    ),
    [
      'spec.containers[0].securityContext.windowsOptions.hostProcess: Invalid value: false: pod hostProcess value must be identical if both are specified, was true',
      'spec: Invalid value: "": If pod contains any hostProcess containers then all containers must be HostProcess containers',
      'spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers',
    ],
  ],
];

test.each(cases)('%s', (_, spec, wanted) => {
  const errors: FieldError[] = [];
  validatePodResources(spec, 'spec.resources', errors);
  validateClaims(spec, 'spec', errors);
  validateHostUsers(spec, 'spec', errors);
  validateWindows(spec, 'spec', errors);
  expect(errors.map(({ text }) => text)).toEqual(wanted);
});
