// Plugins of the kubelet, such as storage drivers: each puts a socket into one directory, is asked there what it is, and is told
// whether it was taken on. A plugin whose socket goes is let go. Source: https://kubernetes.io/docs/reference/node/kubelet-files/
import { join } from 'node:path';
import { Backoff, type Clock, childController, errorText, type Logger, StoppedError, sleep, Tasks } from '../../base/mod.ts';
import type { DirectoryWatcher } from '../../base/ports/directory-watch.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import { openChannel } from '../cri/channel.ts';
import { toDriverError } from '../csi/driver-error.ts';
import { createLatch } from '../pod/latch.ts';
import { registrationMethods } from './messages.ts';

export interface Plugin {
  readonly name: string;
  /** The socket that it serves its own API on. */
  readonly endpoint: string;
  readonly versions: readonly string[];
}

/** What a type of plugins needs. Both may reject, and are tried again; `signal` fires when the socket has gone. */
export interface PluginHandler {
  /** Why a plugin is refused for good; undefined when it is not. */
  problem(plugin: Plugin): string | undefined;
  register(plugin: Plugin, signal: AbortSignal): Promise<void>;
  deregister(plugin: Plugin): Promise<void>;
}

export interface PluginRegistryOptions {
  readonly fs: FileSystem;
  readonly watcher: DirectoryWatcher;
  /** `<kubelet's root>/plugins_registry` */
  readonly directory: string;
  /** By the plugin's own word of its type, such as `CSIPlugin`. */
  readonly handlers: Readonly<Record<string, PluginHandler>>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

interface Known {
  /** Another file of the same name is another plugin: it was started again. */
  readonly identity: string;
  readonly stop: () => void;
  /** Resolves when nothing of it goes on any more. */
  readonly over: Promise<void>;
}

const callDeadlineMs = 10_000;
const retry = { baseMs: 500, maxMs: 30_000 } as const;
/** Sockets that are looked after at one time; a directory with more holds something else. */
const pluginsMax = 200;

/** Runs until the signal fires. Plugins stay registered when it ends: they are found again. */
export async function runPluginRegistry(options: PluginRegistryOptions): Promise<void> {
  const { clock, log, signal } = options;
  const backoff = new Backoff(retry);
  const tasks = new Tasks(log);
  const known = new Map<string, Known>();
  while (!signal.aborted) {
    try {
      await follow(options, { tasks, known, began: () => backoff.reset() });
    } catch (error) {
      if (signal.aborted) break;
      log.warn('Cannot watch for plugins', { directory: options.directory, error: errorText(error) });
    }
    await sleep(clock, backoff.nextMs(), signal).catch(() => {});
  }
  for (const { stop } of known.values()) stop();
  await tasks.settled();
}

interface Following {
  readonly tasks: Tasks;
  readonly known: Map<string, Known>;
  readonly began: () => void;
}

/** Looks at each notice; ends when the directory is another one, or cannot be watched any more. */
async function follow(options: PluginRegistryOptions, { tasks, known, began }: Following): Promise<void> {
  const { fs, watcher, directory, clock, log, signal } = options;
  await fs.mkdir(directory, { mode: 0o750 });
  const own = await identityOf(fs, directory);
  const latch = createLatch(clock, signal);
  let failure: unknown;
  const end = watcher.watch(directory, latch.wake, (error) => {
    failure = error ?? new Error('the watch has ended');
    latch.wake();
  });
  try {
    while (!signal.aborted && failure === undefined && (await identityOf(fs, directory)) === own) {
      await look(options, { tasks, known });
      began();
      await latch.wait(undefined);
    }
  } finally {
    end();
  }
  if (failure !== undefined) log.warn('The watch for plugins broke off', { error: errorText(failure) });
}

async function identityOf(fs: FileSystem, path: string): Promise<string> {
  const stat = await fs.stat(path);
  return stat ? `${stat.device}:${stat.inode}${stat.kind === 'socket' ? `:${stat.modifiedMs}` : ''}` : '';
}

async function look(options: PluginRegistryOptions, { tasks, known }: Pick<Following, 'tasks' | 'known'>): Promise<void> {
  const { fs, directory, log } = options;
  const found = new Map<string, string>();
  // Names with a dot in front are half made.
  for (const { name, kind } of await fs.list(directory)) {
    if (kind !== 'socket' || name.startsWith('.')) continue;
    const path = join(directory, name);
    const identity = await identityOf(fs, path);
    if (identity !== '') found.set(path, identity);
  }
  if (found.size > pluginsMax) log.warn('More plugins than are looked after', { found: found.size, atMost: pluginsMax });
  const gone: Promise<void>[] = [];
  for (const [path, { identity, stop, over }] of known) {
    if (found.get(path) === identity) continue;
    known.delete(path);
    stop();
    gone.push(over);
  }
  const after = Promise.all(gone).then(() => {});
  for (const [path, identity] of [...found].slice(0, pluginsMax)) {
    if (known.has(path)) continue;
    const { controller, unlink } = childController(options.signal);
    let ended = () => {};
    const over = new Promise<void>((resolve) => {
      ended = resolve;
    });
    known.set(path, { identity, stop: () => controller.abort(new StoppedError(`plugin at ${path}`)), over });
    tasks.run(`plugin ${path}`, undefined, async () => {
      await after;
      await serve(options, path, controller.signal).finally(unlink).finally(ended);
    });
  }
}

/** Registers the plugin, and lets it go when its socket has gone. */
async function serve(options: PluginRegistryOptions, path: string, signal: AbortSignal): Promise<void> {
  const { clock, log } = options;
  const taken = await register(options, path, signal);
  if (!taken) return;
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  // The kubelet ends, the plugin does not.
  if (options.signal.aborted) return;
  const backoff = new Backoff(retry);
  for (;;) {
    try {
      await taken.handler.deregister(taken.plugin);
      log.info('Plugin deregistered', { plugin: taken.plugin.name });
      return;
    } catch (error) {
      if (options.signal.aborted) return;
      log.warn('Cannot deregister a plugin', { plugin: taken.plugin.name, error: errorText(error) });
      await sleep(clock, backoff.nextMs(), options.signal).catch(() => {});
    }
  }
}

type Taken = { readonly plugin: Plugin; readonly handler: PluginHandler };

/** Undefined: refused for good, or stopped. */
async function register(options: PluginRegistryOptions, path: string, signal: AbortSignal): Promise<Taken | undefined> {
  const { clock, log, handlers } = options;
  const channel = openChannel({ socketPath: path, clock, errorOf: toDriverError });
  const backoff = new Backoff(retry);
  const call = { deadlineMs: callDeadlineMs, signal };
  const tell = (error: string) => channel.unary(registrationMethods.notify, { pluginRegistered: error === '', error }, call);
  try {
    while (!signal.aborted) {
      try {
        const { type, name, endpoint, supportedVersions: versions } = await channel.unary(registrationMethods.info, {}, call);
        const plugin = { name, endpoint: endpoint === '' ? path : endpoint, versions };
        const handler = Object.hasOwn(handlers, type) ? handlers[type] : undefined;
        const problem = handler ? handler.problem(plugin) : `no handler registered for plugin type: ${type} at socket ${path}`;
        if (!handler || problem !== undefined) {
          log.warn('Plugin refused', { plugin: name, why: problem ?? '' });
          await tell(problem ?? '');
          return undefined;
        }
        try {
          await handler.register(plugin, signal);
        } catch (error) {
          await tell(error instanceof Error ? error.message : String(error)).catch(() => {});
          throw error;
        }
        log.info('Plugin registered', { plugin: name, endpoint: plugin.endpoint });
        // Who is not there to hear it is registered all the same.
        await tell('').catch((error) => log.info('A plugin did not take the word of its registration', { error: errorText(error) }));
        return { plugin, handler };
      } catch (error) {
        if (signal.aborted) break;
        log.info('Cannot register a plugin yet', { socket: path, error: errorText(error) });
        await sleep(clock, backoff.nextMs(), signal).catch(() => {});
      }
    }
    return undefined;
  } finally {
    channel.close();
  }
}
