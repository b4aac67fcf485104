import { describe, expect, test } from 'vitest';
import { aContainer, aPod, aRun, aSandbox, planInput, seen } from './plan.fake.ts';
import { plan } from './plan.ts';
import type { Action, PlanInput } from './plan-types.ts';

/** An action in short: `start app#1 +10000`. */
function short(action: Action): string {
  switch (action.do) {
    case 'startContainer':
      return `start ${action.createdId ?? `${action.name}#${action.attempt}`}${action.delayMs ? ` +${action.delayMs}` : ''}`;
    case 'killContainer':
      return `kill ${action.id} ${action.graceSeconds}s${action.hurry ? ' hurry' : ''}`;
    case 'createSandbox':
      return `createSandbox #${action.attempt}`;
    case 'stopSandbox':
    case 'removeSandbox':
    case 'removeContainer':
      return `${action.do} ${action.id}`;
    case 'cancel':
      return `cancel ${action.subject}`;
    default:
      return action.do;
  }
}
const actions = (input: PlanInput) => plan(input).actions.map(short);
const initPod = aPod({ initContainers: [aContainer('i1'), aContainer('i2')] });
const sidecarPod = aPod({ initContainers: [aContainer('side', { restartPolicy: 'Always' }), aContainer('i')] });
const failed = (retryAtMs: number) => ({ reason: 'ErrImagePull', message: 'm', retryAtMs });

