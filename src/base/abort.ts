// Stopping: small tools around AbortSignal that leave no listener behind.

/** The reason with which Minke's own parts are stopped in the ordinary course. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError';
  constructor(what = 'stopped') {
    super(what);
  }
}

type Listener = { readonly run: (reason: unknown) => void };

/**
 * Who listens to which signal. One real listener a signal serves them all: adding and removing one on an EventTarget costs in
 * proportion to how many there are, and thousands of parts share the signal of a process.
 */
const groups = new WeakMap<AbortSignal, Group>();

interface Group {
  readonly listeners: Set<Listener>;
  readonly tellAll: () => void;
}

/** Calls `run` with the reason once `signal` fires (at once if it has). Returns what removes the listener. */
export function onAbort(signal: AbortSignal | undefined, run: (reason: unknown) => void): () => void {
  if (!signal) return () => {};
  if (signal.aborted) {
    run(signal.reason);
    return () => {};
  }
  const listener: Listener = { run };
  const group = groups.get(signal) ?? listenTo(signal);
  group.listeners.add(listener);
  return () => {
    if (!group.listeners.delete(listener) || group.listeners.size > 0) return;
    signal.removeEventListener('abort', group.tellAll);
    groups.delete(signal);
  };
}

function listenTo(signal: AbortSignal): Group {
  const listeners = new Set<Listener>();
  const tellAll = () => {
    groups.delete(signal);
    // Those that a listener takes away meanwhile are not told.
    for (const listener of listeners) {
      listeners.delete(listener);
      listener.run(signal.reason);
    }
  };
  const group = { listeners, tellAll };
  groups.set(signal, group);
  signal.addEventListener('abort', tellAll, { once: true });
  return group;
}

/** A controller that also fires when `parent` does. Call `unlink` when done, so that the parent keeps no listener. */
export function childController(parent: AbortSignal | undefined): { controller: AbortController; unlink: () => void } {
  const controller = new AbortController();
  const unlink = onAbort(parent, (reason) => controller.abort(reason));
  return { controller, unlink };
}

/** Resolves when `signal` fires. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    onAbort(signal, () => resolve());
  });
}

/** Settles as `promise` does, but rejects with the signal's reason as soon as `signal` fires. */
export async function raceAbort<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  let off = () => {};
  const stop = new Promise<never>((_, reject) => {
    off = onAbort(signal, reject);
  });
  try {
    return await Promise.race([promise, stop]);
  } finally {
    off();
  }
}
