import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger, VirtualClock } from '../base/mod.ts';
import { turn } from '../base/ports/clock.ts';
import { systemFiles } from '../base/ports/fs.ts';
import { createFakeApi } from '../sim/runtime/api.fake.ts';
import { pods } from './api-resources.ts';
import { createPodRouter } from './pod-source.ts';
import { createStaticPods, mirrorAnnotation, mirrorOf, staticPod } from './static-pods.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'minke-static-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const manifest = (image: string) =>
  `apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - {name: app, image: ${image}}\n`;
const of = { nodeName: 'n1', path: '/m/web.yaml', nowMs: 0 };

test('a manifest becomes a pod of the node, named and marked by what it holds', () => {
  const value = { kind: 'Pod', metadata: { name: 'web' }, spec: { containers: [{ name: 'app', image: 'a' }] } };
  const pod = staticPod(value, of);
  expect(pod.metadata).toMatchObject({ name: 'web-n1', namespace: 'default', annotations: { 'kubernetes.io/config.source': 'file' } });
  expect(pod.spec).toMatchObject({ nodeName: 'n1', tolerations: [{ operator: 'Exists', effect: 'NoExecute' }] });
  expect(staticPod(value, { ...of, nowMs: 5 }).metadata.uid).toBe(pod.metadata.uid);
  expect(staticPod({ ...value, spec: { containers: [{ name: 'app', image: 'b' }] } }, of).metadata.uid).not.toBe(pod.metadata.uid);
  const mirror = mirrorOf(pod, 'node-uid');
  expect(mirror.metadata?.annotations?.[mirrorAnnotation]).toBe(pod.metadata.uid);
  expect(mirror.metadata?.ownerReferences).toMatchObject([{ kind: 'Node', name: 'n1', uid: 'node-uid' }]);
});

test.each([[undefined], [{ kind: 'Service', metadata: { name: 'x' } }], [{ kind: 'Pod', spec: { containers: [] } }], ['text']])(
  '%j is none',
  (value) => {
    expect(() => staticPod(value, of)).toThrow('it does not hold a Pod');
  },
);

test('pods follow the directory, and mirrors follow the pods', async () => {
  const clock = new VirtualClock({ settle: turn });
  const api = createFakeApi(() => clock.nowMs());
  const controller = new AbortController();
  const router = createPodRouter(api.informers.of(pods));
  const source = createStaticPods({
    nodeName: 'n1',
    nodeUid: () => 'u',
    fs: systemFiles,
    directory: join(folder, 'manifests'),
    client: api.client,
    clock,
    log: silentLogger,
    signal: controller.signal,
    api: router.forNode('n1'),
  });
  const told: string[] = [];
  source.onChange((pod, gone) => void told.push(`${gone ? '-' : '+'}${pod.metadata.name} ${pod.spec?.containers[0]?.image}`));
  const ended = source.run();
  await source.synced;
  expect(told).toEqual([]);
  const until = async (good: () => boolean) => {
    for (let i = 0; i < 50_000 && !good(); i++) {
      await clock.advance(500);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(good()).toBe(true);
  };
  mkdirSync(join(folder, 'manifests'));
  writeFileSync(join(folder, 'manifests/broken.yaml'), '{');
  writeFileSync(join(folder, 'manifests/notes.txt'), 'not looked at');
  writeFileSync(join(folder, 'manifests/web.yaml'), manifest('one'));
  await until(() => api.pod('web-n1') !== undefined);
  expect(new Set(told)).toEqual(new Set(['+web-n1 one']));
  const firstUid = api.pod('web-n1')?.metadata.uid;
  api.deletePod('web-n1', 30);
  await until(() => api.pod('web-n1') !== undefined && api.pod('web-n1')?.metadata.uid !== firstUid);
  expect(told).not.toContain('-web-n1 one');
  writeFileSync(join(folder, 'manifests/web.yaml'), manifest('two'));
  await until(() => api.pod('web-n1')?.spec?.containers[0]?.image === 'two');
  expect(told.slice(told.indexOf('-web-n1 one'))).toEqual(['-web-n1 one', '+web-n1 two', '+web-n1 two']);
  rmSync(join(folder, 'manifests/web.yaml'));
  await until(() => api.pod('web-n1') === undefined);
  expect(told.at(-1)).toBe('-web-n1 two');
  controller.abort();
  await ended;
  router.stop();
});
