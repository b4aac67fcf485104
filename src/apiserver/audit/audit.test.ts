// Audit: which rule counts, what each stage records, and that nothing of a request's secrets gets into it.

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SeededRandom, silentLogger, VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { systemFiles } from '../../base/ports/fs.ts';
import type { Attributes } from '../authz/authorizer.ts';
import { adminToken, createEdge, edgeRequest, janeToken } from '../core.fake.ts';
import { createAudit } from './audit.ts';
import { createAuditLog, tooOld } from './log-backend.ts';
import { readPolicy, recordingOf } from './policy.ts';
import { createAuditWebhook } from './webhook-backend.ts';

const refuse = (what: string): never => {
  throw new Error(what);
};
const policyOf = (...rules: object[]) => readPolicy({ kind: 'Policy', apiVersion: 'audit.k8s.io/v1', rules }, refuse);
const user = { name: 'jane', groups: ['readers', 'system:authenticated'] };
const onPods = (more: object = {}): Attributes =>
  ({
    as: 'resource',
    user,
    verb: 'get',
    group: '',
    version: 'v1',
    resource: 'pods',
    subresource: '',
    namespace: 'a',
    name: 'x',
    ...more,
  }) as Attributes;
const onPath = (path: string): Attributes => ({ as: 'path', user, verb: 'get', path });

describe('recordingOf()', () => {
  const level = (rule: object, attributes: Attributes) =>
    recordingOf(policyOf({ level: 'Request', ...rule }), attributes).level === 'Request';
  test.each<[string, object, Attributes, boolean]>([
    ['everything', {}, onPath('/x'), true],
    ['a user', { users: ['jane'] }, onPods(), true],
    ['another user', { users: ['jack'] }, onPods(), false],
    ['a group', { userGroups: ['x', 'readers'] }, onPods(), true],
    ['a verb', { verbs: ['list'] }, onPods(), false],
    ['a namespace', { namespaces: ['a'] }, onPods(), true],
    ['no namespace', { namespaces: [''] }, onPods({ namespace: '' }), true],
    ['a namespace, of a path', { namespaces: ['a'] }, onPath('/healthz'), false],
    ['a group of resources', { resources: [{ group: '' }] }, onPods(), true],
    ['another group', { resources: [{ group: 'apps' }] }, onPods(), false],
    ['a resource', { resources: [{ group: '', resources: ['pods'] }] }, onPods(), true],
    ['its subresource', { resources: [{ group: '', resources: ['pods'] }] }, onPods({ subresource: 'log' }), false],
    ['a named subresource', { resources: [{ group: '', resources: ['pods/log'] }] }, onPods({ subresource: 'log' }), true],
    ['any subresource', { resources: [{ group: '', resources: ['pods/*'] }] }, onPods({ subresource: 'log' }), true],
    ['of any resource', { resources: [{ group: '', resources: ['*/log'] }] }, onPods({ subresource: 'log' }), true],
    ['a name', { resources: [{ group: '', resources: ['pods'], resourceNames: ['y'] }] }, onPods(), false],
    ['a path', { nonResourceURLs: ['/healthz*'] }, onPath('/healthz/ping'), true],
    ['a path, of a resource', { nonResourceURLs: ['*'] }, onPods(), false],
  ])('%s', (_what, rule, attributes, want) => {
    expect(level(rule, attributes)).toBe(want);
  });

  test('the first rule counts; without one there is nothing', () => {
    const policy = policyOf({ level: 'None', verbs: ['get'] }, { level: 'Metadata', users: ['jane'] });
    expect(recordingOf(policy, onPods()).level).toBe('None');
    expect(recordingOf(policy, onPods({ verb: 'list' })).level).toBe('Metadata');
    expect(recordingOf(policy, onPods({ verb: 'list', user: { name: 'x', groups: [] } })).level).toBe('None');
  });
});

test.each<[object, string]>([
  [{}, 'rules[0].level: Unsupported value: nothing: wants one of None, Metadata, Request, RequestResponse'],
  [{ level: 'None', omitStages: ['End'] }, 'rules[0].omitStages: Invalid value: "End": wants some of RequestReceived,'],
  [{ level: 'None', nonResourceURLs: ['/a*b'] }, 'rules[0].nonResourceURLs: Invalid value: "/a*b"'],
  [{ level: 'None', nonResourceURLs: ['/a'], namespaces: ['a'] }, 'cannot apply to both regular resources and non-resource URLs'],
  [{ level: 'None', resources: [{ group: '', resourceNames: ['a'] }] }, 'using resourceNames requires at least one resource'],
  [{ level: 'None', users: 'jane' }, 'rules[0].users: Invalid value: wants a list of texts'],
])('policies that are none: %j', (rule, message) => {
  expect(() => policyOf(rule)).toThrow(message);
});

/** An API server's edge that records by that policy. */
function recorded(...rules: object[]) {
  const clock = new VirtualClock({ settle: turn });
  const taken: string[] = [];
  const audit = createAudit({ policy: policyOf(...rules), backends: [{ take: (event) => taken.push(event) }], clock });
  const { serve } = createEdge({ audit });
  return { serve, taken, events: () => taken.map((text) => JSON.parse(text)) };
}
const as = (token: string, more = {}) => ({ headers: { authorization: `Bearer ${token}`, 'user-agent': 'kubectl/1', ...more } });

