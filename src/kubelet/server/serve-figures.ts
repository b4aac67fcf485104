// What the kubelet tells of itself, its node and its pods in figures: the stats summary and the four pages of metrics.
import { metricsContentType } from '../../base/mod.ts';
import type { VolumeFigures } from '../csi/volumes.ts';
import type { Kubelet } from '../kubelet.ts';
import { cadvisorMetrics } from './cadvisor-text.ts';
import { metricLines, type Row } from './metric-lines.ts';
import type { MetricsOf } from './routes.ts';
import { resourceMetrics, statsSummary } from './stats-text.ts';
import { volumeMetrics } from './volume-metrics.ts';

export interface Page {
  readonly text: string;
  readonly type: string;
}

export async function summaryPage(kubelet: Kubelet, cpuAndMemoryOnly: boolean): Promise<Page> {
  const { usedSpace } = kubelet;
  const stats = await kubelet.stats({ speeds: true });
  if (cpuAndMemoryOnly) return json(statsSummary(stats));
  const space = new Map();
  const volumes = await figuresOfVolumes(kubelet);
  // One after another: walking directories is the disk's work, and nobody is in a hurry for it.
  for (const view of kubelet.pods()) {
    const uid = view.pod.metadata?.uid ?? '';
    if (usedSpace) space.set(uid, await usedSpace(view));
  }
  return json(statsSummary(stats, { pods: space, volumes, images: await kubelet.diskUse?.images() }));
}

/** What storage drivers say of their volumes, by the pod's uid. */
async function figuresOfVolumes({ pods, volumeFigures }: Kubelet): Promise<ReadonlyMap<string, readonly VolumeFigures[]>> {
  if (!volumeFigures) return new Map();
  // All at once: a driver that does not answer costs its deadline once.
  return new Map(await Promise.all(pods().map(async (view) => [view.pod.metadata?.uid ?? '', await volumeFigures(view)] as const)));
}

const json = (value: unknown): Page => ({ text: JSON.stringify(value), type: 'application/json' });

export async function metricsPage(kubelet: Kubelet, of: MetricsOf, ownMetrics: () => string): Promise<Page> {
  return { text: (await metricsText(kubelet, of, ownMetrics)).trimEnd(), type: metricsContentType };
}

async function metricsText(kubelet: Kubelet, of: MetricsOf, ownMetrics: () => string): Promise<string> {
  switch (of) {
    case 'resource':
      return resourceMetrics(await kubelet.stats());
    case 'cadvisor':
      return cadvisorMetrics({ stats: await kubelet.stats(), views: kubelet.pods(), source: kubelet.usage });
    case 'probes':
      return probeMetrics(kubelet);
    case 'kubelet':
      return kubeletMetrics(kubelet) + volumeMetrics([...(await figuresOfVolumes(kubelet)).values()].flat()) + ownMetrics();
  }
}

const probeTypes = { startup: 'Startup', readiness: 'Readiness', liveness: 'Liveness' } as const;
const probeAnswers = { success: 'successful', failure: 'failed', errored: 'unknown' } as const;

function probeMetrics(kubelet: Kubelet): string {
  const rows = kubelet.pods().flatMap(({ pod, probeCounts = [] }) => {
    const { namespace = '', name = '', uid = '' } = pod.metadata ?? {};
    return probeCounts.map(({ container, kind, answer, count }): Row => {
      const of = { container, namespace, pod: name, pod_uid: uid, probe_type: probeTypes[kind], result: probeAnswers[answer] };
      return [of, count];
    });
  });
  const help = '[BETA] Cumulative number of a liveness, readiness or startup probe for a container by result.';
  return metricLines({ name: 'prober_probe_total', type: 'counter', help, rows });
}

/** What is counted only when somebody asks. */
function kubeletMetrics(kubelet: Kubelet): string {
  const views = kubelet.pods();
  const states = new Map<string, number>();
  for (const { observed } of views) {
    for (const { state } of observed.containers) states.set(state, (states.get(state) ?? 0) + 1);
  }
  const gauge = (name: string, help: string, rows: readonly Row[]) => metricLines({ name, type: 'gauge', help, rows });
  return [
    gauge('kubelet_node_name', "[ALPHA] The node's name. The count is always 1.", [[{ node: kubelet.nodeName }, 1]]),
    gauge('kubelet_running_pods', '[ALPHA] Number of pods that have a running pod sandbox', [
      [{}, views.filter(({ observed }) => observed.sandbox?.state === 'ready').length],
    ]),
    gauge(
      'kubelet_running_containers',
      '[ALPHA] Number of containers currently running',
      [...states].sort().map(([state, count]): Row => [{ container_state: state }, count]),
    ),
    gauge(
      'kubelet_active_pods',
      '[ALPHA] The number of pods the kubelet considers active and which are being considered when admitting new pods.',
      [[{ static: '' }, views.filter(({ state }) => state.at === 'syncing').length]],
    ),
  ].join('');
}
