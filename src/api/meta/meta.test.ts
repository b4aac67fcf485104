import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../base/mod.ts';
import { type ConditionLike, getCondition, isConditionTrue, removeCondition, setCondition } from './conditions.ts';
import { percentOf, scaledValue } from './int-or-percent.ts';
import {
  configKeyProblems,
  dns1035LabelProblems,
  dnsLabelProblems,
  dnsSubdomainProblems,
  envNameProblems,
  generateName,
  labelValueProblems,
  nameProblems,
  pathSegmentProblems,
  portNameProblems,
  qualifiedNameProblems,
} from './names.ts';
import { controllerOf, controllerReference, isControlledBy } from './owner.ts';
import { formatMicroTime, formatTime, humanDuration, parseTime } from './time.ts';

describe('names', () => {
  test('the messages are upstream’s', () => {
    expect(dnsLabelProblems('A')).toEqual([
      "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
    ]);
    expect(dnsLabelProblems('a'.repeat(64))).toEqual(['must be no more than 63 bytes']);
    expect(dnsSubdomainProblems('a..b')).toEqual([
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    ]);
    expect(pathSegmentProblems('a/b')).toEqual(["may not contain '/'"]);
  });

  test.each([
    [dns1035LabelProblems, '1a', 1],
    [dns1035LabelProblems, 'a1', 0],
    [qualifiedNameProblems, 'example.com/My_name', 0],
    [qualifiedNameProblems, '/x', 1],
    [qualifiedNameProblems, '', 2],
    [qualifiedNameProblems, 'a/b/c', 1],
    [labelValueProblems, '', 0],
    [labelValueProblems, 'a b', 1],
    [portNameProblems, 'http', 0],
    [portNameProblems, '80', 1],
    [portNameProblems, '-a--b-', 2],
    [configKeyProblems, '..a', 1],
    [configKeyProblems, 'A_b.c-d', 0],
    [envNameProblems, 'a=b', 1],
    [envNameProblems, 'A B', 0],
  ])('%o of %j has %i problems', (problems, value, count) => {
    expect(problems(value)).toHaveLength(count);
  });

  test('a prefix may end in a dash', () => {
    expect(nameProblems('dnsLabel', 'web-', true)).toEqual([]);
    expect(nameProblems('dnsLabel', 'web-')).toHaveLength(1);
  });

  test('generated names keep the first 58 characters and are valid', () => {
    fc.assert(
      fc.property(fc.integer(), fc.stringMatching(/^[a-z][a-z0-9]{0,70}-$/), (seed, base) => {
        const name = generateName(base, new SeededRandom(seed));
        expect(name).toHaveLength(Math.min(base.length, 58) + 5);
        expect(dnsLabelProblems(name)).toEqual([]);
      }),
    );
  });
});

describe('times', () => {
  test('both forms', () => {
    expect(formatTime(1_000)).toBe('1970-01-01T00:00:01Z');
    expect(formatMicroTime(1_000.25)).toBe('1970-01-01T00:00:01.000250Z');
    expect(parseTime('2026-11-20T10:36:42.5+02:00')).toBe(Date.UTC(2026, 10, 20, 8, 36, 42, 500));
  });
  test.each(['', '2026-11-20', '2026-02-30T00:00:00Z', '2026-11-20T25:00:00Z'])('%j is no time', (text) => {
    expect(parseTime(text)).toBeUndefined();
  });
  test('formatting and parsing are inverse', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 4e12 }), (ms) => Math.abs((parseTime(formatMicroTime(ms)) ?? 0) - ms) < 0.001));
  });
  test.each([
    [-500, '0s'],
    [-5000, '<invalid>'],
    [119_999, '119s'],
    [120_000, '2m'],
    [599_000, '9m59s'],
    [3_600_000, '60m'],
    [10_860_000, '3h1m'],
    [30 * 3_600_000, '30h'],
    [50 * 3_600_000, '2d2h'],
    [9 * 86_400_000, '9d'],
    [740 * 86_400_000, '2y10d'],
    [9 * 365 * 86_400_000, '9y'],
  ])('%i ms print as %s', (ms, want) => {
    expect(humanDuration(ms)).toBe(want);
  });
});

describe('conditions', () => {
  const ready: ConditionLike = { type: 'Ready', status: 'True', reason: 'Up', lastTransitionTime: 't0' };
  test('the transition time moves only with the status', () => {
    expect(setCondition([ready], { type: 'Ready', status: 'True', reason: 'Other' }, 't1')).toEqual([{ ...ready, reason: 'Other' }]);
    expect(setCondition([ready], { type: 'Ready', status: 'False' }, 't1')).toEqual([
      { type: 'Ready', status: 'False', lastTransitionTime: 't1' },
    ]);
    expect(setCondition([ready], { type: 'X', status: 'True' }, 't1')).toHaveLength(2);
  });
  test('no change gives back the same list', () => {
    const list = [ready];
    expect(setCondition(list, { type: 'Ready', status: 'True', reason: 'Up' }, 't1')).toBe(list);
    expect(removeCondition(list, 'X')).toBe(list);
    expect(removeCondition(list, 'Ready')).toEqual([]);
    expect(isConditionTrue(list, 'Ready')).toBe(true);
    expect(getCondition(undefined, 'Ready')).toBeUndefined();
  });
});

test('owners are known by uid', () => {
  const owner = { metadata: { name: 'rs', uid: 'u1' } };
  const reference = controllerReference({ group: 'apps', version: 'v1', kind: 'ReplicaSet' }, owner);
  expect(reference).toEqual({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    name: 'rs',
    uid: 'u1',
    controller: true,
    blockOwnerDeletion: true,
  });
  const pod = { metadata: { ownerReferences: [{ ...reference, controller: false }, reference] } };
  expect(controllerOf(pod)).toBe(reference);
  expect(isControlledBy(pod, owner)).toBe(true);
  expect(isControlledBy(pod, { metadata: { uid: 'u2' } })).toBe(false);
});

test.each([
  ['25%', 10, 'up', 3],
  ['25%', 10, 'down', 2],
  ['100%', 7, 'down', 7],
  [4, 10, 'up', 4],
] as const)('%s of %i rounded %s is %i', (value, total, round, want) => {
  expect(scaledValue(value, total, round)).toBe(want);
  expect(percentOf('a%')).toBeUndefined();
});
