// Deciding a group of writes, and the bytes of its records.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytes } from '../store.suite.ts';
import type { WriteOp } from '../store.ts';
import { crc32, crc32ByTable, crc32OfText } from './checksum.ts';
import {
  DamagedRecordError,
  decodeEntry,
  decodeExpiring,
  decodeHead,
  decodeMark,
  decodeNumber,
  decodeRecord,
  decodeRecordKey,
  decodeState,
  type Entry,
  encodeEntry,
  encodeExpiring,
  encodeMark,
  encodeNumber,
  encodeRecord,
  encodeState,
  entrySum,
  isRecordSound,
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
  const keysSum = [...stands].reduce((sum, [key, entry]) => sum ^ entrySum(key, entry), 0) >>> 0;
  const state = { revision: 10, compacted: 2, historyBytes: 50, keys: stands.size, keysSum };

  test.each<[string, WriteOp[], string[], number]>([
    ['a create of a new key', [create('/n')], ['put@11'], 50],
    ['a create of a key that stands', [create('/a')], ['refused at 5'], 50],
    ['an update, which makes the old value history', [update('/a', 5)], ['put@11'], 150],
    ['an update that is late', [update('/a', 4)], ['refused at 5'], 50],
    ['an update of nothing', [update('/n', 1)], ['refused at nothing'], 50],
    ['two creates of one key', [create('/n'), create('/n')], ['put@11', 'refused at 11'], 50],
    ['a refused write takes no revision', [create('/a'), create('/n')], ['refused at 5', 'put@11'], 50],
    ['delete, then create anew', [remove('/a', 5), create('/a')], ['delete@11', 'put@12'], 50 + 100 + 25],
    ['delete, then update of what is gone', [remove('/a', 5), update('/a', 5)], ['delete@11', 'refused at nothing'], 50 + 100 + 25],
    ['create and delete in one breath', [create('/n'), remove('/n', 11)], ['put@11', 'delete@12'], 50 + 26 + 25],
  ])('%s', (_, ops, verdicts, historyBytes) => {
    const plan = planGroup(ops, state, (key) => stands.get(key));
    const said = plan.verdicts.map((v) =>
      v.is === 'accepted' ? `${v.write.type}@${v.write.revision}` : `refused at ${v.refusal.current?.revision ?? 'nothing'}`,
    );
    expect(said).toEqual(verdicts);
    const after = new Map(stands);
    for (const [key, entry] of plan.entries) entry ? after.set(key, entry) : after.delete(key);
    const sum = [...after].reduce((all, [key, entry]) => all ^ entrySum(key, entry), 0) >>> 0;
    expect(plan.state).toEqual({ revision: 10 + plan.accepted.length, compacted: 2, historyBytes, keys: after.size, keysSum: sum });
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
      fc.property(record, fc.nat(50), revision, (record, slack, at) => {
        const encoded = encodeRecord(at, record);
        // As LMDB lends it: in a longer buffer that is used anew.
        const borrowed = Buffer.concat([encoded, Buffer.alloc(slack, 0xee)]);
        expect(isRecordSound(at, borrowed, encoded.length)).toBe(true);
        expect(isRecordSound(at + 1, borrowed, encoded.length)).toBe(false);
        const decoded = decodeRecord(borrowed, encoded.length);
        const { type, createRevision, previousRevision } = record;
        expect(decodeHead(borrowed)).toEqual({ type, createRevision, previousRevision });
        expect(decodeRecordKey(borrowed)).toBe(record.key);
        borrowed.fill(0);
        expect({ ...decoded, value: [...decoded.value] }).toEqual({ ...record, value: [...record.value] });
      }),
    );
  });

  test('a bit that flips anywhere in a record is noticed', () => {
    const record = { type: 'put', key: '/a', createRevision: 7, previousRevision: 3, value: new Uint8Array(200).fill(7) } as const;
    const encoded = encodeRecord(9, record);
    for (let bit = 0; bit < encoded.length * 8; bit++) {
      const damaged = Buffer.from(encoded);
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(isRecordSound(9, damaged, damaged.length)).toBe(false);
    }
  });

  test("the check sum is the one of zip, by table and by Node's own", () => {
    expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1_000 }), fc.nat(1_000), (all, at) => {
        const [head, tail] = [all.subarray(0, at), all.subarray(at)];
        expect(crc32ByTable(tail, crc32ByTable(head))).toBe(crc32(all));
      }),
    );
    fc.assert(fc.property(key, (text) => crc32OfText(text) === crc32(Buffer.from(text))));
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
      fc.property(key, revision, revision, fc.integer({ min: 0, max: 2 ** 32 - 1 }), (key, a, b, size) => {
        const entry = { revision: a, createRevision: b, bytes: size };
        expect(decodeEntry(key, encodeEntry(key, entry))).toEqual(entry);
        expect(() => decodeEntry(`${key}x`, encodeEntry(key, entry))).toThrow(DamagedRecordError);
        expect(decodeMark(a, encodeMark(a, b))).toBe(b);
        expect(decodeExpiring(a, b, encodeExpiring(a, b, key))).toBe(key);
        const state = { revision: a, compacted: b, historyBytes: size, keys: b, keysSum: size };
        expect(decodeState(encodeState(state))).toEqual(state);
      }),
    );
  });
});
