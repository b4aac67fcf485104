import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SeededRandom, VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { systemFiles as fs } from '../../base/ports/fs.ts';
import type { MountOptions, Mounts } from '../../base/ports/mounts.ts';
import type { FileSystemMount, ImageViews } from '../cri/image-views.ts';
import { aContainer, aPod } from '../pod/plan.fake.ts';
import { createVolumes } from './manager.ts';

let dir: string;
let mounted: Map<string, MountOptions>;
let open: Map<string, string>;
let view: FileSystemMount;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'minke-image-volume-'));
  mounted = new Map();
  open = new Map();
  view = { type: 'overlay', source: 'overlay', options: ['lowerdir=/a:/b'] };
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const mounts: Mounts = {
  mount: async (path, options) => void mounted.set(path, options),
  tmpfs: async () => {},
  unmount: async (path) => void mounted.delete(path),
  below: async (path) => [...mounted.keys()].filter((one) => one === path || one.startsWith(`${path}/`)),
  removeEmpty: async () => true,
};
const views: ImageViews = {
  async open(key, imageId) {
    open.set(key, imageId);
    return view;
  },
  close: async (key) => void open.delete(key),
};
const volume = { name: 'data', image: { reference: 'example.org/data:1' } };
const pod = aPod({ volumes: [volume], containers: [aContainer('app', { volumeMounts: [{ name: 'data', mountPath: '/data' }] })] });
const uid = pod.metadata?.uid ?? '';

function make(imageViews: ImageViews | undefined = views) {
  const references = { configMap: () => undefined, secret: () => undefined, services: { list: () => [], get: () => undefined } };
  const clock = new VirtualClock({ settle: turn });
  return createVolumes({ fs, mounts, clock, random: new SeededRandom(1), references, tokens: undefined, directory: dir, imageViews });
}
const path = () => join(dir, uid, 'volumes/kubernetes.io~image/data');
const mountsOf = (subPath: string) =>
  make().mountsOf(pod, aContainer('app', { volumeMounts: [{ name: 'data', mountPath: '/data', subPath }] }), {
    env: new Map(),
    recursiveReadOnly: false,
  });

test('an image is mounted once, read-only, and given back when the pod goes', async () => {
  const volumes = make();
  await volumes.setUp(pod, { podIPs: [], hostIPs: [], allocatable: { cpu: '1', memory: '1' } }, new AbortController().signal);
  expect(mounted.size).toBe(0);
  await volumes.mountImage(pod, volume, 'sha256:1');
  expect([...mounted]).toEqual([[path(), { type: 'overlay', source: 'overlay', options: ['lowerdir=/a:/b', 'ro'] }]]);
  expect([...open]).toEqual([[`minke-image-volume-${uid}-data`, 'sha256:1']]);
  await volumes.mountImage(pod, volume, 'sha256:2');
  expect([...open.values()]).toEqual(['sha256:1']);
  expect(await mountsOf('')).toEqual([{ containerPath: '/data', hostPath: path(), readonly: true, propagation: 'private' }]);
  await volumes.tearDown(uid);
  expect([mounted.size, open.size, await fs.exists(join(dir, uid, 'volumes'))]).toEqual([0, 0, false]);
});

test('a part of an image must be there, and in the image', async () => {
  await fs.mkdir(join(path(), 'in'));
  expect(await mountsOf('in')).toMatchObject([{ hostPath: join(path(), 'in'), readonly: true }]);
  await expect(mountsOf('none')).rejects.toMatchObject({
    reason: 'CreateContainerError',
    message: 'subPath "none" does not exist in image "example.org/data:1"',
  });
  expect(await fs.exists(join(path(), 'none'))).toBe(false);
});
