// A service of three pods under load while all of them are replaced, in a cluster with this machine as its node.
import { existsSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { deployments, services } from '../../src/api/mod.ts';
import { systemClock } from '../../src/base/ports/clock.ts';
import { createHttpClient } from '../../src/base/ports/http-client.ts';
import { type Client, createClient, createHttpTransport } from '../../src/client/mod.ts';
import { startWithNode } from '../cluster.ts';
import { toolsImage } from '../direct-cri.ts';
import type { Part, PartContext } from '../part.ts';
import { percentile } from '../statistics.ts';

const perSecond = 500;
const readyMaxMs = 60_000;
/** A machine that is overloaded is slow, which is not a failure of the service's. */
const requestMaxMs = 10_000;
const steadyMs = 4_000;
const place = { namespace: 'default', name: 'web' };

const deployment = (version: string) => ({
  metadata: place,
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: 'web' } },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    template: {
      metadata: { labels: { app: 'web' }, annotations: { version } },
      spec: {
        terminationGracePeriodSeconds: 5,
        containers: [
          {
            name: 'web',
            image: toolsImage,
            command: ['sh', '-c', 'mkdir /www; echo ok > /www/index.html; exec httpd -f -p 8080 -h /www'],
            readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
            // As clusters commonly do it: connections that are under way end before the server.
            lifecycle: { preStop: { exec: { command: ['sleep', '2'] } } },
          },
        ],
      },
    },
  },
});

const what = `failed requests during a rolling update at ${perSecond}/s`;

export const rolloutPart: Part = {
  name: 'rollout',
  about: 'a service of three pods while they are replaced',
  async run(context) {
    const hasRuntime = ['/usr/bin/containerd', '/usr/local/bin/containerd'].some(existsSync);
    if (process.getuid?.() !== 0 || !hasRuntime) context.skip(what, 'needs root and containerd');
    else await rollOut(context);
  },
};

async function rollOut(context: PartContext): Promise<void> {
  const cluster = await startWithNode(context.clusterDir());
  const http = createHttpClient({ clock: systemClock, tls: { ca: readFileSync(join(cluster.dataDir, 'pki/ca.crt'), 'utf8') } });
  const token = () => cluster.target.token;
  const transport = createHttpTransport({ http, server: `https://127.0.0.1:${cluster.port}`, userAgent: 'bench', token });
  const client = createClient(transport, { clock: systemClock, userAgent: 'bench' });
  try {
    await client.create(deployments, deployment('1'));
    const service = await client.create(services, {
      metadata: place,
      spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
    });
    await rolledOut(client, 1);
    const address = service.spec?.clusterIP ?? '';
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const before = startLoad(address);
    await new Promise((resolve) => setTimeout(resolve, steadyMs));
    const steady = await before.stop();
    const load = startLoad(address);
    await client.patch(deployments, place, 'application/merge-patch+json', {
      spec: { template: { metadata: { annotations: { version: '2' } } } },
    });
    await rolledOut(client, 2);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const { times, failures } = await load.stop();
    context.report({
      what,
      measured: (failures.length / Math.max(1, times.length + failures.length)) * 100,
      unit: '%',
      budget: 0,
      detail: `${failures.length} of ${times.length + failures.length}${kindsOf(failures)}, p99 ${percentile(times, 0.99).toFixed(1)} ms; before it ${steady.failures.length} of ${steady.times.length + steady.failures.length}${kindsOf(steady.failures)}, p99 ${percentile(steady.times, 0.99).toFixed(1)} ms`,
    });
  } finally {
    transport.close();
    http.close();
    await cluster.stop();
  }
}

function kindsOf(failures: readonly string[]): string {
  const kinds = new Map<string, number>();
  for (const one of failures) kinds.set(one, (kinds.get(one) ?? 0) + 1);
  return kinds.size === 0 ? '' : ` (${[...kinds].map(([kind, count]) => `${count} ${kind}`).join(', ')})`;
}

async function rolledOut(client: Client, generation: number): Promise<void> {
  const untilMs = performance.now() + readyMaxMs;
  for (;;) {
    const { status } = await client.get(deployments, place);
    const { observedGeneration = 0, updatedReplicas, availableReplicas, replicas } = status ?? {};
    if (observedGeneration >= generation && updatedReplicas === 3 && availableReplicas === 3 && replicas === 3) return;
    if (performance.now() > untilMs) throw new Error(`The Deployment is not rolled out: ${JSON.stringify(status)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A new connection for each request, evenly over time whatever the answers take. */
function startLoad(address: string): { stop(): Promise<{ readonly times: readonly number[]; readonly failures: readonly string[] }> } {
  const times: number[] = [];
  const failures: string[] = [];
  const begun = performance.now();
  const underWay = new Set<Promise<void>>();
  let due = 0;
  const timer = setInterval(() => {
    for (const until = ((performance.now() - begun) / 1000) * perSecond; due < until; due++) {
      const one = ask(address).then(
        (ms) => void times.push(ms),
        (error: unknown) => void failures.push(String(error)),
      );
      underWay.add(one);
      void one.finally(() => underWay.delete(one));
    }
  }, 2);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
      return { times, failures };
    },
  };
}

function ask(address: string): Promise<number> {
  const begun = performance.now();
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = net.connect(80, address, () => socket.write('GET / HTTP/1.0\r\n\r\n'));
    socket.setTimeout(requestMaxMs, () => socket.destroy(new Error('no answer in time')));
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => {
      if (/^HTTP\/1\.[01] 200 /.test(text) && text.endsWith('ok\n')) resolve(performance.now() - begun);
      else reject(new Error(`an answer of ${text.length} bytes`));
    });
  });
}
