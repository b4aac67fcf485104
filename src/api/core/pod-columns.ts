// What `kubectl get pods [-o wide]` prints.
import type { V1ContainerStatus, V1Pod } from '../generated/types.gen.ts';
import type { Column } from '../kind.ts';
import { ageColumn, nameColumn, none, orNone } from '../meta/columns.ts';
import { isConditionTrue } from '../meta/conditions.ts';
import { humanDuration, parseTime } from '../meta/time.ts';

/** The figures of a pod's line. `lastRestartMs` is 0 when nothing has restarted. */
interface PodSummary {
  readonly ready: number;
  readonly total: number;
  readonly reason: string;
  readonly restarts: number;
  readonly lastRestartMs: number;
}

const restartMs = (status: V1ContainerStatus): number => parseTime(status.lastState?.terminated?.finishedAt ?? '') ?? 0;

/** Why a container that ended is not there: its reason, or else its signal or exit code. */
function terminationReason(terminated: NonNullable<NonNullable<V1ContainerStatus['state']>['terminated']>): string {
  if (terminated.reason) return terminated.reason;
  return terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode ?? 0}`;
}

interface InitSummary {
  /** `Init:...` while the init containers are not done. */
  readonly reason: string | undefined;
  readonly ready: number;
  readonly restarts: number;
  readonly lastRestartMs: number;
  readonly sidecarRestarts: number;
  readonly sidecarLastRestartMs: number;
}

function summarizeInit(pod: V1Pod, sidecars: ReadonlySet<string>): InitSummary {
  const sum = {
    reason: undefined as string | undefined,
    ready: 0,
    restarts: 0,
    lastRestartMs: 0,
    sidecarRestarts: 0,
    sidecarLastRestartMs: 0,
  };
  for (const [i, status] of (pod.status?.initContainerStatuses ?? []).entries()) {
    sum.restarts += status.restartCount ?? 0;
    sum.lastRestartMs = Math.max(sum.lastRestartMs, restartMs(status));
    const isSidecar = sidecars.has(status.name);
    if (isSidecar) {
      sum.sidecarRestarts += status.restartCount ?? 0;
      sum.sidecarLastRestartMs = Math.max(sum.sidecarLastRestartMs, restartMs(status));
    }
    const { terminated, waiting } = status.state ?? {};
    if (terminated !== undefined && (terminated.exitCode ?? 0) === 0) continue;
    if (isSidecar && status.started === true) {
      if (status.ready) sum.ready++;
      continue;
    }
    if (terminated !== undefined) sum.reason = `Init:${terminationReason(terminated)}`;
    else if (waiting?.reason && waiting.reason !== 'PodInitializing') sum.reason = `Init:${waiting.reason}`;
    else sum.reason = `Init:${i}/${(pod.spec?.initContainers ?? []).length}`;
    break;
  }
  return sum;
}

/** Of the regular containers: the first one with something to say is heard last, and so is shown. */
function summarizeMain(pod: V1Pod, phaseReason: string): { reason: string; ready: number; restarts: number; lastRestartMs: number } {
  let reason = phaseReason;
  let [ready, restarts, lastRestartMs] = [0, 0, 0];
  for (const status of [...(pod.status?.containerStatuses ?? [])].reverse()) {
    restarts += status.restartCount ?? 0;
    lastRestartMs = Math.max(lastRestartMs, restartMs(status));
    const { waiting, terminated, running } = status.state ?? {};
    if (waiting?.reason) reason = waiting.reason;
    else if (terminated !== undefined) reason = terminationReason(terminated);
    else if (status.ready && running !== undefined) ready++;
  }
  if (reason === 'Completed' && ready > 0) reason = isConditionTrue(pod.status?.conditions, 'Ready') ? 'Running' : 'NotReady';
  return { reason, ready, restarts, lastRestartMs };
}

function phaseReasonOf(pod: V1Pod): string {
  const gated = pod.status?.conditions?.some(({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated');
  return gated ? 'SchedulingGated' : pod.status?.reason || pod.status?.phase || '';
}

export function summarizePod(pod: V1Pod): PodSummary {
  const sidecars = new Set((pod.spec?.initContainers ?? []).filter((each) => each.restartPolicy === 'Always').map((each) => each.name));
  const total = (pod.spec?.containers ?? []).length + sidecars.size;
  const init = summarizeInit(pod, sidecars);
  let { ready, restarts, lastRestartMs } = init;
  let reason = init.reason ?? phaseReasonOf(pod);
  if (init.reason === undefined || isConditionTrue(pod.status?.conditions, 'Initialized')) {
    const main = summarizeMain(pod, reason);
    reason = main.reason;
    ready += main.ready;
    restarts = init.sidecarRestarts + main.restarts;
    lastRestartMs = Math.max(init.sidecarLastRestartMs, main.lastRestartMs);
  }
  if (pod.metadata?.deletionTimestamp !== undefined) {
    const phase = pod.status?.phase;
    if (pod.status?.reason === 'NodeLost') reason = 'Unknown';
    else if (phase !== 'Succeeded' && phase !== 'Failed') reason = 'Terminating';
  }
  return { ready, total, reason, restarts, lastRestartMs };
}

function restartsCell(pod: V1Pod, nowMs: number): string {
  const { restarts, lastRestartMs } = summarizePod(pod);
  return restarts !== 0 && lastRestartMs !== 0 ? `${restarts} (${humanDuration(nowMs - lastRestartMs)} ago)` : String(restarts);
}

function gatesCell(pod: V1Pod): string {
  const gates = pod.spec?.readinessGates ?? [];
  if (gates.length === 0) return none;
  const open = gates.filter((gate) => isConditionTrue(pod.status?.conditions, gate.conditionType)).length;
  return `${open}/${gates.length}`;
}

export const podColumns: readonly Column<V1Pod>[] = [
  nameColumn,
  {
    name: 'Ready',
    type: 'string',
    description: 'The aggregate readiness state of this pod for accepting traffic.',
    cell: (pod) => {
      const { ready, total } = summarizePod(pod);
      return `${ready}/${total}`;
    },
  },
  {
    name: 'Status',
    type: 'string',
    description: 'The aggregate status of the containers in this pod.',
    cell: (pod) => summarizePod(pod).reason,
  },
  {
    name: 'Restarts',
    type: 'string',
    description:
      'The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.',
    cell: restartsCell,
  },
  ageColumn,
  { name: 'IP', type: 'string', priority: 1, cell: (pod) => orNone(pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP) },
  { name: 'Node', type: 'string', priority: 1, cell: (pod) => orNone(pod.spec?.nodeName) },
  { name: 'Nominated Node', type: 'string', priority: 1, cell: (pod) => orNone(pod.status?.nominatedNodeName) },
  { name: 'Readiness Gates', type: 'string', priority: 1, cell: gatesCell },
];
