import { describe, expect, test } from 'vitest';
import type { V1Pod } from '../generated/types.gen.ts';
import { type Draft, draftOf } from '../meta/object.ts';
import { pods } from './pod.ts';

type PodDraft = Draft<V1Pod>;
type SpecDraft = NonNullable<PodDraft['spec']>;

/** A pod with defaults set, changed by `change` before the defaults. */
function podWith(change: (spec: SpecDraft, container: SpecDraft['containers'][number]) => void): V1Pod {
  const spec: SpecDraft = { containers: [{ name: 'c', image: 'i:1' }] };
  const container = spec.containers[0];
  if (container === undefined) throw new Error('no container');
  change(spec, container);
  const pod: PodDraft = { metadata: { name: 'p', namespace: 'd', resourceVersion: '1' }, spec };
  pods.setDefaults?.(pod);
  return pod as V1Pod;
}
const problemsOf = (pod: V1Pod): string[] => (pods.validateCreate?.(pod) ?? []).map((error) => error.text);
const label = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-'";

describe('what a new pod may not be', () => {
  const cases: [string, Parameters<typeof podWith>[0], (string | RegExp)[]][] = [
    ['sound', () => {}, []],
    [
      'without containers',
      (spec) => {
        spec.containers = [];
      },
      ['spec.containers: Required value'],
    ],
    [
      'with an empty container',
      (spec) => {
        spec.containers = [{} as SpecDraft['containers'][number]];
      },
      ['spec.containers[0].name: Required value', 'spec.containers[0].image: Required value'],
    ],
    [
      'with a bad name',
      (_, c) => {
        c.name = 'A_b';
      },
      [new RegExp(`^spec\\.containers\\[0\\]\\.name: Invalid value: "A_b": ${label}`)],
    ],
    [
      'with a name used twice, across lists',
      (spec) => {
        spec.initContainers = [{ name: 'c', image: 'i' }];
      },
      ['spec.initContainers[0].name: Duplicate value: "c"'],
    ],
    [
      'with bad ports',
      (_, c) => {
        c.ports = [
          { containerPort: 80, name: 'web' },
          { containerPort: 70000, name: 'web', protocol: 'ICMP' },
          { containerPort: 0, name: 'UP' },
        ];
      },
      [
        'spec.containers[0].ports[1].name: Duplicate value: "web"',
        'spec.containers[0].ports[1].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
        'spec.containers[0].ports[1].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
        'spec.containers[0].ports[2].name: Invalid value: "UP": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
        'spec.containers[0].ports[2].name: Invalid value: "UP": must contain at least one letter (a-z)',
        'spec.containers[0].ports[2].containerPort: Required value',
      ],
    ],
    [
      'with one host port twice',
      (spec, c) => {
        c.ports = [{ containerPort: 1, hostPort: 9 }];
        spec.containers.push({ name: 'd', image: 'i', ports: [{ containerPort: 2, hostPort: 9 }] });
      },
      ['spec.containers[1].ports[0].hostPort: Duplicate value: "TCP//9"'],
    ],
    [
      'with a bad environment',
      (_, c) => {
        c.env = [
          { name: '' },
          { name: 'a=b' },
          { name: 'A', value: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
          { name: 'B', valueFrom: { fieldRef: { fieldPath: 'spec.nope' } } },
          { name: 'C', valueFrom: { configMapKeyRef: { key: '' } } },
          { name: 'D', valueFrom: { fieldRef: { fieldPath: 'status.phase' } } },
        ];
      },
      [
        'spec.containers[0].env[0].name: Required value',
        `spec.containers[0].env[1].name: Invalid value: "a=b": a valid environment variable name must consist only of printable ASCII characters other than '='`,
        'spec.containers[0].env[2].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
        'spec.containers[0].env[3].valueFrom.fieldRef.fieldPath: Invalid value: "spec.nope": error converting fieldPath: field label not supported: spec.nope',
        /^spec\.containers\[0\]\.env\[4\]\.valueFrom\.configMapKeyRef\.name: Invalid value: "": a lowercase RFC 1123 subdomain/,
        'spec.containers[0].env[4].valueFrom.configMapKeyRef.key: Required value',
        /^spec\.containers\[0\]\.env\[5\]\.valueFrom\.fieldRef\.fieldPath: Unsupported value: "status\.phase": supported values: "metadata\.name"/,
      ],
    ],
    [
      'with bad mounts',
      (spec, c) => {
        spec.volumes = [{ name: 'v' }];
        c.volumeMounts = [
          { name: 'v', mountPath: '/a' },
          { name: 'v', mountPath: '/a' },
          { name: 'w', mountPath: '/b' },
          { name: 'v', mountPath: '' },
          { name: 'v', mountPath: '/c', subPath: '../x' },
        ];
      },
      [
        'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/a": must be unique',
        'spec.containers[0].volumeMounts[2].name: Not found: "w"',
        'spec.containers[0].volumeMounts[3].mountPath: Required value',
        `spec.containers[0].volumeMounts.subPath: Invalid value: "../x": must not contain '..'`,
      ],
    ],
    [
      'with bad volumes',
      (spec) => {
        spec.volumes = [
          { name: 'v', emptyDir: {}, hostPath: { path: '/x' } },
          { name: 'w', hostPath: { path: '/x/../y', type: 'Dir' } },
          { name: 'w', configMap: {} },
          { name: 'x', secret: { secretName: 's', items: [{ key: '', path: '/abs', mode: 4096 }] } },
          { name: 'y', emptyDir: {} },
          { name: 'y', emptyDir: {} },
        ];
      },
      [
        'spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type',
        `spec.volumes[1].hostPath.path: Invalid value: "/x/../y": must not contain '..'`,
        'spec.volumes[1].hostPath.type: Unsupported value: "Dir": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
        'spec.volumes[2].configMap.name: Required value',
        'spec.volumes[3].secret.items[0].key: Required value',
        'spec.volumes[3].secret.items[0].path: Invalid value: "/abs": must be a relative path',
        'spec.volumes[3].secret.items[0].mode: Invalid value: 4096: must be a number between 0 and 0777 (octal), both inclusive',
        'spec.volumes[5].name: Duplicate value: "y"',
      ],
    ],
    [
      'with bad probes',
      (_, c) => {
        c.livenessProbe = { successThreshold: 2, httpGet: { port: 0 } };
        c.readinessProbe = { exec: { command: [] }, tcpSocket: { port: 'x' } };
        c.startupProbe = {};
      },
      [
        'spec.containers[0].livenessProbe.httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive',
        'spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1',
        'spec.containers[0].readinessProbe.exec.command: Required value',
        'spec.containers[0].readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type',
        'spec.containers[0].startupProbe: Required value: must specify a handler type',
      ],
    ],
    [
      'with bad resources',
      (_, c) => {
        c.resources = {
          limits: { cpu: '1', 'hugepages-2Mi': '4Mi', gpu: '1' },
          requests: { cpu: '1500m', memory: '-1', 'example.com/gpu': '1', 'hugepages-2Mi': '2Mi' },
        };
      },
      [
        'spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard resource for containers',
        'spec.containers[0].resources.requests: Invalid value: "1500m": must be less than or equal to cpu limit of 1',
        'spec.containers[0].resources.requests[memory]: Invalid value: "-1": must be greater than or equal to 0',
        'spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources',
        'spec.containers[0].resources.requests: Invalid value: "2Mi": must be equal to hugepages-2Mi limit of 4Mi',
        'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource for containers',
      ],
    ],
    [
      'with bad policies',
      (spec, c) => {
        spec.restartPolicy = 'Maybe';
        spec.dnsPolicy = 'None';
        spec.activeDeadlineSeconds = 0;
        c.imagePullPolicy = 'Sometimes';
      },
      [
        'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',
        'spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"',
        'spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None',
        'spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive',
      ],
    ],
    [
      'with bad security',
      (spec, c) => {
        spec.securityContext = { runAsUser: -1, fsGroup: 2 ** 31, seccompProfile: { type: 'Localhost' } };
        c.securityContext = { privileged: true, allowPrivilegeEscalation: false };
      },
      [
        'spec.containers[0].securityContext: Invalid value: {"privileged":true,"allowPrivilegeEscalation":false}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
        'spec.securityContext.fsGroup: Invalid value: 2147483648: must be between 0 and 2147483647, inclusive',
        'spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive',
        'spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost',
      ],
    ],
    [
      'with init containers that only a sidecar may be',
      (spec) => {
        const readinessProbe = { tcpSocket: { port: 80 } };
        spec.initContainers = [
          { name: 'a', image: 'i', readinessProbe },
          { name: 'b', image: 'i', readinessProbe, restartPolicy: 'Always' },
        ];
      },
      ['spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always'],
    ],
    [
      'with bad tolerations',
      (spec) => {
        spec.tolerations = [
          { operator: 'Exists' },
          {},
          { key: 'k', operator: 'Exists', value: 'v' },
          { key: 'k', effect: 'Never' },
          { key: 'k', tolerationSeconds: 1 },
        ];
      },
      [
        'spec.tolerations[1].operator: Invalid value: "": operator must be Exists when `key` is empty, which means "match all values and all keys"',
        `spec.tolerations[2].operator: Invalid value: {"key":"k","operator":"Exists","value":"v"}: value must be empty when \`operator\` is 'Exists'`,
        'spec.tolerations[3].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
        `spec.tolerations[4].effect: Invalid value: "": effect must be 'NoExecute' when \`tolerationSeconds\` is set`,
      ],
    ],
    [
      'with bad affinity',
      (spec) => {
        spec.affinity = {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [
                {
                  matchExpressions: [
                    { key: 'a', operator: 'In' },
                    { key: 'b', operator: 'Like' },
                  ],
                },
              ],
            },
            preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 0, preference: {} }],
          },
          podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'a/b/c' }] },
        };
      },
      [
        "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
        'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[1].operator: Invalid value: "Like": not a valid selector operator',
        'spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range 1-100',
        /^spec\.affinity\.podAntiAffinity\.requiredDuringSchedulingIgnoredDuringExecution\[0\]\.topologyKey: Invalid value: "a\/b\/c"/,
      ],
    ],
    [
      'with bad devices and profiles',
      (spec, c) => {
        spec.volumes = [{ name: 'v' }, { name: 'w', persistentVolumeClaim: { claimName: 'x' } }];
        c.volumeDevices = [
          { name: 'v', devicePath: '/a' },
          { name: 'w', devicePath: '' },
          { name: 'x', devicePath: '/a' },
        ];
        c.securityContext = { appArmorProfile: { type: 'Localhost' }, seccompProfile: { type: 'Some' } };
      },
      [
        'spec.containers[0].volumeDevices[0].name: Invalid value: "v": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
        'spec.containers[0].volumeDevices[1].devicePath: Required value',
        'spec.containers[0].volumeDevices[2].name: Not found: "x"',
        'spec.containers[0].volumeDevices[2].devicePath: Invalid value: "/a": must be unique',
        'spec.containers[0].securityContext.seccompProfile.type: Unsupported value: "Some": supported values: "Localhost", "RuntimeDefault", "Unconfined"',
        'spec.containers[0].securityContext.appArmorProfile.localhostProfile: Required value: must be set when AppArmor type is Localhost',
      ],
    ],
    [
      'with bad spreading and gates',
      (spec) => {
        spec.topologySpreadConstraints = [{ maxSkew: 0, topologyKey: '', whenUnsatisfiable: 'Cry' }];
        spec.schedulingGates = [{ name: 'a/b' }, { name: 'a/b' }];
        spec.nodeName = 'n';
      },
      [
        'spec.schedulingGates[1]: Duplicate value: "a/b"',
        'spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero',
        'spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty',
        'spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "Cry": supported values: "DoNotSchedule", "ScheduleAnyway"',
        'spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared',
      ],
    ],
    [
      'with an ephemeral container',
      (spec) => {
        spec.ephemeralContainers = [{ name: 'e', image: 'i', ports: [{ containerPort: 1 }] }];
      },
      [
        'spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container',
        'spec.ephemeralContainers: Forbidden: cannot be set on create',
      ],
    ],
  ];

  test.each(cases)('%s', (_, change, want) => {
    const got = problemsOf(podWith(change));
    expect(got).toEqual(want.map((each) => (typeof each === 'string' ? each : expect.stringMatching(each))));
  });
});

