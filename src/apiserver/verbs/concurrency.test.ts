import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StatusError } from '../../api/mod.ts';
import { bodyOf, configMapOf, configMaps, startTestCore } from '../testing/fixture.ts';

test('no update is lost: every read-modify-write that was acknowledged counts', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('put', 'patch', 'force'), { minLength: 2, maxLength: 6 }),
      fc.integer({ min: 1, max: 8 }),
      async (clients, rounds) => {
        const t = await startTestCore();
        await t.create(configMaps, configMapOf('counter', { n: '0' }));
        let acknowledged = 0;
        const read = () => t.call({ verb: 'get', kind: configMaps, name: 'counter' });
        const increment = async (how: string) => {
          const seen = await read();
          const data = { n: String(Number(seen.data.n) + 1) };
          if (how === 'patch') {
            const { resourceVersion } = seen.metadata ?? {};
            const body = bodyOf({ metadata: { resourceVersion }, data });
            return t.call({ verb: 'patch', kind: configMaps, name: 'counter', patchType: 'application/merge-patch+json', body });
          }
          // An unconditional write of a label must not take the counter back.
          if (how === 'force') {
            const body = bodyOf({ metadata: { labels: { at: seen.data.n } } });
            return t.call({ verb: 'patch', kind: configMaps, name: 'counter', patchType: 'application/merge-patch+json', body });
          }
          return t.call({ verb: 'update', kind: configMaps, name: 'counter', body: bodyOf({ ...seen, data }) });
        };
        const client = async (how: string) => {
          for (let round = 0; round < rounds; round++) {
            try {
              const written = await increment(how);
              if (how !== 'force') acknowledged++;
              // Never behind an acknowledged write.
              expect(Number((await read()).metadata?.resourceVersion)).toBeGreaterThanOrEqual(Number(written.metadata?.resourceVersion));
            } catch (error) {
              if (!(error instanceof StatusError) || error.reason !== 'Conflict') throw error;
            }
          }
        };
        await Promise.all(clients.map(client));
        expect(Number((await read()).data.n)).toBe(acknowledged);
        await t.stop();
      },
    ),
    { numRuns: 40 },
  );
});

test('of many creates of one name exactly one wins, and deletes and creates alternate', async () => {
  const t = await startTestCore();
  for (let round = 0; round < 10; round++) {
    const made = await Promise.allSettled(Array.from({ length: 6 }, () => t.create(configMaps, configMapOf('one'))));
    expect(made.filter(({ status }) => status === 'fulfilled').length).toBe(1);
    const gone = await Promise.allSettled(Array.from({ length: 6 }, () => t.run({ verb: 'delete', kind: configMaps, name: 'one' })));
    expect(gone.filter(({ status }) => status === 'fulfilled').length).toBe(1);
  }
  await t.stop();
});
