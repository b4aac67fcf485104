// Reviews, tokens and the checks against escalation, over the real core.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type KindDefinition, type KubeObject, servedKinds } from '../api/mod.ts';
import { SeededRandom, silentLogger } from '../base/mod.ts';
import { generateSigningKeyPem, openSigningKey } from '../base/ports/signing-key.ts';
import type { UserInfo } from '../client/mod.ts';
import { staticTokens } from './authn/static-tokens.ts';
import type { RequestContext, ResourceRequest } from './request.ts';
import { bodyOf, type Loose, startTestCore, type TestCore } from './testing/fixture.ts';

let core: TestCore;
const known = 'system:authenticated';
const jane: UserInfo = { name: 'jane', groups: ['dev', known] };
const fred: UserInfo = { name: 'fred', groups: [known] };
const admin: UserInfo = { name: 'admin', groups: ['system:masters', known] };
const apiGroup = 'rbac.authorization.k8s.io';
const issuer = 'https://kubernetes.default.svc.cluster.local';

const kindOf = (resource: string): KindDefinition => {
  const found = servedKinds.find((kind) => kind.resource === resource);
  if (!found) throw new Error(`no kind ${resource}`);
  return found;
};

async function create(user: UserInfo, resource: string, object: object, more: Partial<ResourceRequest> = {}): Promise<Loose> {
  const kind = kindOf(resource);
  const context: RequestContext = {
    user,
    clock: core.clock,
    random: new SeededRandom(5),
    log: silentLogger,
    signal: new AbortController().signal,
    userAgent: 'test',
    warn: () => {},
  };
  const namespace = kind.namespaced ? 'default' : undefined;
  const result = await core.core.execute({ verb: 'create', kind, namespace, body: bodyOf(object), ...more }, context);
  return (result.as === 'object' ? result.entry.object : result.as === 'other' ? result.object : {}) as Loose;
}

const role = (name: string, verbs: string[], resources: string[]) => ({
  metadata: { name },
  rules: [{ verbs, apiGroups: [''], resources }],
});
const binding = (name: string, kind: string, of: string, user: string) => ({
  metadata: { name },
  roleRef: { apiGroup, kind, name: of },
  subjects: [{ kind: 'User', apiGroup, name: user }],
});

beforeAll(async () => {
  core = await startTestCore({
    kinds: servedKinds,
    serviceAccountKey: openSigningKey(generateSigningKeyPem()),
    tokens: [staticTokens([{ token: 'static', user: { name: 'robot', groups: ['machines'] } }])],
  });
  await create(admin, 'roles', role('reader', ['get', 'list'], ['pods']));
  await create(admin, 'rolebindings', binding('jane-reads', 'Role', 'reader', 'jane'));
  const rules = [
    { verbs: ['create', 'update'], apiGroups: [apiGroup], resources: ['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'] },
    { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] },
  ];
  await create(admin, 'clusterroles', { metadata: { name: 'delegate' }, rules });
  await create(admin, 'clusterrolebindings', binding('fred-delegates', 'ClusterRole', 'delegate', 'fred'));
});
afterAll(() => core.stop());

