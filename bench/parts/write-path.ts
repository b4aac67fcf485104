// What the write path itself costs: a pod's bytes in, decoded, defaulted, admitted, validated, owned, encoded and handed to a store in memory.
// No socket, no disk: the main thread's own work on one create.
import { pods, servedKinds } from '../../src/api/mod.ts';
import { startTestCore } from '../../src/apiserver/testing/fixture.ts';
import type { Part } from '../part.ts';
import { smallPod } from '../pod.ts';

const creates = 4_000;
const warmUp = 2_000;

/** Microseconds of CPU, all threads counted. */
function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

export const writePathPart: Part = {
  name: 'write-path',
  about: 'The write path alone, in process',
  async run({ report }) {
    const core = await startTestCore({ kinds: servedKinds });
    try {
      // As a socket would have them: making them is the client's work.
      const bodies = (count: number, prefix: string) => Array.from({ length: count }, (_, i) => Buffer.from(smallPod(`${prefix}-${i}`)));
      const create = (bytes: Uint8Array) =>
        core.run({ verb: 'create', kind: pods, body: { as: 'bytes', bytes, mediaType: 'application/json' } });
      for (const bytes of bodies(warmUp, 'warm')) await create(bytes);
      const sent = bodies(creates, 'pod');
      const from = cpuUs();
      for (const bytes of sent) await create(bytes);
      report({
        what: 'CPU of a pod create, without socket and disk',
        measured: (cpuUs() - from) / creates / 1000,
        unit: 'ms',
        budget: 0.15,
      });
    } finally {
      await core.stop();
    }
  },
};
