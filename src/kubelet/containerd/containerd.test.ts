// Starting, adopting and watching over containerd, on a machine that is made up here, under a clock that is turned by hand.
import { describe, expect, test } from 'vitest';
import { silentLogger, VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { Processes, ProcessInfo } from '../../base/ports/process.ts';
import { RuntimeError } from '../cri/runtime.ts';
import { type ContainerdOptions, readRecord, startContainerd } from './containerd.ts';
import { runtimePaths } from './paths.ts';

const paths = runtimePaths({ clusterId: 'aa', dataDir: '/data' });
const programNames = ['containerd', 'ctr', 'runc', 'nft', 'ip', 'busybox', 'catatonit'] as const;

/** Files in memory: what starting containerd asks of a disk. */
function memoryFiles(files: Map<string, string>): FileSystem {
  const write = async (path: string, data: string | Uint8Array) => void files.set(path, String(data));
  return {
    readText: async (path: string) => files.get(path),
    write,
    writeInto: write,
    exists: async (path: string) => files.has(path),
    stat: async () => undefined,
    mkdir: async () => {},
    remove: async (path: string) => void files.delete(path),
  } as Partial<FileSystem> as FileSystem;
}

/** A machine on which containerd opens its socket as soon as it is started, unless it is told otherwise. */
function machine() {
  const files = new Map<string, string>();
  const clock = new VirtualClock({ settle: turn });
  const running = new Map<number, ProcessInfo>();
  const state = {
    started: 0,
    dies: false,
    cannotStart: false,
    answers: true,
    answer: undefined as RuntimeError | undefined,
    signals: [] as string[],
  };
  const processes: Processes = {
    run: async (command) => {
      const isVersion = command.endsWith('containerd');
      return { code: isVersion ? 0 : 32, stdout: isVersion ? 'containerd x 1.6.20 y' : '', stderr: '', truncated: false };
    },
    startDetached: async () => {
      if (state.cannotStart) throw new Error('no memory');
      const pid = 100 + ++state.started;
      const started = { pid, startTime: String(pid), argv: ['/usr/bin/containerd', '--config', paths.config] };
      if (!state.dies) running.set(pid, started);
      files.set(paths.socket, '');
      return started;
    },
    find: (pid) => running.get(pid),
    isRunning: ({ pid, startTime }) => running.get(pid)?.startTime === startTime,
    kill: ({ pid }, signal) => {
      state.signals.push(`${signal} ${pid}`);
      return running.delete(pid);
    },
    list: () => [...running.values()],
  };
  const controller = new AbortController();
  const options: ContainerdOptions = {
    clusterId: 'aa',
    dataDir: '/data',
    fs: memoryFiles(files),
    processes,
    clock,
    log: silentLogger,
    signal: controller.signal,
    runtime: {
      version: async () => {
        if (state.answer) throw state.answer;
        if (!state.answers) throw new RuntimeError('deadlineExceeded', 'too slow');
        return { name: 'containerd', version: '1', apiVersion: 'v1' };
      },
    },
    programs: { paths: Object.fromEntries(programNames.map((name) => [name, `/usr/bin/${name}`])) as never, cniBinDir: '/usr/lib/cni' },
    facts: { cgroups: { version: 'v2', hierarchies: [{ path: '/sys/fs/cgroup', controllers: [] }] }, canLowerOomScore: true },
    pauseImage: 'minke.local/pause:1',
  };
  return { files, clock, running, state, options, controller, record: () => readRecord(options.fs, paths.record) };
}

describe('starting', () => {
  test('writes the configuration, and who runs', async () => {
    const { files, options, record, controller } = machine();
    const containerd = await startContainerd(options);
    expect(containerd).toMatchObject({ adopted: false, snapshotter: 'native' });
    expect(files.get(paths.config)).toContain('snapshotter = "native"');
    expect(await record()).toMatchObject({ pid: 101, startTime: '101', version: { major: 1, minor: 6 } });
    controller.abort();
    await containerd.done;
  });

  test('takes the one that runs', async () => {
    const { options, state, controller } = machine();
    const first = await startContainerd(options);
    const second = await startContainerd(options);
    expect(second).toMatchObject({ adopted: true, snapshotter: 'native' });
    expect(state.started).toBe(1);
    controller.abort();
    await Promise.all([first.done, second.done]);
  });

  test.each([
    ['has another configuration', (options: ContainerdOptions) => ({ ...options, pauseImage: 'minke.local/pause:2' }), () => {}],
    ['has lost its record', (options: ContainerdOptions) => options, (files: Map<string, string>) => void files.delete(paths.record)],
    [
      'has a damaged record',
      (options: ContainerdOptions) => options,
      (files: Map<string, string>) => void files.set(paths.record, '{"pid":'),
    ],
  ])('replaces one that %s', async (_, change, damage) => {
    const { options, state, files, record } = machine();
    const stopFirst = new AbortController();
    const first = await startContainerd({ ...options, signal: stopFirst.signal });
    stopFirst.abort();
    await first.done;
    damage(files);
    const stopSecond = new AbortController();
    const second = await startContainerd({ ...change(options), signal: stopSecond.signal });
    expect(second.adopted).toBe(false);
    expect(state.signals).toEqual(['SIGTERM 101']);
    expect((await record())?.pid).toBe(102);
    stopSecond.abort();
    await second.done;
  });

  test('does not take another program with the number of the old one', async () => {
    const { options, running, state, controller } = machine();
    const first = await startContainerd(options);
    running.set(101, { pid: 101, startTime: '999', argv: ['/bin/other'] });
    const second = await startContainerd(options);
    expect([second.adopted, state.signals]).toEqual([false, []]);
    controller.abort();
    await Promise.all([first.done, second.done]);
  });

  test('fails with what containerd said last when it ends at once', async () => {
    const { options, state, files } = machine();
    state.dies = true;
    files.set(paths.log, 'time="t" level=fatal msg="cannot listen" error="address in use"\n');
    await expect(startContainerd(options)).rejects.toThrow('containerd ended as soon as it was started: cannot listen: address in use');
  });

  test('fails at once, and leaves nothing running, when CRI is not served', async () => {
    const { options, state, running } = machine();
    state.answer = new RuntimeError('unimplemented', 'unknown service runtime.v1.RuntimeService');
    await expect(startContainerd(options)).rejects.toThrow('containerd runs without its CRI plugin');
    expect(running.size).toBe(0);
  });

  test('fails after half a minute without an answer, and leaves nothing running', async () => {
    const { options, state, running, clock } = machine();
    state.answers = false;
    const starting = expect(startContainerd(options)).rejects.toThrow('containerd did not answer within 30 s');
    await clock.advance(31_000);
    await starting;
    expect(running.size).toBe(0);
  });

  test('says what to do where there are no control groups', async () => {
    const { options } = machine();
    const facts = { ...options.facts, cgroups: { version: 'none', hierarchies: [] } } as const;
    await expect(startContainerd({ ...options, facts })).rejects.toThrow('mount cgroup2 at /sys/fs/cgroup');
  });
});

describe('watching over', () => {
  test('starts it again when it has ended, and tries again when that fails', async () => {
    const { options, state, running, clock, record, controller } = machine();
    const containerd = await startContainerd(options);
    running.clear();
    state.cannotStart = true;
    await clock.advance(1_000);
    expect(state.started).toBe(1);
    state.cannotStart = false;
    await clock.advance(3_000);
    expect((await record())?.pid).toBe(102);
    controller.abort();
    await containerd.done;
    expect(clock.timers).toBe(0);
  });

  test('ends one that answers no more, and starts another; one missed answer is forgiven', async () => {
    const { options, state, clock, record, controller } = machine();
    const containerd = await startContainerd(options);
    state.answers = false;
    await clock.advance(15_000);
    state.answers = true;
    await clock.advance(15_000);
    expect(state.signals).toEqual([]);
    state.answers = false;
    await clock.advance(30_500);
    state.answers = true;
    await clock.advance(1_000);
    expect(state.signals).toEqual(['SIGKILL 101']);
    expect((await record())?.pid).toBe(102);
    controller.abort();
    await containerd.done;
  });

  test('ends with the signal; containerd goes on', async () => {
    const { options, running, controller, clock } = machine();
    const containerd = await startContainerd(options);
    controller.abort();
    await containerd.done;
    expect([running.size, clock.timers]).toEqual([1, 0]);
  });
});