describe('events', () => {
  test('of a request: who, what, and how it ended', async () => {
    const { serve, events } = recorded({ level: 'Metadata' });
    await serve(edgeRequest('GET', '/api/v1/namespaces/default/pods/web', as(janeToken)));
    expect(events()).toMatchObject([
      { kind: 'Event', apiVersion: 'audit.k8s.io/v1', level: 'Metadata', stage: 'RequestReceived', verb: 'get' },
      {
        stage: 'ResponseComplete',
        requestURI: '/api/v1/namespaces/default/pods/web',
        user: { username: 'jane' },
        userAgent: 'kubectl/1',
        objectRef: { resource: 'pods', namespace: 'default', name: 'web', apiVersion: 'v1' },
        responseStatus: { status: 'Failure', reason: 'Forbidden', code: 403 },
        annotations: { 'authorization.k8s.io/decision': 'forbid' },
      },
    ]);
    const [first, last] = events();
    expect(last.auditID).toBe(first.auditID);
    expect(last).not.toHaveProperty('requestObject');
  });

  test('the object sent, where the policy asks for it; stages and managed fields as it says', async () => {
    const { serve, events } = recorded({ level: 'RequestResponse', omitStages: ['RequestReceived'], omitManagedFields: true });
    const metadata = { name: 'web', namespace: 'default', managedFields: [{ manager: 'm' }] };
    const body = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata });
    const options = { ...as(adminToken, { 'content-type': 'application/json' }), readBody: async () => Buffer.from(body) };
    await serve(edgeRequest('POST', '/api/v1/namespaces/default/pods', options));
    const [event, ...more] = events();
    expect(more).toEqual([]);
    expect(event).toMatchObject({ stage: 'ResponseComplete', verb: 'create', objectRef: { resource: 'pods', name: 'web' } });
    expect(event.requestObject).toEqual({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'default' } });
    expect(event).toHaveProperty('responseObject');
  });

  test('who is nobody is recorded, without what was tried', async () => {
    const { serve, taken, events } = recorded({ level: 'Metadata' });
    await serve(edgeRequest('GET', '/api/v1/pods', as('not-the-secret')));
    expect(events()).toMatchObject([{ stage: 'ResponseStarted', user: {}, responseStatus: { code: 401, reason: 'Unauthorized' } }]);
    expect(taken.join()).not.toContain('not-the-secret');
  });

  test('secrets of requests are in no event', async () => {
    const { serve, taken } = recorded({ level: 'RequestResponse' });
    for (const token of [adminToken, janeToken]) await serve(edgeRequest('GET', '/api/v1/pods', as(token)));
    expect(taken.length).toBeGreaterThan(0);
    for (const token of [adminToken, janeToken]) expect(taken.join()).not.toContain(token);
  });

  test('of impersonation: who is spoken for', async () => {
    const { serve, events } = recorded({ level: 'Metadata', omitStages: ['RequestReceived'] });
    await serve(edgeRequest('GET', '/api/v1/pods', as(adminToken, { 'impersonate-user': 'jack' })));
    expect(events()).toMatchObject([{ impersonatedUser: { username: 'jack' } }]);
  });
});

describe('backends', () => {
  test('a file is rotated by size; old ones go', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'minke-audit-'));
    const clock = new VirtualClock({ settle: turn });
    const stop = new AbortController();
    const path = join(dir, 'audit.log');
    const common = { fs: systemFiles, clock, log: silentLogger, signal: stop.signal };
    const backend = createAuditLog({ ...common, path, bytesMax: 20, backupsMax: 2, keptMs: 0 });
    const running = backend.run();
    for (let i = 0; i < 5; i++) {
      backend.take(`{"event":"number ${i}"}`);
      const wanted = `number ${i}`;
      for (let n = 0; n < 1000 && !(readdirSync(dir).includes('audit.log') && readFileSync(path, 'utf8').includes(wanted)); n++)
        await new Promise((resolve) => setTimeout(resolve, 1));
      await clock.advance(1_000);
    }
    backend.take('{"event":"last"}');
    stop.abort();
    await running;
    expect(readFileSync(path, 'utf8')).toBe('{"event":"last"}\n');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(dir).sort()).toHaveLength(3);
    rmSync(dir, { recursive: true });
  });

  test('which old files go', () => {
    const clock = new VirtualClock({ settle: turn });
    const names = ['2025-12-31T23-59-59.000', '2025-12-30T00-00-00.000', '2025-12-29T00-00-00.000'].map((at) => `audit-${at}.log`);
    const gone = (backupsMax: number, days: number) =>
      tooOld([...names, 'audit-notes.log'], { stem: 'audit', ending: '.log' }, { backupsMax, keptMs: days * 86_400_000, clock });
    expect([gone(0, 0), gone(1, 0), gone(0, 1)]).toEqual([[], names.slice(1), names.slice(1)]);
  });

  test('a webhook gets batches, again when it fails; what is too much is lost and counted', async () => {
    const clock = new VirtualClock({ settle: turn });
    const stop = new AbortController();
    const posted: string[] = [];
    let failures = 1;
    let lost = 0;
    const post = async (body: string) => {
      if (failures-- > 0) throw new Error('down');
      posted.push(body);
    };
    const backend = createAuditWebhook({
      ...{ post, clock, random: new SeededRandom(1), log: silentLogger, signal: stop.signal },
      lost: () => lost++,
    });
    for (let i = 0; i < 10_001; i++) backend.take(String(i));
    expect(lost).toBe(1);
    const running = backend.run();
    await clock.advance(60_000);
    expect(posted).toHaveLength(25);
    expect(JSON.parse(posted[0] ?? '')).toMatchObject({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1' });
    expect(JSON.parse(posted[0] ?? '').items).toHaveLength(400);
    backend.take('"last"');
    await clock.advance(1_000);
    expect(posted).toHaveLength(25);
    stop.abort();
    await running;
    expect(JSON.parse(posted[25] ?? '').items).toEqual(['last']);
  });
});
