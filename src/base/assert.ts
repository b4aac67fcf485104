// Broken invariants. A Bug is never an API error: it says that Minke itself is wrong.

/** A broken invariant. Ends the process when it is in the store, a cache or a state machine; always fails a simulation. */
export class Bug extends Error {
  override readonly name = 'Bug';
}

/** Throws a {@link Bug} unless `ok` is truthy. Assertions stay on in production. */
export function assert(ok: unknown, what: string): asserts ok {
  if (!ok) throw new Bug(what);
}

/** Marks a branch that the type system has proven empty. */
export function unreachable(value: never, what: string): never {
  throw new Bug(`${what}: unexpected ${JSON.stringify(value)}`);
}
