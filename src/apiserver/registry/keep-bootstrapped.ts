// What every cluster has is made at start, and comes back when somebody takes it away.
import { errorText, type Logger, silentLogger, sleep, type Tasks } from '../../base/mod.ts';
import { bootstrapRoles } from '../authz/bootstrap/bootstrap.ts';
import { type BootstrapOptions, bootstrap, bootstrapFlowControl, ensureServiceCidr } from './bootstrap.ts';

const intervalMs = 10_000;

/** What the first request needs. What stands is put right by `repair` before anything is added to it. */
export async function firstBootstrap(options: BootstrapOptions, repair: () => Promise<void>): Promise<void> {
  await ensureServiceCidr(options);
  await repair();
  await bootstrap(options);
}

/** Makes the rest, and looks after all of it until the signal of the context fires. Looking is a few lookups in the cache. */
export function keepBootstrapped(
  options: BootstrapOptions,
  repair: () => Promise<void>,
  tasks: Tasks,
): { /** True once the default roles stand. */ rolesReady(): boolean } {
  const { signal, log } = options.context;
  // What is refused has been told at the start.
  const quiet = { ...options, context: { ...options.context, log: silentLogger } };
  tasks.run('bootstrap objects', signal, async () => {
    await sleep(options.context.clock, intervalMs, signal);
    await again(options, log, 'Bootstrap objects could not be made', async () => {
      await bootstrap(quiet);
      await repair();
      return false;
    });
  });
  let rolesReady = false;
  tasks.run('default roles', signal, async () => {
    await again(options, log, 'Default roles could not be made', async () => {
      await bootstrapRoles(options);
      return true;
    });
    rolesReady = true;
    await again(options, log, 'Flow control objects could not be made', async () => {
      await bootstrapFlowControl(options);
      return false;
    });
  });
  return { rolesReady: () => rolesReady };
}

/** Runs it every few seconds until it says that it is done, or the signal fires. */
async function again({ context }: BootstrapOptions, log: Logger, complaint: string, run: () => Promise<boolean>): Promise<void> {
  const { clock, signal } = context;
  while (!signal.aborted) {
    try {
      if (await run()) return;
    } catch (error) {
      if (signal.aborted) return;
      log.warn(complaint, { error: errorText(error) });
    }
    await sleep(clock, intervalMs, signal);
  }
}