describe('what may change in a pod', () => {
  const old = podWith((spec) => {
    spec.tolerations = [{ key: 'k', operator: 'Exists' }];
    spec.activeDeadlineSeconds = 10;
  });
  const changed = (change: (spec: SpecDraft, pod: PodDraft) => void): string[] => {
    const next = draftOf(old);
    if (next.spec) change(next.spec, next);
    return (pods.update?.validate?.(next as V1Pod, old) ?? []).map((error) => error.text);
  };
  const first = (spec: SpecDraft) => spec.containers[0] as SpecDraft['containers'][number];

  test.each<[string, (spec: SpecDraft) => void]>([
    ['nothing', () => {}],
    [
      'an image',
      (spec) => {
        first(spec).image = 'j:2';
      },
    ],
    ['one more toleration', (spec) => void spec.tolerations?.push({ key: 'l', operator: 'Exists' })],
    [
      'a shorter deadline',
      (spec) => {
        spec.activeDeadlineSeconds = 5;
      },
    ],
    ['what says the same', (spec) => void Object.assign(spec, { hostNetwork: false, nodeSelector: {} })],
  ])('%s may', (_, change) => {
    expect(changed(change)).toEqual([]);
  });

  test.each<[string, (spec: SpecDraft) => void, RegExp]>([
    [
      'a command',
      (spec) => {
        first(spec).command = ['x'];
      },
      /^spec: Forbidden: pod updates may not change fields other than `spec\.containers\[\*\]\.image`,`spec\.initContainers\[\*\]\.image`,`spec\.activeDeadlineSeconds`,`spec\.tolerations` \(only additions to existing tolerations\),`spec\.terminationGracePeriodSeconds` \(allow it to be set to 1 if it was previously negative\)\n- containers\[0\]\.command: nil\n\+ containers\[0\]\.command: \["x"\]$/,
    ],
    [
      'the user, to root',
      (spec) => {
        spec.securityContext = { runAsUser: 0 };
      },
      /pod updates may not change fields/,
    ],
    [
      'a toleration taken away',
      (spec) => {
        spec.tolerations = [];
      },
      /^spec\.tolerations: Forbidden: existing toleration can not be modified/,
    ],
    [
      'one more container',
      (spec) => void spec.containers.push({ ...first(spec), name: 'd' }),
      /^spec\.containers: Forbidden: pod updates may not add or remove containers$/,
    ],
    [
      'a longer deadline',
      (spec) => {
        spec.activeDeadlineSeconds = 20;
      },
      /must be less than or equal to previous value$/,
    ],
    ['no deadline', (spec) => void delete spec.activeDeadlineSeconds, /must not update from a positive integer to nil value$/],
  ])('%s may not', (_, change, want) => {
    expect(changed(change)).toEqual([expect.stringMatching(want)]);
  });

  test('status and ephemeral containers are left to their own endpoints', () => {
    const running: V1Pod = { ...old, status: { phase: 'Running', qosClass: 'BestEffort' } };
    const draft = draftOf(old);
    draft.status = { phase: 'Failed' };
    pods.update?.prepare?.(draft, running, { nowMs: 0, nowTime: '' });
    expect(draft.status).toBe(running.status);
  });

  test('ephemeral containers may be added but not changed', () => {
    const rules = pods.subresources?.ephemeralcontainers;
    const next = draftOf(old);
    if (next.spec) next.spec.ephemeralContainers = [{ name: 'e', image: 'i' }];
    pods.setDefaults?.(next);
    expect(rules?.validate?.(next as V1Pod, old)).toEqual([]);
    const later = draftOf(next as V1Pod);
    if (later.spec) later.spec.ephemeralContainers = [];
    expect(rules?.validate?.(later as V1Pod, next as V1Pod).map((error) => error.text)).toEqual([
      'spec.ephemeralContainers: Forbidden: existing ephemeral containers ["e"] may not be removed\n',
    ]);
  });

  test('resize changes cpu and memory, and not the class', () => {
    const rules = pods.subresources?.resize;
    const before = podWith((_, c) => {
      c.resources = { requests: { cpu: '100m' } };
    });
    const with_ = (requests: Record<string, string>) =>
      podWith((_, c) => {
        c.resources = { requests };
      });
    expect(rules?.validate?.(with_({ cpu: '200m' }), before)).toEqual([]);
    expect(rules?.validate?.(with_({}), before)?.length).toBeGreaterThan(0);
    const said = (next: V1Pod, standing = before) => rules?.validate?.(next, standing)?.map((error) => error.text);
    const only = 'spec: Forbidden: only cpu and memory resources are mutable';
    expect(said(with_({ cpu: '100m', 'ephemeral-storage': '1Gi' }))).toEqual([only]);
    expect(said(with_({ memory: '1Gi' }))).toEqual([
      'spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed',
    ]);
    const renamed = podWith((_, c) => {
      Object.assign(c, { name: 'd', resources: { requests: { cpu: '100m' } } });
    });
    expect(said(renamed)).toEqual(['spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize']);
    const whole = (cpu: string | undefined) =>
      podWith((spec, c) => {
        c.resources = { requests: { cpu: '100m' } };
        if (cpu !== undefined) spec.resources = { requests: { cpu } };
      });
    expect(said(whole('300m'), whole('200m'))).toEqual([]);
    expect(said(whole(undefined), whole('200m'))).toEqual(['spec.resources: Forbidden: pod-level resources cannot be removed']);
    const running = (resources?: object): V1Pod =>
      ({
        ...before,
        status: { containerStatuses: [{ name: 'c', state: { running: {} }, ...(resources ? { resources } : {}) }] },
      }) as unknown as V1Pod;
    expect(said(with_({ cpu: '200m' }), running())).toEqual(['spec: Forbidden: Pod running on node without support for resize']);
    expect(said(with_({ cpu: '200m' }), running({}))).toEqual([]);
    const mirror = { ...before, metadata: { ...before.metadata, annotations: { 'kubernetes.io/config.mirror': 'x' } } };
    expect(said(with_({ cpu: '200m' }), mirror)).toEqual([expect.stringContaining('static pods cannot be resized')]);
  });

  test('an ended container stays ended, and the class of service is fixed', () => {
    const ended = (state: object): V1Pod =>
      ({
        ...old,
        spec: { ...old.spec, restartPolicy: 'Never' },
        status: { qosClass: 'Burstable', containerStatuses: [{ name: 'c', state }] },
      }) as unknown as V1Pod;
    const texts = pods.status?.validate?.(ended({ running: {} }), ended({ terminated: { exitCode: 1 } }))?.map((error) => error.text);
    expect(texts).toEqual(['status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state']);
  });
});

describe('graceful deletion', () => {
  test.each([
    ['the pod’s own period', { nodeName: 'n', seconds: 30 }, undefined, 30],
    ['the asked period', { nodeName: 'n', seconds: 30 }, 5, 5],
    ['at once when asked', { nodeName: 'n', seconds: 30 }, 0, 0],
    ['at once when unscheduled', { nodeName: '', seconds: 30 }, 5, 0],
    ['at once when finished', { nodeName: 'n', seconds: 30, phase: 'Succeeded' }, 5, 0],
    ['one second for a negative period', { nodeName: 'n', seconds: -3 }, undefined, 1],
  ])('%s', (_, { nodeName, seconds, phase }: { nodeName: string; seconds: number; phase?: string }, asked, want) => {
    const pod: V1Pod = { spec: { containers: [], nodeName, terminationGracePeriodSeconds: seconds }, status: { phase } };
    expect(pods.gracePeriodSeconds?.(pod, { gracePeriodSeconds: asked })).toBe(want);
  });
});
