// Standing UDP flows to backends that have gone: the kernel is told to forget them, so that their clients' next packet finds another.
import type { Logger } from '../../base/mod.ts';
import { ProcessError, type Processes } from '../../base/ports/process.ts';
import type { LeftBackend } from './plan.ts';

const conntrackMs = 5_000;
/** Calls for one change; beyond it flows are left to their timeout. */
const callsMax = 100;

export interface Flows {
  /** Never rejects: a flow that stays ends by its timeout, two minutes after the client's last packet. */
  forget(left: readonly LeftBackend[]): Promise<void>;
}

/** What `conntrack -D` is to match: the address that the client used, and the backend that it was given. Pure. */
export function flowArguments({ frontend, backend }: LeftBackend): readonly string[] {
  const parts = frontend.key.split(' . ');
  const port = parts.at(-1) ?? '';
  const address = parts.length === 3 ? ['--orig-dst', parts[0] ?? ''] : [];
  const family = backend.address.includes(':') ? 'ipv6' : 'ipv4';
  return [
    '-D',
    '-f',
    family,
    '-p',
    'udp',
    ...address,
    '--orig-port-dst',
    port,
    '--dst-nat',
    backend.address,
    '--reply-port-src',
    String(backend.port),
  ];
}

/** Uses the program `conntrack`, where the machine has it. */
export function createFlows(processes: Processes, log: Logger): Flows {
  let isMissing = false;
  return {
    async forget(left) {
      const calls = new Map(left.map((one) => [flowArguments(one).join(' '), flowArguments(one)]));
      if (calls.size > callsMax) log.warn('Too many UDP flows to forget at once; some end by their timeout', { calls: calls.size });
      for (const args of [...calls.values()].slice(0, callsMax)) {
        if (isMissing) return;
        try {
          // Its exit code is 1 when there was no such flow.
          await processes.run('conntrack', args, { deadlineMs: conntrackMs });
        } catch (error) {
          isMissing = error instanceof ProcessError && error.code === 'notFound';
          log.info('UDP flows to endpoints that have gone end by their timeout: the program "conntrack" is missing or fails', { error });
        }
      }
    },
  };
}