describe('access reviews', () => {
  const pods = (verb: string, namespace = 'default') => ({ resourceAttributes: { verb, resource: 'pods', namespace } });
  const reason = 'RBAC: allowed by RoleBinding "jane-reads/default" of Role "reader" to User "jane"';

  test('may I', async () => {
    const ask = async (spec: object) => (await create(jane, 'selfsubjectaccessreviews', { spec })).status;
    expect(await ask(pods('get'))).toEqual({ allowed: true, reason });
    expect(await ask(pods('delete'))).toEqual({ allowed: false });
    expect(await ask({ nonResourceAttributes: { verb: 'get', path: '/apis' } })).toMatchObject({ allowed: true });
  });

  test('may somebody', async () => {
    const ask = async (spec: object) => (await create(admin, 'subjectaccessreviews', { spec })).status;
    expect(await ask({ ...pods('get'), user: 'jane' })).toEqual({ allowed: true, reason });
    expect(await ask({ ...pods('get'), user: 'eve' })).toEqual({ allowed: false });
    expect(await ask({ ...pods('delete'), user: 'eve', groups: ['system:masters'] })).toEqual({ allowed: true });
  });

  test('may somebody, in a namespace', async () => {
    const answer = await create(admin, 'localsubjectaccessreviews', { spec: { ...pods('get'), user: 'jane' } });
    expect(answer).toMatchObject({ metadata: { namespace: 'default' }, status: { allowed: true } });
  });

  test.each<[string, object, string]>([
    [
      'selfsubjectaccessreviews',
      {},
      'spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified',
    ],
    [
      'selfsubjectaccessreviews',
      { ...pods('get'), nonResourceAttributes: { path: '/' } },
      'cannot be specified in combination with resourceAttributes',
    ],
    ['subjectaccessreviews', pods('get'), 'spec.user: Invalid value: "": at least one of user or group must be specified'],
    [
      'localsubjectaccessreviews',
      { ...pods('get', 'other'), user: 'x' },
      'spec.resourceAttributes.namespace: Invalid value: "other": must match metadata.namespace',
    ],
    ['localsubjectaccessreviews', { nonResourceAttributes: { path: '/' }, user: 'x' }, 'disallowed on this kind of request'],
  ])('%s %j is refused', async (resource, spec, message) => {
    await expect(create(admin, resource, { spec })).rejects.toMatchObject({
      code: 422,
      message: expect.stringContaining(message) as string,
    });
  });

  test('what may I', async () => {
    const { status } = await create(jane, 'selfsubjectrulesreviews', { spec: { namespace: 'default' } });
    expect(status.incomplete).toBe(false);
    expect(status.resourceRules).toContainEqual({ verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] });
    expect(status.nonResourceRules).toContainEqual({
      verbs: ['get'],
      nonResourceURLs: expect.arrayContaining(['/api', '/apis/*']) as string[],
    });
    const elsewhere = await create(jane, 'selfsubjectrulesreviews', { spec: { namespace: 'kube-system' } });
    expect(elsewhere.status.resourceRules).not.toContainEqual({ verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] });
    await expect(create(jane, 'selfsubjectrulesreviews', { spec: {} })).rejects.toMatchObject({
      code: 400,
      message: 'no namespace on request',
    });
  });
});

describe('reviews of tokens and of oneself', () => {
  const review = async (spec: object) => (await create(admin, 'tokenreviews', { spec })).status;
  const tokenFor = async (audiences: readonly string[]) =>
    (await create(admin, 'serviceaccounts', { spec: { audiences } }, { name: 'default', subresource: 'token' })).status.token as string;

  test('who am I', async () => {
    expect((await create(jane, 'selfsubjectreviews', {})).status).toEqual({ userInfo: { username: 'jane', groups: ['dev', known] } });
  });

  test('a token of a service account', async () => {
    const status = await review({ token: await tokenFor([]) });
    expect(status).toMatchObject({ authenticated: true, audiences: [issuer], user: { username: 'system:serviceaccount:default:default' } });
    const vault = await tokenFor(['vault', 'db']);
    expect(await review({ token: vault, audiences: ['vault', 'other'] })).toMatchObject({ authenticated: true, audiences: ['vault'] });
    const refused = await review({ token: vault });
    expect(refused.authenticated).toBeUndefined();
    expect(refused.error).toContain('is invalid for the target audiences');
  });

  test('others', async () => {
    expect(await review({ token: 'static' })).toEqual({
      authenticated: true,
      audiences: [issuer],
      user: { username: 'robot', groups: ['machines', known] },
    });
    expect(await review({ token: 'static', audiences: ['vault'] })).toEqual({ error: 'invalid bearer token' });
    expect(await review({ token: 'nonsense' })).toEqual({ error: 'invalid bearer token' });
    await expect(review({})).rejects.toMatchObject({ code: 400, message: 'token is required for TokenReview in authentication' });
  });
});

