// The network as probes of simulated pods see it: whoever has an address answers, once its container's `ready-ms` has passed.
import type { Clock } from '../../base/mod.ts';
import { type ProbeIo, ProbeIoError } from '../../base/ports/probe-io.ts';
import type { SimRuntime } from './runtime.ts';

export function createSimProbeIo(runtime: Pick<SimRuntime, 'sandboxes' | 'containers'>, clock: Clock): ProbeIo {
  /** True when every running container of the pod at this address is ready. */
  function answers(host: string): boolean {
    for (const sandbox of runtime.sandboxes.values()) {
      if (sandbox.ip !== host || sandbox.state !== 'ready') continue;
      const running = [...sandbox.containers].map((id) => runtime.containers.get(id)).filter((one) => one?.state === 'running');
      return running.length > 0 && running.every((one) => one && clock.nowMs() >= one.startedAtMs + one.behaviour.readyMs);
    }
    return false;
  }
  const refused = (host: string) => new ProbeIoError('ECONNREFUSED', `connect ECONNREFUSED ${host}`);
  return {
    async httpGet({ url }) {
      const { hostname } = new URL(url);
      if (!answers(hostname)) throw refused(hostname);
      return { status: 200, body: '' };
    },
    async tcpConnect({ host }) {
      if (!answers(host)) throw refused(host);
    },
    async grpcHealth({ host }) {
      if (!answers(host)) throw refused(host);
      return 1;
    },
  };
}
