// Webhooks for tokens and for authorization: what is asked, what answers mean, what is remembered, and what a failure means.
import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger, VirtualClock } from '../../../base/mod.ts';
import { turn } from '../../../base/ports/clock.ts';
import { webhookTokens } from '../../authn/webhook-tokens.ts';
import type { Attributes } from '../authorizer.ts';
import { compileAccessConditions } from './match.ts';
import { createWebhookAuthorizer } from './webhook-authorizer.ts';

const user = { name: 'jane', groups: ['readers'], extra: { a: ['b'] } };
const onPods: Attributes = {
  ...{ as: 'resource', user, verb: 'get', group: '', version: 'v1', resource: 'pods', subresource: 'log', namespace: 'a', name: 'x' },
} as Attributes;
let clock: VirtualClock;
let asked: unknown[];
let answer: () => unknown;
beforeEach(() => {
  clock = new VirtualClock({ settle: turn });
  asked = [];
});
const post = async (body: string) => {
  asked.push(JSON.parse(body));
  const said = answer();
  if (said instanceof Error) throw said;
  return Buffer.from(typeof said === 'string' ? said : JSON.stringify(said));
};

describe('authorization', () => {
  const authorizer = (more: object = {}) =>
    createWebhookAuthorizer({ post, allowedMs: 60_000, notAllowedMs: 10_000, onFailure: 'noOpinion', clock, log: silentLogger, ...more });

  test('the review that is asked', async () => {
    answer = () => ({ status: { allowed: true, reason: 'so' } });
    expect(await authorizer().decide(onPods)).toEqual({ decision: 'allow', reason: 'so' });
    const attributes = { namespace: 'a', verb: 'get', version: 'v1', resource: 'pods', subresource: 'log', name: 'x' };
    expect(asked).toEqual([
      {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: { resourceAttributes: attributes, user: 'jane', groups: ['readers'], extra: { a: ['b'] } },
      },
    ]);
  });

  test.each<[unknown, string, string?]>([
    [{ status: { allowed: false } }, 'noOpinion'],
    [{ status: { allowed: false, denied: true } }, 'deny'],
    [{ status: { allowed: true, denied: true } }, 'noOpinion'],
    [{ status: { allowed: true, denied: true } }, 'deny', 'deny'],
    [new Error('down'), 'noOpinion'],
    [new Error('down'), 'deny', 'deny'],
    ['nonsense', 'deny', 'deny'],
    [{}, 'noOpinion', 'deny'],
  ])('%j means %s', async (said, want, onFailure = 'noOpinion') => {
    answer = () => said;
    expect((await authorizer({ onFailure }).decide(onPods)).decision).toBe(want);
  });

  test('answers are remembered for their time, failures are not; those who ask at once share a question', async () => {
    const of = authorizer();
    answer = () => new Error('down');
    await of.decide(onPods);
    answer = () => ({ status: { allowed: true } });
    await Promise.all([of.decide(onPods), of.decide(onPods)]);
    await clock.advance(59_000);
    await of.decide(onPods);
    expect(asked).toHaveLength(2);
    answer = () => ({ status: { allowed: false } });
    await clock.advance(2_000);
    for (const waitMs of [0, 9_000, 2_000]) {
      await clock.advance(waitMs);
      expect((await of.decide(onPods)).decision).toBe('noOpinion');
    }
    expect(asked).toHaveLength(4);
  });

  test('match conditions: one that is false spares the question, one that fails is a failure', async () => {
    answer = () => ({ status: { allowed: true } });
    const of = (...expressions: string[]) => authorizer({ onFailure: 'deny', matches: compileAccessConditions(expressions) });
    expect(await of("has(request.resourceAttributes) && request.resourceAttributes.namespace == 'b'").decide(onPods)).toEqual({
      decision: 'noOpinion',
    });
    expect(asked).toEqual([]);
    expect((await of("request.user == 'jane'", "'readers' in request.groups").decide(onPods)).decision).toBe('allow');
    expect((await of('request.nonResourceAttributes.path == "/"').decide(onPods)).decision).toBe('deny');
    expect((await of('request.nonResourceAttributes.path == "/"', 'false').decide(onPods)).decision).toBe('noOpinion');
    expect(() => of('request.nobody')).toThrow(/matchConditions\[0\].expression: Invalid value: "request.nobody"/);
  });
});

describe('tokens', () => {
  const tokens = () => webhookTokens({ post, audience: 'api', cacheMs: 60_000, clock, log: silentLogger });
  test.each<[unknown, object | undefined]>([
    [{ status: { authenticated: true, user: { username: 'jane', groups: ['a'], uid: '7' } } }, { name: 'jane', groups: ['a'], uid: '7' }],
    [{ status: { authenticated: true, audiences: ['api'], user: { username: 'jane' } } }, { name: 'jane', groups: [] }],
    [{ status: { authenticated: true, audiences: ['other'], user: { username: 'jane' } } }, undefined],
    [{ status: { authenticated: false, user: { username: 'jane' } } }, undefined],
    [{ status: { authenticated: true, user: {} } }, undefined],
    [new Error('down'), undefined],
    ['nonsense', undefined],
  ])('%j', async (said, want) => {
    answer = () => said;
    expect(await tokens().authenticate('t')).toEqual(want);
    expect(asked).toEqual([{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: 't', audiences: ['api'] } }]);
  });

  test('answers are remembered, failures are not', async () => {
    const of = tokens();
    answer = () => new Error('down');
    await of.authenticate('t');
    answer = () => ({ status: { authenticated: false } });
    for (let i = 0; i < 3; i++) await of.authenticate('t');
    expect(asked).toHaveLength(2);
    await clock.advance(60_000);
    await of.authenticate('t');
    expect(asked).toHaveLength(3);
  });
});