describe('nobody grants what they do not have', () => {
  const refusal = (what: string, rules: string) =>
    `${what} is forbidden: user "fred" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n${rules}`;

  test.each<[string, string, KubeObject, string | undefined]>([
    ["a role within one's own", 'roles', role('r1', ['get'], ['pods']), undefined],
    [
      'a role beyond',
      'roles',
      role('r2', ['get', 'delete'], ['pods']),
      refusal(`roles.${apiGroup} "r2"`, '{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}'),
    ],
    [
      'a cluster role beyond',
      'clusterroles',
      role('r3', ['get'], ['secrets']),
      refusal(`clusterroles.${apiGroup} "r3"`, '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}'),
    ],
    [
      'a role that gathers',
      'clusterroles',
      { metadata: { name: 'r4' }, ...{ aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] } } },
      `clusterroles.${apiGroup} "r4" is forbidden: must have cluster-admin privileges to use an aggregationRule`,
    ],
    ['a binding within', 'rolebindings', binding('b1', 'Role', 'reader', 'eve'), undefined],
    ['a binding to a role that is not there', 'rolebindings', binding('b2', 'Role', 'nope', 'eve'), `role.${apiGroup} "nope" not found`],
  ])('%s', async (_name, resource, object, message) => {
    const made = create(fred, resource, object).then(
      () => undefined,
      (error: unknown) => (error as Error).message,
    );
    expect(await made).toBe(message);
  });

  test('a binding beyond', async () => {
    await expect(create(fred, 'clusterrolebindings', binding('b3', 'ClusterRole', 'cluster-admin', 'fred'))).rejects.toMatchObject({
      code: 403,
      message: refusal(
        `clusterrolebindings.${apiGroup} "b3"`,
        '{APIGroups:["*"], Resources:["*"], Verbs:["*"]}\n{NonResourceURLs:["*"], Verbs:["*"]}',
      ),
    });
  });

  test('who may bind or escalate, may', async () => {
    const rules = [
      { verbs: ['bind'], apiGroups: [apiGroup], resources: ['clusterroles'], resourceNames: ['view'] },
      { verbs: ['escalate'], apiGroups: [apiGroup], resources: ['roles'] },
    ];
    await create(admin, 'clusterroles', { metadata: { name: 'more' }, rules });
    await create(admin, 'clusterrolebindings', binding('gina-more', 'ClusterRole', 'more', 'gina'));
    const gina = { name: 'gina', groups: [known] };
    await expect(create(gina, 'rolebindings', binding('b4', 'ClusterRole', 'view', 'eve'))).resolves.toBeDefined();
    await expect(create(gina, 'rolebindings', binding('b6', 'ClusterRole', 'cluster-admin', 'eve'))).rejects.toMatchObject({ code: 403 });
    await expect(create(gina, 'roles', role('r5', ['*'], ['*']))).resolves.toBeDefined();
    await expect(create(gina, 'clusterroles', role('r6', ['*'], ['*']))).rejects.toMatchObject({ code: 403 });
  });

  test('finalizers and owners may change: the garbage collector does its work', async () => {
    const standing = await create(admin, 'roles', role('r7', ['*'], ['secrets']));
    const next = { ...standing, metadata: { ...standing.metadata, finalizers: ['acme.com/hold'] } };
    await expect(create(fred, 'roles', next, { verb: 'update', name: 'r7' })).resolves.toBeDefined();
    const labelled = { ...standing, metadata: { ...standing.metadata, resourceVersion: undefined, labels: { a: 'b' } } };
    await expect(create(fred, 'roles', labelled, { verb: 'update', name: 'r7' })).rejects.toMatchObject({ code: 403 });
  });
});
