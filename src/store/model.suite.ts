// Random histories against a trivially simple model: every answer and every event is what the model says.
import fc from 'fast-check';
import { expect } from 'vitest';
import { bytes, takeChanges, text } from './store.suite.ts';
import { CompactedError, RevisionMismatchError, type Store, type Stored, type WriteOp } from './store.ts';

/** What a random history is made of. `guess` picks the revision to compare with: the right one, or one off. */
type Step =
  | { readonly do: 'create' | 'update' | 'delete'; readonly key: string; readonly guess: number }
  | { readonly do: 'compact'; readonly share: number }
  | { readonly do: 'reopen' };

interface Standing {
  readonly value: string;
  readonly revision: number;
  readonly createRevision: number;
}

/** One snapshot for each revision, from the first on. */
class Model {
  readonly snapshots: ReadonlyMap<string, Standing>[] = [new Map()];
  readonly events: string[] = [];
  compacted = 0;

  get revision(): number {
    return this.snapshots.length - 1;
  }

  at(revision: number): ReadonlyMap<string, Standing> {
    return this.snapshots[revision] ?? new Map();
  }

  /** Applies the write; false when its compare fails. */
  write(op: WriteOp): boolean {
    const current = this.at(this.revision).get(op.key);
    if (op.do === 'create' ? current : current?.revision !== op.ifRevision) return false;
    const next = new Map(this.at(this.revision));
    const revision = this.revision + 1;
    if (op.do === 'delete') next.delete(op.key);
    else next.set(op.key, { value: text(op.value), revision, createRevision: current?.createRevision ?? revision });
    this.snapshots.push(next);
    this.events.push(`${op.do === 'delete' ? 'delete' : 'put'} ${op.key} ${revision} was ${current?.value}@${current?.revision}`);
    return true;
  }

  page(revision: number, prefix: string, after: string | undefined, limit: number): { items: string[]; remaining: number } {
    const keys = [...this.at(revision).keys()].filter((key) => key.startsWith(prefix) && (after === undefined || key > after)).sort();
    const items = keys.slice(0, limit).map((key) => line({ key, ...(this.at(revision).get(key) as Standing) }));
    return { items, remaining: Math.max(0, keys.length - limit) };
  }
}

const line = ({ key, value, revision, createRevision }: Standing & { key: string }) => `${key}=${value}@${revision}/${createRevision}`;
const storedLine = (stored: Stored) => line({ ...stored, value: text(stored.value) });

const key = fc.constantFrom('/p/a', '/p/b', '/p/c', '/p/aa', '/q/a', '/q/b');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('create', 'update', 'delete'), key, guess: fc.constantFrom(0, 0, 0, 1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('compact' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
);

async function writeBoth(store: Store, model: Model, step: Extract<Step, { key: string }>, n: number): Promise<void> {
  const ifRevision = (model.at(model.revision).get(step.key)?.revision ?? 0) + step.guess;
  const value = bytes(`v${n}`);
  const op: WriteOp =
    step.do === 'create'
      ? { do: 'create', key: step.key, value }
      : step.do === 'update'
        ? { do: 'update', key: step.key, value, ifRevision }
        : { do: 'delete', key: step.key, ifRevision };
  const before = model.at(model.revision).get(op.key);
  const stands = model.write(op);
  const answer = await store.write(op).catch((error: unknown) => error);
  if (stands) {
    expect((answer as Stored).revision).toBe(model.revision);
    return;
  }
  expect(answer).toBeInstanceOf(RevisionMismatchError);
  const { current } = answer as RevisionMismatchError;
  expect(current && storedLine(current)).toEqual(before && line({ key: op.key, ...before }));
}

async function compare(store: Store, model: Model): Promise<void> {
  expect(await store.revision()).toBe(model.revision);
  for (let revision = 0; revision <= model.revision; revision++) {
    if (revision < model.compacted) {
      await expect(store.list('/', { revision })).rejects.toBeInstanceOf(CompactedError);
      continue;
    }
    for (const after of [undefined, '/p/aa']) {
      const page = await store.list('/p/', { revision, limit: 2, after });
      expect({ items: page.items.map(storedLine), remaining: page.remaining }).toEqual(model.page(revision, '/p/', after, 2));
    }
    const rest = model.events.slice(revision);
    const events = await takeChanges(store.watch('', revision, new AbortController().signal), rest.length);
    const lines = events.map((e) => `${e.type} ${e.key} ${e.revision} was ${e.previous && text(e.previous.value)}@${e.previous?.revision}`);
    expect(lines).toEqual(rest);
  }
}

/** Carries out the steps on an empty store and on the model, and compares all that can be seen. */
export async function checkHistory(
  steps: readonly Step[],
  open: () => Promise<Store>,
  reopen: (store: Store) => Promise<Store>,
): Promise<void> {
  let store = await open();
  try {
    const model = new Model();
    for (const [n, step] of steps.entries()) {
      if (step.do === 'reopen') store = await reopen(store);
      else if (step.do === 'compact') {
        const revision = Math.floor(step.share * model.revision);
        await store.compact(revision);
        model.compacted = Math.max(model.compacted, revision);
      } else await writeBoth(store, model, step, n);
    }
    await compare(store, model);
  } finally {
    await store.close();
  }
}

export const histories: fc.Arbitrary<readonly Step[]> = fc.array(step, { maxLength: 40 });
