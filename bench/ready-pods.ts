// Creates pods over the API and notes when each is Ready, as a client that watches sees it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pods, type V1Pod } from '../src/api/mod.ts';
import { systemClock } from '../src/base/ports/clock.ts';
import { createHttpClient } from '../src/base/ports/http-client.ts';
import { createClient, createHttpTransport } from '../src/client/mod.ts';
import type { BenchCluster } from './cluster.ts';
import { toolsImage } from './direct-cri.ts';

const namespace = 'default';
const readyMaxMs = 60_000;

export interface ReadyPods {
  /** Creates the pods at once; gives for each the milliseconds from its request to the event that shows it Ready. */
  bringUp(names: readonly string[]): Promise<readonly number[]>;
  /** Runs a pod to its end; resolves when the API shows its container ended, with that moment by `performance.now()`. */
  runToEnd(name: string): Promise<number>;
  /** Deletes them without grace, and waits until they are gone. */
  takeDown(names: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

const podOf = (name: string): V1Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace },
  spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'app', image: toolsImage, command: ['sleep', '3600'] }] },
});

const isReady = (pod: V1Pod): boolean => pod.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false;

export async function connectToPods(cluster: BenchCluster): Promise<ReadyPods> {
  const http = createHttpClient({ clock: systemClock, tls: { ca: readFileSync(join(cluster.dataDir, 'pki/ca.crt'), 'utf8') } });
  const transport = createHttpTransport({
    http,
    server: `https://127.0.0.1:${cluster.port}`,
    userAgent: 'bench',
    token: () => cluster.target.token,
  });
  const client = createClient(transport, { clock: systemClock, userAgent: 'bench' });
  const stop = new AbortController();
  const waiting = new Map<string, (type: string, pod: V1Pod) => void>();
  const { metadata } = await client.list(pods, { namespace });
  const watching = (async () => {
    const watch = client.watch(pods, { namespace, resourceVersion: metadata.resourceVersion ?? '', signal: stop.signal });
    for await (const { type, object } of watch) waiting.get(object.metadata.name)?.(type, object);
  })();
  const event = (name: string, wanted: (type: string, pod: V1Pod) => boolean) =>
    new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`Pod ${name} did not come so far within ${readyMaxMs / 1000} s`)), readyMaxMs);
      waiting.set(name, (type, pod) => {
        if (!wanted(type, pod)) return;
        clearTimeout(timer);
        resolve();
      });
    });
  return {
    bringUp: (names) =>
      Promise.all(
        names.map(async (name) => {
          const ready = event(name, (_type, pod) => isReady(pod));
          const startedMs = performance.now();
          await client.create(pods, podOf(name));
          await ready;
          return performance.now() - startedMs;
        }),
      ),
    async runToEnd(name) {
      const ended = event(name, (_type, pod) => pod.status?.containerStatuses?.[0]?.state?.terminated !== undefined);
      const { spec, ...pod } = podOf(name);
      const containers = [{ name: 'app', image: toolsImage, command: ['sleep', '1'] }];
      await client.create(pods, { ...pod, spec: { ...spec, restartPolicy: 'Never', containers } });
      await ended;
      return performance.now();
    },
    async takeDown(names) {
      await Promise.all(
        names.map(async (name) => {
          const gone = event(name, (type) => type === 'DELETED');
          await client.delete(pods, { namespace, name }, { gracePeriodSeconds: 0 });
          await gone;
        }),
      );
    },
    async close() {
      stop.abort();
      await watching;
      await transport.close();
      http.close();
    },
  };
}
