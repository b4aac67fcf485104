import { expect, test } from 'vitest';
import { VirtualClock } from '../base/mod.ts';
import { turn } from '../base/ports/clock.ts';
import { StartError } from './container/errors.ts';
import { type ContainerRuntime, RuntimeError } from './cri/runtime.ts';
import { createImageManager } from './image-manager.ts';

function setUp(options: { present?: boolean; failPulls?: number; pullMs?: number; pullsAtOnce?: number; perSecond?: number } = {}) {
  const clock = new VirtualClock({ settle: turn });
  let { present = false, failPulls = 0 } = options;
  const log: string[] = [];
  let pulling = 0;
  let pullingMost = 0;
  const runtime = {
    imageStatus: async () => (present ? { id: 'sha256:1', repoTags: [], repoDigests: [], sizeBytes: 42 } : undefined),
    pullImage: async () => {
      pullingMost = Math.max(pullingMost, ++pulling);
      if (options.pullMs) await new Promise<void>((resolve) => clock.after(options.pullMs ?? 0, resolve));
      pulling--;
      if (failPulls-- > 0) throw new RuntimeError('unknown', 'no such image');
      present = true;
      return 'ref';
    },
  } as Partial<ContainerRuntime> as ContainerRuntime;
  const manager = createImageManager({
    runtime,
    clock,
    secret: () => undefined,
    settings: { atOnce: options.pullsAtOnce ?? 5, perSecond: options.perSecond ?? 0, burst: 2 },
  });
  const controller = new AbortController();
  const ensure = (policy: string, image = 'r.io/app:v1') =>
    manager
      .ensure({
        pod: { metadata: { uid: 'u', namespace: 'ns' } },
        container: { name: 'app', image, imagePullPolicy: policy },
        sandbox: undefined,
        emit: (_type, reason, message) => void log.push(`${reason}: ${message}`),
        signal: controller.signal,
      })
      .then(
        (found) => found.id,
        (error: unknown) => (error instanceof StartError ? `${error.reason}: ${error.message}` : String(error)),
      );
  return { clock, ensure, log, controller, most: () => pullingMost };
}

test('an image that is there is not pulled', async () => {
  const { ensure, log } = setUp({ present: true });
  expect(await ensure('IfNotPresent')).toBe('sha256:1');
  expect(log).toEqual(['Pulled: Container image "r.io/app:v1" already present on machine and can be accessed by the pod']);
});

test('an image that is not there is, and the event says how long it took', async () => {
  const { ensure, log, clock } = setUp({ pullMs: 1200 });
  const done = ensure('IfNotPresent');
  await clock.advance(1200);
  expect(await done).toBe('sha256:1');
  expect(log).toEqual([
    'Pulling: Pulling image "r.io/app:v1"',
    'Pulled: Successfully pulled image "r.io/app:v1" in 1.2s (1.2s including waiting). Image size: 42 bytes.',
  ]);
});

test('Always pulls what is there too', async () => {
  const { ensure, log } = setUp({ present: true });
  await ensure('Always');
  expect(log[0]).toBe('Pulling: Pulling image "r.io/app:v1"');
});

test('Never does not pull', async () => {
  expect(await setUp().ensure('Never')).toBe('ErrImageNeverPull: Container image "r.io/app:v1" is not present with pull policy of Never');
});

test('a name that is none', async () => {
  expect(await setUp().ensure('Always', 'NO')).toMatch(/^InvalidImageName: Failed to apply default image tag "NO"/);
});

test('a failed pull is told, then backs off, doubling', async () => {
  const { ensure, log, clock } = setUp({ failPulls: 2 });
  expect(await ensure('IfNotPresent')).toBe('ErrImagePull: no such image');
  expect(log.at(-1)).toBe('Failed: Failed to pull image "r.io/app:v1": no such image');
  expect(await ensure('IfNotPresent')).toBe('ImagePullBackOff: Back-off pulling image "r.io/app:v1": ErrImagePull: no such image');
  expect(log.at(-1)).toBe('BackOff: Back-off pulling image "r.io/app:v1"');
  await clock.advance(10_000);
  expect(await ensure('IfNotPresent')).toMatch(/^ErrImagePull/);
  await clock.advance(19_000);
  expect(await ensure('IfNotPresent')).toMatch(/^ImagePullBackOff/);
  await clock.advance(1000);
  expect(await ensure('IfNotPresent')).toBe('sha256:1');
});

test('so many pulls at a time and no more; one that is stopped leaves the queue', async () => {
  const { ensure, clock, controller, most } = setUp({ pullMs: 1000, pullsAtOnce: 2 });
  const all = ['a', 'b', 'c', 'd', 'e'].map((image) => ensure('Always', image));
  await clock.advance(1500);
  expect(most()).toBe(2);
  controller.abort(new Error('stopped'));
  await clock.advance(5000);
  expect((await Promise.all(all)).filter((text) => text.includes('stopped'))).not.toHaveLength(0);
  expect(clock.timers).toBe(0);
});

test('no more pulls begin than the node may ask of registries; the others wait, and say so', async () => {
  const { clock, ensure, log } = setUp({ perSecond: 1 });
  const pulled = () => log.filter((line) => line.startsWith('Pulled')).length;
  const all = ['a', 'b', 'c', 'd'].map((name) => ensure('Always', `r.io/${name}:v1`));
  await clock.advance(0);
  expect(pulled()).toBe(2);
  await clock.advance(1000);
  expect(pulled()).toBe(3);
  await clock.advance(1000);
  await Promise.all(all);
  expect(log.at(-1)).toMatch(/^Pulled: Successfully pulled image "r.io\/d:v1" in .* \(2s including waiting\)\. Image size: \d+ bytes\.$/);
});

test('who waits for another pull of the same image takes what it has brought', async () => {
  const { ensure, clock, log } = setUp({ pullMs: 1000, pullsAtOnce: 1 });
  const all = [1, 2, 3].map(() => ensure('IfNotPresent'));
  await clock.advance(1000);
  expect(await Promise.all(all)).toEqual(['sha256:1', 'sha256:1', 'sha256:1']);
  expect(log.filter((line) => line.startsWith('Pulling'))).toHaveLength(1);
  expect(log.filter((line) => line.includes('already present'))).toHaveLength(2);
});