describe('syncing', () => {
  test.each<[string, PlanInput, string[]]>([
    ['volumes first', planInput(aPod(), seen([]), { volumes: 'unknown' }), ['mountVolumes']],
    ['then the sandbox', planInput(aPod(), seen([])), ['createSandbox #0']],
    ['then the container', planInput(aPod(), seen([aSandbox()])), ['start app#0']],
    ['nothing while all runs', planInput(aPod(), seen([aSandbox()], [aRun('app', 'running')])), []],
    ['a sandbox under way is not made twice', planInput(aPod(), seen([]), { busy: new Map([['sandbox', {}]]) }), []],
    ['a created container is started, not made anew', planInput(aPod(), seen([aSandbox()], [aRun('app', 'created')])), ['start app-0']],
    [
      'a crash restarts at once the first time',
      planInput(aPod(), seen([aSandbox()], [aRun('app', 'exited', { exitCode: 1 })])),
      ['start app#1 +10000'],
    ],
    ['and after its delay later', planInput(aPod(), seen([aSandbox()], [aRun('app', 'exited', { attempt: 1, delayMs: 10_000 })])), []],
    [
      'one start at a time, in order',
      planInput(aPod({ containers: [aContainer('a'), aContainer('b')] }), seen([aSandbox()])),
      ['start a#0'],
    ],
    [
      'a failed start lets the next one begin',
      planInput(aPod({ containers: [aContainer('a'), aContainer('b')] }), seen([aSandbox()]), {
        failures: new Map([['start/a', failed(9000)]]),
      }),
      ['start b#0'],
    ],
    ['init containers one after another', planInput(initPod, seen([aSandbox()])), ['start i1#0']],
    ['the second when the first is done', planInput(initPod, seen([aSandbox()], [aRun('i1', 'exited')])), ['start i2#0']],
    ['no main one before', planInput(initPod, seen([aSandbox()], [aRun('i1', 'exited'), aRun('i2', 'running')])), []],
    ['then the main one', planInput(initPod, seen([aSandbox()], [aRun('i1', 'exited'), aRun('i2', 'exited')])), ['start app#0']],
    [
      'a failed init container again',
      planInput(initPod, seen([aSandbox()], [aRun('i1', 'exited', { exitCode: 1 })])),
      ['start i1#1 +10000'],
    ],
    [
      'the next one waits for a sidecar to have started',
      planInput(sidecarPod, seen([aSandbox()], [aRun('side', 'running')]), {
        probes: new Map([['side-0', { started: false, ready: false }]]),
      }),
      [],
    ],
    ['and goes on once it has', planInput(sidecarPod, seen([aSandbox()], [aRun('side', 'running')])), ['start i#0']],
    [
      'a sidecar that ends is started again beside the main one',
      planInput(sidecarPod, seen([aSandbox()], [aRun('side', 'exited'), aRun('i', 'exited'), aRun('app', 'running')])),
      ['start side#1 +10000'],
    ],
    [
      'a new image kills the old run',
      planInput(aPod({ containers: [aContainer('app', { image: 'v2' })] }), seen([aSandbox()], [aRun('app', 'running')])),
      ['kill app-0 30s'],
    ],
    [
      'not that of an init container, which has only to end',
      planInput(aPod({ initContainers: [aContainer('i', { image: 'v2' })] }), seen([aSandbox()], [aRun('i', 'running')])),
      [],
    ],
    [
      'the run that it killed is replaced whatever the policy, with a new back-off',
      planInput(
        aPod({ restartPolicy: 'Never', containers: [aContainer('app', { image: 'v2' })] }),
        seen([aSandbox()], [aRun('app', 'exited', { attempt: 3, delayMs: 40_000, exitCode: 137 })]),
        { replaced: new Set(['app-3']) },
      ),
      ['start app#4'],
    ],
    [
      'a run that had ended well stays ended',
      planInput(
        aPod({
          restartPolicy: 'OnFailure',
          containers: [aContainer('app', { image: 'v2' }), aContainer('b')],
        }),
        seen([aSandbox()], [aRun('app', 'exited'), aRun('b', 'running')]),
      ),
      [],
    ],
    [
      'a crash loop ends with a new image, at once',
      planInput(
        aPod({ containers: [aContainer('app', { image: 'v2' })] }),
        seen([aSandbox()], [aRun('app', 'exited', { attempt: 5, delayMs: 300_000, exitCode: 1 })]),
      ),
      ['start app#6'],
    ],
    [
      'a failed liveness probe kills with its own grace',
      planInput(
        aPod({ containers: [aContainer('app', { livenessProbe: { terminationGracePeriodSeconds: 5 } })] }),
        seen([aSandbox()], [aRun('app', 'running')]),
        {
          probes: new Map([['app-0', { started: true, ready: false, failed: 'liveness' }]]),
        },
      ),
      ['kill app-0 5s'],
    ],
    [
      'a run too many is killed',
      planInput(aPod(), seen([aSandbox()], [aRun('app', 'running', { attempt: 1 }), aRun('app', 'running')])),
      ['kill app-0 30s'],
    ],
    [
      'a dead sandbox is replaced once its containers are stopped',
      planInput(aPod(), seen([aSandbox(0, 'notReady')], [aRun('app', 'running')])),
      ['kill app-0 30s'],
    ],
    ['with the next attempt', planInput(aPod(), seen([aSandbox(0, 'notReady')], [aRun('app', 'exited')])), ['createSandbox #1']],
    [
      'in it the count goes on and the delay does not begin',
      planInput(aPod(), seen([aSandbox(1), aSandbox(0, 'notReady')], [aRun('app', 'exited')])),
      ['start app#1'],
    ],
    [
      'an older sandbox that holds nothing any more is removed',
      planInput(
        aPod(),
        seen(
          [aSandbox(2), aSandbox(1, 'notReady'), aSandbox(0, 'notReady')],
          [aRun('app', 'running', { sandbox: 2, attempt: 2 }), aRun('app', 'exited', { sandbox: 1, attempt: 1 })],
        ),
      ),
      ['removeSandbox s0'],
    ],
    ['an older sandbox that still runs is stopped', planInput(aPod(), seen([aSandbox(1), aSandbox(0)])), ['stopSandbox s0', 'start app#0']],
    [
      'only two runs are kept',
      planInput(
        aPod(),
        seen(
          [aSandbox()],
          [aRun('app', 'running', { attempt: 3 }), aRun('app', 'exited', { attempt: 2 }), aRun('app', 'exited', { attempt: 1 })],
        ),
      ),
      ['removeContainer app-1'],
    ],
    [
      'what the runtime has lost is counted on from the API',
      planInput(
        aPod(
          {},
          {
            status: {
              containerStatuses: [{ name: 'app', image: '', imageID: '', ready: false, restartCount: 4, containerID: 'containerd://x' }],
            },
          },
        ),
        seen([aSandbox()]),
      ),
      ['start app#5'],
    ],
    [
      'an ephemeral container starts beside whatever runs, once',
      planInput(aPod({ ephemeralContainers: [aContainer('debug')] }), seen([aSandbox()], [aRun('app', 'running')])),
      ['start debug#0'],
    ],
    [
      'and never again',
      planInput(
        aPod({ ephemeralContainers: [aContainer('debug')] }),
        seen([aSandbox()], [aRun('app', 'running'), aRun('debug', 'exited', { exitCode: 1 })]),
      ),
      [],
    ],
  ])('%s', (_, input, expected) => {
    expect(actions(input)).toEqual(expected);
  });

  test('asks to be woken at the end of a back-off', () => {
    const observed = seen([aSandbox()], [aRun('app', 'exited', { attempt: 1, delayMs: 10_000, finishedAtMs: 2000 })]);
    expect(plan(planInput(aPod(), observed)).wakeAtMs).toBe(12_000);
    expect(plan(planInput(aPod(), seen([aSandbox()]), { failures: new Map([['start/app', failed(9000)]]) })).wakeAtMs).toBe(9000);
  });

  test.each<[string, string, Parameters<typeof aRun>[2], boolean]>([
    ['Always', 'ends well', { exitCode: 0 }, false],
    ['OnFailure', 'ends well', { exitCode: 0 }, true],
    ['OnFailure', 'fails', { exitCode: 1 }, false],
    ['Never', 'fails', { exitCode: 1 }, true],
  ])('restart policy %s, container %s: finished is as expected', (restartPolicy, _, run, finished) => {
    expect(plan(planInput(aPod({ restartPolicy }), seen([aSandbox()], [aRun('app', 'exited', run)]))).finished).toBe(finished);
  });

  test('a pod that never restarts is finished when an init container has failed', () => {
    const pod = aPod({ restartPolicy: 'Never', initContainers: [aContainer('i1')] });
    expect(plan(planInput(pod, seen([aSandbox()], [aRun('i1', 'exited', { exitCode: 1 })]))).finished).toBe(true);
  });

  test('a pod that never restarts is finished when it has lost its sandbox', () => {
    const pod = aPod({ restartPolicy: 'Never', containers: [aContainer('a'), aContainer('b')] });
    expect(plan(planInput(pod, seen([aSandbox(0, 'notReady')], [aRun('a', 'exited')]))).finished).toBe(true);
  });

  test('a rule of its own restarts a container whatever the policy', () => {
    const rules = [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }];
    const pod = aPod({ restartPolicy: 'Never', containers: [aContainer('app', { restartPolicy: 'Never', restartPolicyRules: rules })] });
    expect(plan(planInput(pod, seen([aSandbox()], [aRun('app', 'exited', { exitCode: 42 })]))).finished).toBe(false);
    expect(plan(planInput(pod, seen([aSandbox()], [aRun('app', 'exited', { exitCode: 1 })]))).finished).toBe(true);
  });
});

