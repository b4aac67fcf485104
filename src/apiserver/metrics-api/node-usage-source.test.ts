import { expect, test } from 'vitest';
import type { NodeUsage, V1Node } from '../../api/mod.ts';
import { VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import type { NodeConnection } from '../proxy/node-connection.ts';
import { createNodeUsage } from './node-usage-source.ts';

const node = (name: string): V1Node => ({ metadata: { name } });
const summary = {
  node: { cpu: { time: '2026-01-01T00:00:00Z', usageNanoCores: 7 }, memory: { workingSetBytes: 8 } },
  pods: [{ podRef: { name: 'web', namespace: 'dev', uid: 'u1' }, containers: [{ name: 'app', cpu: {}, memory: {} }] }],
};

function begin(answer: (target: string) => { status: number; text: string }) {
  const clock = new VirtualClock({ settle: turn });
  const usage = createNodeUsage(clock);
  const asked: string[] = [];
  const nodes: NodeConnection = {
    async request({ target, node: of }) {
      asked.push(of.metadata?.name ?? '');
      const { status, text } = answer(target);
      return {
        status,
        headers: {},
        body: (async function* () {
          yield Buffer.from(text);
        })(),
      };
    },
    upgrade: () => Promise.reject(new Error('not asked for')),
  };
  return { clock, usage, asked, nodes };
}

test('a kubelet of another process is asked for its summary, and not again for a while', async () => {
  const { clock, usage, asked, nodes } = begin((target) => ({
    status: target.startsWith('/stats/summary') ? 200 : 404,
    text: JSON.stringify(summary),
  }));
  await expect(usage.of(node('n1'))).rejects.toThrow('the node "n1" is of another process');
  usage.connect(nodes);
  const first = await usage.of(node('n1'));
  expect(first).toEqual({
    usage: { atMs: Date.UTC(2026, 0, 1), nanoCores: 7, workingSetBytes: 8 },
    pods: [
      {
        name: 'web',
        namespace: 'dev',
        uid: 'u1',
        containers: [{ name: 'app', usage: { atMs: 0, nanoCores: undefined, workingSetBytes: 0 } }],
      },
    ],
  });
  expect(await usage.of(node('n1'))).toBe(first);
  await usage.of(node('n2'));
  await clock.advance(5_000);
  await usage.of(node('n1'));
  expect(asked).toEqual(['n1', 'n2', 'n1']);
});

test('a refusal is told, and not remembered', async () => {
  const { usage, asked, nodes } = begin(() => ({ status: 503, text: 'the kubelet is starting' }));
  usage.connect(nodes);
  for (let i = 0; i < 2; i++) await expect(usage.of(node('n1'))).rejects.toThrow('the kubelet answered 503: the kubelet is starting');
  expect(asked).toHaveLength(2);
});

test('a node of this process is called', async () => {
  const { usage, asked, nodes } = begin(() => ({ status: 500, text: '' }));
  usage.connect(nodes);
  const own: NodeUsage = { usage: { atMs: 1, nanoCores: 2, workingSetBytes: 3 }, pods: [] };
  usage.attach('n1', async () => own);
  expect(await usage.of(node('n1'))).toBe(own);
  expect(asked).toEqual([]);
});
