import { expect, test } from 'vitest';
import { VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { type HookOptions, runHook } from './hooks.ts';

const asked: string[] = [];
const io = {
  httpGet: async ({ url }: { readonly url: string }) => {
    asked.push(url);
    return { status: 404, body: '' };
  },
};
const options = {
  ports: { io },
  clock: new VirtualClock({ settle: turn }),
  signal: new AbortController().signal,
  container: { id: 'c', podIP: '10.0.0.2', spec: { name: 'app' } },
  timeoutMs: 1000,
} as unknown as HookOptions;

test('an HTTP hook is done once it is answered, whatever the answer is', async () => {
  await runHook({ httpGet: { path: '/bye', port: 8080, host: '10.0.0.9' } }, options);
  expect(asked).toEqual(['http://10.0.0.9:8080/bye']);
  await expect(runHook({ httpGet: { port: 'none' } }, options)).rejects.toThrow('couldn\'t find port: "none" in container app');
});