describe('on the way out', () => {
  const terminating = (graceSeconds: number, sinceMs = 3000) =>
    ({ at: 'terminating', cause: { is: 'deleted' }, sinceMs, graceSeconds }) as const;
  const deleted = aPod({}, { metadata: { deletionTimestamp: 'x' } });

  test.each<[string, PlanInput, string[]]>([
    [
      'containers are stopped',
      planInput(aPod(), seen([aSandbox()], [aRun('app', 'running')]), { state: terminating(20) }),
      ['kill app-0 20s'],
    ],
    [
      'with what is left of the grace',
      planInput(aPod(), seen([aSandbox()], [aRun('app', 'running')]), { state: terminating(20), nowMs: 15_000 }),
      ['kill app-0 8s'],
    ],
    [
      'once',
      planInput(aPod(), seen([aSandbox()], [aRun('app', 'running')]), {
        state: terminating(20),
        busy: new Map([['container/app-0', { killAtMs: 23_000 }]]),
      }),
      [],
    ],
    [
      'faster when the grace was cut short',
      planInput(aPod(), seen([aSandbox()], [aRun('app', 'running')]), {
        state: terminating(2),
        busy: new Map([['container/app-0', { killAtMs: 33_000 }]]),
      }),
      ['kill app-0 2s hurry'],
    ],
    [
      'what is being started is given up',
      planInput(aPod(), seen([aSandbox()]), { state: terminating(20), busy: new Map([['start/app', {}]]) }),
      ['cancel start/app'],
    ],
    [
      'sidecars after the others, the last one first',
      planInput(
        aPod({ initContainers: [aContainer('s1', { restartPolicy: 'Always' }), aContainer('s2', { restartPolicy: 'Always' })] }),
        seen([aSandbox()], [aRun('s1', 'running'), aRun('s2', 'running'), aRun('app', 'exited')]),
        { state: terminating(20) },
      ),
      ['kill s2-0 20s'],
    ],
    ['then the sandbox', planInput(aPod(), seen([aSandbox()], [aRun('app', 'exited')]), { state: terminating(20) }), ['stopSandbox s0']],
    ['then the volumes', planInput(aPod(), seen([aSandbox(0, 'notReady')]), { state: terminating(20) }), ['unmountVolumes']],
    [
      'then the API object',
      planInput(deleted, seen([aSandbox(0, 'notReady')]), { state: { at: 'terminated', cause: { is: 'deleted' } } }),
      ['deletePod'],
    ],
    [
      'which stays when nobody has deleted it',
      planInput(aPod(), seen([aSandbox(0, 'notReady')]), { state: { at: 'terminated', cause: { is: 'finished' } } }),
      [],
    ],
    [
      'last the records',
      planInput(deleted, seen([aSandbox(0, 'notReady')], [aRun('app', 'exited'), aRun('lost', 'exited', { sandbox: 7 })]), {
        state: { at: 'gone', cause: { is: 'deleted' } },
      }),
      ['removeSandbox s0', 'removeContainer lost-0'],
    ],
  ])('%s', (_, input, expected) => {
    expect(actions(input)).toEqual(expected);
  });

  test('is over when nothing is left', () => {
    expect(plan(planInput(deleted, seen([aSandbox(0, 'notReady')]), { state: terminating(1), volumes: 'unmounted' })).stopped).toBe(true);
    expect(plan(planInput(deleted, seen([]), { state: { at: 'gone', cause: { is: 'deleted' } } })).removed).toBe(true);
  });
});
