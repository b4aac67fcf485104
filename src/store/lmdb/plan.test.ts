// Deciding a group of writes, and the bytes of its records.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytes } from '../store.suite.ts';
import type { WriteOp } from '../store.ts';
import {
  decodeEntry,
  decodeHead,
  decodeNumber,
  decodeRecord,
  decodeRecordKey,
  decodeState,
  type Entry,
  encodeEntry,
  encodeNumber,
  encodeRecord,
  encodeState,
} from './layout.ts';
import { planGroup } from './plan.ts';

const revision = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const key = fc.stringMatching(/^[\x20-\x7e]{1,80}$/);

describe('planGroup', () => {
  const value = bytes('v');
  const create = (key: string): WriteOp => ({ do: 'create', key, value });
  const update = (key: string, ifRevision: number): WriteOp => ({ do: 'update', key, value, ifRevision });
  const remove = (key: string, ifRevision: number): WriteOp => ({ do: 'delete', key, ifRevision });
  const stands = new Map<string, Entry>([['/a', { revision: 5, createRevision: 3, bytes: 100 }]]);
  const state = { revision: 10, compacted: 2, historyBytes: 50 };

  test.each<[string, WriteOp[], string[], number]>([
    ['a create of a new key', [create('/n')], ['put@11'], 50],
    ['a create of a key that stands', [create('/a')], ['refused at 5'], 50],
    ['an update, which makes the old value history', [update('/a', 5)], ['put@11'], 150],
    ['an update that is late', [update('/a', 4)], ['refused at 5'], 50],
    ['an update of nothing', [update('/n', 1)], ['refused at nothing'], 50],
    ['two creates of one key', [create('/n'), create('/n')], ['put@11', 'refused at 11'], 50],
    ['a refused write takes no revision', [create('/a'), create('/n')], ['refused at 5', 'put@11'], 50],
    ['delete, then create anew', [remove('/a', 5), create('/a')], ['delete@11', 'put@12'], 50 + 100 + 21],
    ['delete, then update of what is gone', [remove('/a', 5), update('/a', 5)], ['delete@11', 'refused at nothing'], 50 + 100 + 21],
    ['create and delete in one breath', [create('/n'), remove('/n', 11)], ['put@11', 'delete@12'], 50 + 22 + 21],
  ])('%s', (_, ops, verdicts, historyBytes) => {
    const plan = planGroup(ops, state, (key) => stands.get(key));
    const said = plan.verdicts.map((v) =>
      v.is === 'accepted' ? `${v.write.type}@${v.write.revision}` : `refused at ${v.refusal.current?.revision ?? 'nothing'}`,
    );
    expect(said).toEqual(verdicts);
    expect(plan.state).toEqual({ revision: 10 + plan.accepted.length, compacted: 2, historyBytes });
  });

  test('entries say how each touched key stands at the end', () => {
    const plan = planGroup([update('/a', 5), create('/n'), remove('/n', 12)], state, (key) => stands.get(key));
    expect(plan.entries.get('/a')).toMatchObject({ revision: 11, createRevision: 3 });
    expect(plan.entries.has('/n')).toBe(true);
    expect(plan.entries.get('/n')).toBeUndefined();
  });
});

describe('layout', () => {
  test('records come back as they were', () => {
    const record = fc.record({
      type: fc.constantFrom('put', 'delete'),
      key,
      createRevision: revision,
      previousRevision: revision,
      value: fc.uint8Array({ maxLength: 300 }),
    });
    fc.assert(
      fc.property(record, fc.nat(50), (record, slack) => {
        const encoded = encodeRecord(record);
        // As LMDB lends it: in a longer buffer that is used anew.
        const borrowed = Buffer.concat([encoded, Buffer.alloc(slack, 0xee)]);
        const decoded = decodeRecord(borrowed, encoded.length);
        const { type, createRevision, previousRevision } = record;
        expect(decodeHead(borrowed)).toEqual({ type, createRevision, previousRevision });
        expect(decodeRecordKey(borrowed)).toBe(record.key);
        borrowed.fill(0);
        expect({ ...decoded, value: [...decoded.value] }).toEqual({ ...record, value: [...record.value] });
      }),
    );
  });

  test('numbers keep their order as bytes', () => {
    fc.assert(
      fc.property(revision, revision, (a, b) => {
        expect(decodeNumber(encodeNumber(a))).toBe(a);
        expect(Math.sign(Buffer.compare(encodeNumber(a), encodeNumber(b)))).toBe(Math.sign(a - b));
      }),
    );
  });

  test('entries and state come back as they were', () => {
    fc.assert(
      fc.property(revision, revision, fc.integer({ min: 0, max: 2 ** 32 - 1 }), (a, b, size) => {
        const entry = { revision: a, createRevision: b, bytes: size };
        expect(decodeEntry(encodeEntry(entry))).toEqual(entry);
        const state = { revision: a, compacted: b, historyBytes: size };
        expect(decodeState(encodeState(state))).toEqual(state);
      }),
    );
  });
});
