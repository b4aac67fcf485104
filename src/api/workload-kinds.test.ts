// Validation of the workload kinds, cause by cause.
import { describe, expect, test } from 'vitest';
import type { KindDefinition } from './kind.ts';
import {
  cronjobs,
  daemonsets,
  horizontalpodautoscalers,
  horizontalpodautoscalersV1,
  jobs,
  poddisruptionbudgets,
  replicationcontrollers,
  statefulsets,
} from './kinds.ts';
import { createCauses, exampleOf, type Loose, updateCauses } from './testing/validation.ts';

type Row = readonly [what: string, kind: KindDefinition<Loose>, change: (draft: Loose) => void, causes: readonly string[]];

const immutable = 'field is immutable';
const percent =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

const creates: readonly Row[] = [
  ['no selector', statefulsets, (o) => delete o.spec.selector, ['spec.selector: Required value']],
  [
    'an empty selector',
    statefulsets,
    (o) => {
      o.spec.selector = {};
    },
    ['spec.selector: Invalid value: {}: empty selector is invalid for statefulset'],
  ],
  [
    'several faults at once',
    statefulsets,
    (o) => {
      o.spec.podManagementPolicy = 'Any';
      o.spec.updateStrategy = { type: 'OnDelete', rollingUpdate: { partition: 1 } };
      o.spec.replicas = -1;
      o.spec.ordinals = { start: -1 };
      o.spec.template.spec.restartPolicy = 'Never';
    },
    [
      `spec.podManagementPolicy: Invalid value: "Any": must be 'OrderedReady' or 'Parallel'`,
      `spec.updateStrategy.rollingUpdate: Invalid value: {"partition":1}: only allowed for updateStrategy 'RollingUpdate'`,
      'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
      'spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0',
      'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ],
  ],
  [
    'maxUnavailable of 0',
    statefulsets,
    (o) => {
      o.spec.updateStrategy.rollingUpdate.maxUnavailable = '0%';
    },
    ['spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "0%": cannot be 0'],
  ],
  [
    'labels that are not selected',
    daemonsets,
    (o) => {
      o.spec.template.metadata.labels = { a: 'c' };
    },
    ['spec.template.metadata.labels: Invalid value: {"a":"c"}: `selector` does not match template `labels`'],
  ],
  [
    'surge and unavailable',
    daemonsets,
    (o) => {
      o.spec.updateStrategy.rollingUpdate = { maxSurge: 1, maxUnavailable: 'x' };
    },
    [
      `spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "x": ${percent}`,
      'spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero',
    ],
  ],
  [
    'no progress allowed',
    daemonsets,
    (o) => {
      o.spec.updateStrategy.rollingUpdate = { maxSurge: 0, maxUnavailable: 0 };
    },
    ['spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0'],
  ],
  [
    'no template',
    replicationcontrollers,
    (o) => {
      delete o.spec.template;
    },
    ['spec.template: Required value'],
  ],
  [
    'Always',
    jobs,
    (o) => {
      o.spec.template.spec.restartPolicy = 'Always';
    },
    ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
  ],
  [
    'Indexed without completions',
    jobs,
    (o) => {
      o.spec.completionMode = 'Indexed';
      delete o.spec.completions;
    },
    ['spec.completions: Required value: when completion mode is Indexed'],
  ],
  [
    'fields of indexed jobs',
    jobs,
    (o) => {
      o.spec.maxFailedIndexes = 1;
      o.spec.successPolicy = { rules: [{ succeededCount: 1 }] };
    },
    [
      'spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified',
      'spec.maxFailedIndexes: Invalid value: 1: requires indexed completion mode',
      'spec.successPolicy: Invalid value: {"rules":[{"succeededCount":1}]}: requires indexed completion mode',
    ],
  ],
  [
    'a pod failure policy',
    jobs,
    (o) => {
      o.spec.podFailurePolicy = { rules: [{ action: 'Ignore', onExitCodes: { operator: 'In', values: [3, 0, 3], containerName: 'x' } }] };
      o.spec.podReplacementPolicy = 'Failed';
    },
    [
      'spec.podFailurePolicy.rules[0].onExitCodes.containerName: Invalid value: "x": must be one of the container or initContainer names in the pod template',
      'spec.podFailurePolicy.rules[0].onExitCodes.values[1]: Invalid value: 0: must not be 0 for the In operator',
      'spec.podFailurePolicy.rules[0].onExitCodes.values[2]: Duplicate value: 3',
      'spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [3,0,3]: must be ordered',
    ],
  ],
  [
    'labels of another job',
    jobs,
    (o) => {
      o.spec.template.metadata.labels['job-name'] = 'other';
    },
    [expect.stringMatching(/^spec\.template\.metadata\.labels\[job-name\]: Invalid value: \{.*\}: must be 'j'$/) as unknown as string],
  ],
  [
    'a bad schedule and selector',
    cronjobs,
    (o) => {
      o.spec.schedule = '61 * * * *';
      o.spec.concurrencyPolicy = 'Perhaps';
      o.spec.jobTemplate.spec.selector = {};
      o.spec.timeZone = 'local';
    },
    [
      'spec.schedule: Invalid value: "61 * * * *": end of range (61) above maximum (59): 61',
      'spec.timeZone: Invalid value: "local": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
      'spec.concurrencyPolicy: Unsupported value: "Perhaps": supported values: "Allow", "Forbid", "Replace"',
      'spec.jobTemplate.spec.selector: Invalid value: {}: `selector` will be auto-generated',
    ],
  ],
  [
    'a name too long',
    cronjobs,
    (o) => {
      o.metadata.name = 'n'.repeat(53);
    },
    [`metadata.name: Invalid value: "${'n'.repeat(53)}": must be no more than 52 characters`],
  ],
  [
    'bounds',
    horizontalpodautoscalers,
    (o) => {
      o.spec.minReplicas = 0;
      o.spec.maxReplicas = -1;
      o.spec.scaleTargetRef = { kind: 'a/b' };
    },
    [
      'spec.minReplicas: Invalid value: 0: must be greater than or equal to 1',
      'spec.maxReplicas: Invalid value: -1: must be greater than 0',
      'spec.maxReplicas: Invalid value: -1: must be greater than or equal to `minReplicas`',
      `spec.scaleTargetRef.kind: Invalid value: "a/b": may not contain '/'`,
      'spec.scaleTargetRef.name: Required value',
      'spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas',
    ],
  ],
  [
    'metrics',
    horizontalpodautoscalers,
    (o) => {
      o.spec.metrics = [{ type: 'Pods', resource: { name: 'cpu', target: { type: 'Some', averageValue: '0' } } }, { type: 'What' }];
    },
    [
      'spec.metrics[0].resource.target.type: Invalid value: "Some": must be either Utilization, Value, or AverageValue',
      'spec.metrics[0].resource.target.averageValue: Invalid value: "0": must be positive',
      'spec.metrics[0].pods: Required value: must populate information for the given metric source',
      'spec.metrics[1].type: Unsupported value: "What": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"',
      'spec.metrics[1].what: Required value: must populate information for the given metric source',
    ],
  ],
  [
    'both bounds',
    poddisruptionbudgets,
    (o) => {
      o.spec = { minAvailable: 1, maxUnavailable: '101%', unhealthyPodEvictionPolicy: 'Never' };
    },
    [
      'spec: Invalid value: {"minAvailable":1,"maxUnavailable":"101%","unhealthyPodEvictionPolicy":"Never"}: minAvailable and maxUnavailable cannot be both set',
      'spec.maxUnavailable: Invalid value: "101%": must not be greater than 100%',
      'spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values: "AlwaysAllow", "IfHealthyBudget"',
    ],
  ],
];

describe('creates', () => {
  test.each(creates.map((row) => [`${row[1].kind}: ${row[0]}`, row] as const))('%s', (_, [, kind, change, causes]) => {
    expect(createCauses(kind, change)).toEqual(causes);
  });
});

const updates: readonly Row[] = [
  [
    'a fixed field',
    statefulsets,
    (o) => {
      o.spec.serviceName = 'other';
      o.spec.replicas = 5;
    },
    [
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ],
  ],
  [
    'selector',
    daemonsets,
    (o) => {
      o.spec.selector = { matchLabels: { a: 'b', c: 'd' } };
      o.spec.template.metadata.labels = { a: 'b', c: 'd' };
    },
    [`spec.selector: Invalid value: {"matchLabels":{"a":"b","c":"d"}}: ${immutable}`],
  ],
  [
    'completions',
    jobs,
    (o) => {
      o.spec.completions = 2;
      o.spec.parallelism = 7;
      o.spec.suspend = true;
    },
    [`spec.completions: Invalid value: 2: ${immutable}`],
  ],
];

describe('updates', () => {
  test.each(updates.map((row) => [`${row[1].kind}: ${row[0]}`, row] as const))('%s', (_, [, kind, change, causes]) => {
    expect(updateCauses(kind, change)).toEqual(causes);
  });

  test('a suspended job may move, a started one may not', () => {
    const move = (o: Loose) => {
      o.spec.template.spec.nodeSelector = { disk: 'ssd' };
    };
    const suspended = exampleOf(jobs);
    suspended.spec.suspend = true;
    expect(updateCauses(jobs, move, suspended)).toEqual([]);
    expect(updateCauses(jobs, move)).toEqual([expect.stringMatching(/^spec\.template: Invalid value: .*: field is immutable$/)]);
  });

  test('an indexed job grows in tandem with its parallelism', () => {
    const job = exampleOf(jobs);
    Object.assign(job.spec, { completionMode: 'Indexed', completions: 3, parallelism: 3 });
    const grow = (completions: number, parallelism: number) =>
      updateCauses(jobs, (o) => Object.assign(o.spec, { completions, parallelism }), job);
    expect(grow(5, 5)).toEqual([]);
    expect(grow(5, 3)).toEqual(['spec.completions: Invalid value: 5: can only be modified in tandem with spec.parallelism']);
  });

  test('counts of a status', () => {
    const change = (o: Loose) => {
      o.status = { replicas: 1, readyReplicas: 2, availableReplicas: -1 };
    };
    expect(updateCauses(statefulsets, change, undefined, 'status')).toEqual([
      'status.availableReplicas: Invalid value: -1: must be greater than or equal to 0',
      'status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas',
    ]);
  });

  test("a change of its template moves a daemon set's template generation", () => {
    const old = exampleOf(daemonsets);
    const draft = exampleOf(daemonsets);
    draft.spec.template.spec.containers[0].image = 'other';
    daemonsets.update?.prepare?.(draft, old, { nowMs: 0, nowTime: '' });
    expect(draft.metadata.annotations).toEqual({ 'deprecated.daemonset.template.generation': '2' });
  });
});

describe('autoscaling/v1', () => {
  const { toStorage, fromStorage } = horizontalpodautoscalersV1.storage ?? {};

  test('what v1 has no fields for goes through annotations and back', () => {
    const v2 = exampleOf(horizontalpodautoscalers);
    v2.spec.metrics = [
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
      { type: 'Pods', pods: { metric: { name: 'qps' }, target: { type: 'AverageValue', averageValue: '1k' } } },
      {
        type: 'External',
        external: { metric: { name: 'q', selector: { matchLabels: { a: 'b' } } }, target: { type: 'Value', value: '3' } },
      },
    ];
    v2.spec.behavior = { scaleDown: { policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }], selectPolicy: 'Min' } };
    v2.status = { desiredReplicas: 2, currentReplicas: 1, currentMetrics: null, conditions: [{ type: 'AbleToScale', status: 'True' }] };
    const v1 = fromStorage?.(v2) as Loose;
    expect(v1.spec).toEqual({ scaleTargetRef: v2.spec.scaleTargetRef, minReplicas: 1, maxReplicas: 3, targetCPUUtilizationPercentage: 50 });
    expect(JSON.parse(v1.metadata.annotations['autoscaling.alpha.kubernetes.io/metrics'])).toEqual([
      { type: 'Pods', pods: { metricName: 'qps', targetAverageValue: '1k' } },
      { type: 'External', external: { metricName: 'q', metricSelector: { matchLabels: { a: 'b' } }, targetValue: '3' } },
    ]);
    expect(JSON.parse(JSON.stringify(toStorage?.(v1)))).toEqual(v2);
  });

  test('an annotation that is no JSON is no metric', () => {
    const v1 = exampleOf(horizontalpodautoscalersV1);
    v1.metadata.annotations = { 'autoscaling.alpha.kubernetes.io/metrics': '{' };
    const v2 = toStorage?.(v1) as Loose;
    expect(v2.spec.metrics).toHaveLength(1);
  });

  test('the cell of targets', () => {
    const cell = horizontalpodautoscalers.columns.find(({ name }) => name === 'Targets')?.cell;
    const autoscaler = exampleOf(horizontalpodautoscalers);
    expect(cell?.(autoscaler, 0)).toBe('cpu: <unknown>/80%');
    autoscaler.status.currentMetrics = [
      { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 40, averageValue: '1' } } },
    ];
    const more = { type: 'Pods', pods: { metric: { name: 'm' }, target: { type: 'AverageValue', averageValue: '2' } } };
    autoscaler.spec.metrics.push(more, more);
    expect(cell?.(autoscaler, 0)).toBe('cpu: 40%/80%, <unknown>/2 + 1 more...');
  });
});

