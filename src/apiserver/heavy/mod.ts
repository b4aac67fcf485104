// Heavy work, done in a thread beside the event loop.
import type { Thread } from '../../base/ports/threads.ts';
import type { HeavyTasks } from './tasks.ts';

export { type HeavyTasks, heavyTasks, type MadeDocument, madeOf } from './tasks.ts';

/** The name of the thread's program in the bundle. */
export const heavyProgram = 'heavy-thread';

/** Undefined where there is no thread: whoever asks does the work itself then. */
export const heavyWork = (thread: Thread | undefined): HeavyTasks | undefined =>
  thread && {
    yaml: (text) => thread.run('yaml', text) as ReturnType<HeavyTasks['yaml']>,
    mergeOpenApi: (input) => thread.run('mergeOpenApi', input) as ReturnType<HeavyTasks['mergeOpenApi']>,
  };
