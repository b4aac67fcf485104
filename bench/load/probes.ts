// How evenly 110 pods are probed: the kubelet's own probe workers on the real clock, over a network that answers at once.
import { SeededRandom, silentLogger, Tasks } from '../../src/base/mod.ts';
import { systemClock as clock } from '../../src/base/ports/clock.ts';
import { createPodProbes } from '../../src/kubelet/probes/pod-probes.ts';
import { createSimRuntime } from '../../src/sim/mod.ts';

const podCount = 110;
const rounds = 12;
const periodMs = 1000;

/** As many timers with nothing behind them, at the same time: what the machine itself is late by. */
const bareLate: number[] = [];
async function bareTimer(): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const fromMs = performance.now();
    await new Promise((resolve) => setTimeout(resolve, periodMs));
    bareLate.push(Math.abs(performance.now() - fromMs - periodMs));
  }
}

const random = new SeededRandom(1);
const stop = new AbortController();
const tasks = new Tasks(silentLogger);
const looks = new Map<string, number[]>();
const look = async (host: string) => void looks.set(host, [...(looks.get(host) ?? []), performance.now()]);
const io = {
  httpGet: async ({ url }: { readonly url: string }) => {
    await look(new URL(url).hostname);
    return { status: 200, body: '' };
  },
  tcpConnect: async () => {},
  grpcHealth: async () => 1,
};
const runtime = createSimRuntime({ clock, random });
const readinessProbe = { httpGet: { port: 8080 }, periodSeconds: periodMs / 1000, timeoutSeconds: 1 };
for (let i = 0; i < podCount; i++) {
  const own = { clock, random, tasks, signal: stop.signal, onChange: () => {}, onUnhealthy: () => {} };
  const probes = createPodProbes({ ...own, ports: { runtime, io } });
  probes.sync([{ id: `c${i}`, spec: { name: 'app', image: 'i', readinessProbe }, podIP: `10.0.0.${i + 1}`, startedAtMs: clock.nowMs() }]);
}
await Promise.all(Array.from({ length: podCount }, bareTimer));
stop.abort();
await tasks.settled();
const late = [...looks.values()].flatMap((times) => times.slice(1).map((time, i) => Math.abs(time - (times[i] ?? 0) - periodMs)));
const at = (of: readonly number[], part: number) => [...of].sort((a, b) => a - b)[Math.min(of.length - 1, Math.floor(of.length * part))];
const figures = { p50Ms: at(late, 0.5), p99Ms: at(late, 0.99), maxMs: at(late, 1), bareP99Ms: at(bareLate, 0.99) };
process.stdout.write(JSON.stringify({ pods: looks.size, looks: late.length, ...figures }));