describe('cells', () => {
  const cellsOf = (kind: KindDefinition<Loose>, object: Loose, nowMs = 0) =>
    Object.fromEntries(kind.columns.map((column) => [column.name, column.cell(object, nowMs)]));

  test('of a job', () => {
    const job = exampleOf(jobs);
    expect(cellsOf(jobs, job)).toMatchObject({ Status: 'Running', Completions: '0/1', Duration: '' });
    job.status = {
      startTime: '1970-01-01T00:00:00Z',
      completionTime: '1970-01-01T00:01:00Z',
      succeeded: 1,
      conditions: [{ type: 'Complete', status: 'True' }],
    };
    expect(cellsOf(jobs, job, 1e9)).toMatchObject({
      Status: 'Complete',
      Completions: '1/1',
      Duration: '60s',
      Containers: 'c',
      Images: 'x',
    });
    delete job.spec.completions;
    job.spec.parallelism = 4;
    expect(cellsOf(jobs, job)).toMatchObject({ Completions: '1/1 of 4' });
  });

  test('of a cron job', () => {
    const cron = exampleOf(cronjobs);
    const last = { 'Last Schedule': '<none>', Timezone: '<none>', Suspend: 'False', Active: 0, Selector: '<none>', Containers: 'c' };
    expect(cellsOf(cronjobs, cron)).toMatchObject(last);
    cron.status = { lastScheduleTime: '1970-01-01T00:00:00Z', active: [{}] };
    expect(cellsOf(cronjobs, cron, 60_000)).toMatchObject({ 'Last Schedule': '60s', Active: 1 });
  });
});
