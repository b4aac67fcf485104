// The metrics of one API server: its build, and the step of its pipeline that counts requests.
import { kubernetesVersion } from '../../api/mod.ts';
import type { Clock, Metrics } from '../../base/mod.ts';
import type { ResourceCore } from '../http/core-port.ts';
import { headerOf } from '../http/exchange.ts';
import type { Step } from '../pipeline.ts';
import { createRequestMetrics, type RequestMetrics } from './requests.ts';

const applyType = 'application/apply-patch+yaml';

export interface ServerMetrics extends Pick<RequestMetrics, 'watched'> {
  readonly step: Step;
}

export function createServerMetrics(metrics: Metrics, clock: Clock, core: Pick<ResourceCore, 'find'>): ServerMetrics {
  const { measure, watched } = createRequestMetrics({ metrics, clock, find: (of) => core.find(of) });
  const [major = '', minor = ''] = kubernetesVersion.replace(/^v/, '').split('.');
  metrics.collect({
    name: 'kubernetes_build_info',
    help: "A metric with a constant '1' value labeled by major, minor, git version, git commit, git tree state, build date, Go version, and compiler from which Kubernetes was built, and platform on which it is running.",
    type: 'gauge',
    labels: ['major', 'minor', 'git_version'],
    read: () => [{ values: [major, minor, kubernetesVersion], value: 1 }],
  });
  const step: Step = ({ request, info }, next) =>
    measure({ info, patchesByApply: request.method === 'PATCH' && isApply(headerOf(request.headers, 'content-type')) }, next);
  return { step, watched };
}

const isApply = (contentType: string | undefined): boolean => contentType?.split(';')[0]?.trim().toLowerCase() === applyType;
