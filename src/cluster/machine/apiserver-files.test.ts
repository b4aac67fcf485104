// What the flags of `minke apiserver` say beyond their form: kinds that are left out, and files of tokens.
import { describe, expect, test } from 'vitest';
import { servedKinds } from '../../api/mod.ts';
import { kindsLeft } from './kinds-left.ts';
import { parseTokenFile } from './token-file.ts';

describe('kindsLeft()', () => {
  const served = (...settings: [string, boolean][]) => {
    const kinds = kindsLeft(
      servedKinds,
      settings.map(([key, on]) => ({ key, on })),
    );
    return (group: string, version: string, resource: string) =>
      kinds.some((kind) => kind.group === group && kind.version === version && kind.resource === resource);
  };
  test('nothing said: everything', () => {
    expect(kindsLeft(servedKinds, [])).toEqual(servedKinds);
  });
  test('a group and version that is off takes its resources along', () => {
    const has = served(['batch/v1', false]);
    expect([has('batch', 'v1', 'jobs'), has('apps', 'v1', 'deployments')]).toEqual([false, true]);
  });
  test('the most particular setting decides, in whatever order', () => {
    const has = served(['apps/v1/deployments', true], ['apps/v1', false], ['api/all', false], ['batch/v1', true]);
    expect(has('apps', 'v1', 'deployments')).toBe(true);
    expect([has('apps', 'v1', 'daemonsets'), has('batch', 'v1', 'jobs'), has('policy', 'v1', 'poddisruptionbudgets')]).toEqual([
      false,
      true,
      false,
    ]);
  });
  test('what the server needs stays when all is off', () => {
    const has = served(['api/all', false]);
    expect([has('', 'v1', 'pods'), has('rbac.authorization.k8s.io', 'v1', 'roles')]).toEqual([true, true]);
  });
  test.each([
    ['nope/v1', true, '"nope/v1" is not known'],
    ['v1', false, '"v1" cannot be turned off'],
    ['rbac.authorization.k8s.io/v1', false, 'cannot be turned off'],
  ] as const)('%s=%s is refused', (key, on, says) => {
    expect(() => kindsLeft(servedKinds, [{ key, on }])).toThrow(says);
  });
});

describe('parseTokenFile()', () => {
  test('reads tokens, users, uids and groups', () => {
    expect(parseTokenFile('# who\nsecret,ann,7,"dev,ops"\n\nother,bob,8\r\n"quo""ted",eve,', 'f')).toEqual([
      { token: 'secret', user: { name: 'ann', uid: '7', groups: ['dev', 'ops'] } },
      { token: 'other', user: { name: 'bob', uid: '8', groups: [] } },
      { token: 'quo"ted', user: { name: 'eve', groups: [] } },
    ]);
  });
  test.each([
    ['secret,ann', 'line 1 of f has 2 fields'],
    ['\n,ann,7', 'line 2 of f has no token'],
    ['a,b,c\na,d,e', 'line 2 of f repeats the token of another line'],
    ['a,b,c,"d', 'line 1 of f has a quote that does not end'],
  ])('%j is refused, without a word of what is in it', (text, says) => {
    expect(() => parseTokenFile(text, 'f')).toThrow(says);
    expect(() => parseTokenFile(text, 'f')).not.toThrow('secret');
  });
});
