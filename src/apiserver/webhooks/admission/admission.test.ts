// Admission webhooks on a real HTTPS server, asked by a real core: which are asked, what they are told, and what comes of what they say.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type KindDefinition, type KubeObject, servedKinds } from '../../../api/mod.ts';
import { bodyOf, configMapOf, jsonBody, type Loose, podOf, startTestCore, type TestCore, type TestRequest } from '../../testing/fixture.ts';
import { type Asked, type Say, startTestWebhook, type TestWebhook } from '../../testing/webhook-server.ts';

const kindOf = (resource: string, group?: string, version?: string): KindDefinition => {
  const found = servedKinds.find(
    (kind) =>
      kind.resource === resource && (group === undefined || kind.group === group) && (version === undefined || kind.version === version),
  );
  if (!found) throw new Error(`${resource} is not served`);
  return found;
};
const configMaps = kindOf('configmaps');
const namespaces = kindOf('namespaces');
const pods = kindOf('pods');
const mutatingConfigurations = kindOf('mutatingwebhookconfigurations');
const validatingConfigurations = kindOf('validatingwebhookconfigurations');

let server: TestWebhook;
/** What each path answers. */
let say: Record<string, (asked: Asked) => Say | Promise<Say>> = {};
beforeAll(async () => {
  server = await startTestWebhook({ answer: (asked) => say[asked.path.split('?')[0] ?? '']?.(asked) ?? allow(asked) });
});
afterAll(() => server.close());

let on: TestCore;
beforeEach(async () => {
  on = await startTestCore({ kinds: servedKinds });
  server.asked.length = 0;
  say = {};
});
afterEach(() => on.stop());

const review = ({ body }: Asked, response: object) => ({
  apiVersion: body.apiVersion,
  kind: 'AdmissionReview',
  response: { uid: body.request.uid, ...response },
});
const allow = (asked: Asked) => review(asked, { allowed: true });
const deny = (status?: object) => (asked: Asked) => review(asked, { allowed: false, ...(status ? { status } : {}) });
const patched = (asked: Asked, ...operations: object[]) =>
  review(asked, { allowed: true, patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(operations)).toString('base64') });
const setKey = (key: string, value: string) => (asked: Asked) => patched(asked, { op: 'add', path: `/data/${key}`, value });

const anyRule = { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] };
const onConfigMaps = { operations: ['CREATE', 'UPDATE', 'DELETE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] };

const hook = (path: string, more: object = {}) => ({
  name: `${path.slice(1)}.hooks.example`,
  clientConfig: { url: `${server.url}${path}`, caBundle: server.caBundle },
  rules: [onConfigMaps],
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
  ...more,
});
const configure = (kind: KindDefinition, name: string, ...webhooks: object[]) =>
  on.create(kind, { apiVersion: 'admissionregistration.k8s.io/v1', kind: kind.kind, metadata: { name }, webhooks } as Loose);
const validate = (...webhooks: object[]) => configure(validatingConfigurations, 'v', ...webhooks);
const mutate = (...webhooks: object[]) => configure(mutatingConfigurations, 'm', ...webhooks);
const create = (name: string, data = {}, query?: TestRequest['query']) =>
  on.call({ verb: 'create', kind: configMaps, body: bodyOf(configMapOf(name, data)), query });
const refused = (request: Partial<TestRequest> = {}) =>
  on.fail({ verb: 'create', kind: configMaps, body: bodyOf(configMapOf('a')), ...request });
const paths = () => server.asked.map(({ path }) => path.split('?')[0]);

describe('what a webhook is told', () => {
  test('a create', async () => {
    await validate(hook('/v', { timeoutSeconds: 7 }));
    await create('a', { k: '1' }, { fieldManager: 'me', dryRun: 'All' });
    const [asked] = server.asked;
    expect(asked?.path).toBe('/v?timeout=7s');
    expect(asked?.body).toMatchObject({
      kind: 'AdmissionReview',
      apiVersion: 'admission.k8s.io/v1',
      request: {
        uid: expect.stringMatching(/^[0-9a-f-]{36}$/),
        kind: { group: '', version: 'v1', kind: 'ConfigMap' },
        resource: { group: '', version: 'v1', resource: 'configmaps' },
        requestKind: { group: '', version: 'v1', kind: 'ConfigMap' },
        requestResource: { group: '', version: 'v1', resource: 'configmaps' },
        name: 'a',
        namespace: 'default',
        operation: 'CREATE',
        userInfo: { username: 'admin', groups: ['system:masters'] },
        object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'default' }, data: { k: '1' } },
        oldObject: null,
        dryRun: true,
        options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1', fieldManager: 'me', dryRun: ['All'] },
      },
    });
    expect(asked?.body.request).not.toHaveProperty('subResource');
  });

  test('an update, and the patch that is one', async () => {
    await create('a', { k: '1' });
    await validate(hook('/v'));
    await on.call({ verb: 'update', kind: configMaps, name: 'a', body: bodyOf(configMapOf('a', { k: '2' })) });
    const patchType = 'application/merge-patch+json';
    await on.call({ verb: 'patch', kind: configMaps, name: 'a', patchType, body: bodyOf({ data: { k: '3' } }) });
    const requests = server.asked.map(({ body }) => body.request);
    expect(requests.map(({ oldObject, object }) => [oldObject.data.k, object.data.k])).toEqual([
      ['1', '2'],
      ['2', '3'],
    ]);
    expect(requests.map(({ operation, options }) => [operation, options.kind])).toEqual([
      ['UPDATE', 'UpdateOptions'],
      ['UPDATE', 'UpdateOptions'],
    ]);
  });

  test('a delete, and each delete of a collection', async () => {
    await create('a');
    await create('b');
    await create('c');
    await validate(hook('/v'));
    await on.run({ verb: 'delete', kind: configMaps, name: 'a', body: bodyOf({ propagationPolicy: 'Background' }) });
    expect(server.asked[0]?.body.request).toMatchObject({
      operation: 'DELETE',
      name: 'a',
      object: null,
      oldObject: { metadata: { name: 'a' } },
      options: { kind: 'DeleteOptions', propagationPolicy: 'Background' },
    });
    await on.run({ verb: 'deletecollection', kind: configMaps });
    expect(server.asked.slice(1).map(({ body }) => body.request.name)).toEqual(['b', 'c']);
  });

  test('subresources: a status, a scale, a binding, an eviction', async () => {
    await on.create(kindOf('serviceaccounts'), { metadata: { name: 'default', namespace: 'default' } }).catch(() => {});
    const deployments = kindOf('deployments', 'apps');
    const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    await on.create(deployments, {
      metadata: { name: 'd', namespace: 'default' },
      spec: { selector: { matchLabels: { a: 'b' } }, template },
    });
    await on.create(pods, podOf('web'));
    await validate(hook('/v', { rules: [{ ...anyRule, resources: ['*/*'] }] }));
    await on.call({
      verb: 'update',
      kind: pods,
      name: 'web',
      subresource: 'status',
      body: bodyOf(podOf('web', { status: { phase: 'Failed' } })),
    });
    const patchType = 'application/merge-patch+json';
    await on.call({
      verb: 'patch',
      kind: deployments,
      name: 'd',
      subresource: 'scale',
      patchType,
      body: bodyOf({ spec: { replicas: 3 } }),
    });
    const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'web' }, target: { kind: 'Node', name: 'n' } };
    await on.run({ verb: 'create', kind: pods, name: 'web', subresource: 'binding', body: jsonBody(binding) });
    await on.run({ verb: 'create', kind: pods, name: 'web', subresource: 'eviction', body: jsonBody({ metadata: { name: 'web' } }) });
    const told = server.asked.map(({ body: { request } }) => [
      request.operation,
      request.subResource,
      request.kind.kind,
      request.resource.resource,
    ]);
    expect(told).toEqual([
      ['UPDATE', 'status', 'Pod', 'pods'],
      ['UPDATE', 'scale', 'Scale', 'deployments'],
      ['CREATE', 'binding', 'Binding', 'pods'],
      ['CREATE', 'eviction', 'Eviction', 'pods'],
    ]);
    expect(server.asked[1]?.body.request).toMatchObject({
      object: { spec: { replicas: 3 } },
      oldObject: { kind: 'Scale', spec: { replicas: 1 } },
    });
    expect(server.asked[2]?.body.request).toMatchObject({ name: 'web', object: { kind: 'Binding', target: { name: 'n' } } });
    expect(server.asked[3]?.body.request.kind).toEqual({ group: 'policy', version: 'v1', kind: 'Eviction' });
  });

  test('a connection', async () => {
    await validate(hook('/v', { rules: [{ ...anyRule, operations: ['CONNECT'], resources: ['pods/attach'] }] }));
    say['/v'] = deny({ message: "attaching to pod 'to-be-attached-pod' is not allowed" });
    const context = { user: { name: 'jane', groups: [] }, warn: () => {}, signal: new AbortController().signal } as never;
    const query = { container: 'c', stdin: 'true', command: ['sh', '-c'] };
    const connect = (subresource: string) =>
      on.core.admitConnect({ kind: pods, namespace: 'default', name: 'web', subresource, query }, context);
    await connect('exec');
    await connect('log');
    expect(server.asked).toEqual([]);
    await expect(connect('attach')).rejects.toThrow("denied the request: attaching to pod 'to-be-attached-pod' is not allowed");
    expect(server.asked[0]?.body.request).toMatchObject({
      operation: 'CONNECT',
      kind: { group: '', version: 'v1', kind: 'PodAttachOptions' },
      resource: { resource: 'pods' },
      subResource: 'attach',
      object: { kind: 'PodAttachOptions', apiVersion: 'v1', container: 'c', stdin: true },
      oldObject: null,
    });
  });

  test('the version that its rule names, whichever was used', async () => {
    const v1 = kindOf('horizontalpodautoscalers', 'autoscaling', 'v1');
    const rule = { ...anyRule, apiGroups: ['autoscaling'], apiVersions: ['v2'], resources: ['horizontalpodautoscalers'] };
    await mutate(hook('/equivalent', { rules: [rule] }), hook('/exact', { rules: [rule], matchPolicy: 'Exact' }));
    say['/equivalent'] = (asked) => patched(asked, { op: 'replace', path: '/spec/maxReplicas', value: 7 });
    const spec = {
      maxReplicas: 5,
      targetCPUUtilizationPercentage: 50,
      scaleTargetRef: { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' },
    };
    const made = await on.call({ verb: 'create', kind: v1, body: jsonBody({ metadata: { name: 'h' }, spec }) });
    expect(paths()).toEqual(['/equivalent']);
    expect(server.asked[0]?.body.request).toMatchObject({
      kind: { group: 'autoscaling', version: 'v2', kind: 'HorizontalPodAutoscaler' },
      resource: { version: 'v2' },
      requestKind: { version: 'v1' },
      requestResource: { version: 'v1' },
      object: { apiVersion: 'autoscaling/v2', spec: { metrics: [{ type: 'Resource' }] } },
    });
    expect(made).toMatchObject({ apiVersion: 'autoscaling/v1', spec: { maxReplicas: 7, targetCPUUtilizationPercentage: 50 } });
  });

  test('as v1beta1, where it knows nothing newer', async () => {
    await validate(hook('/v', { admissionReviewVersions: ['v0', 'v1beta1'] }));
    say['/v'] = (asked) => ({ response: { allowed: asked.body.apiVersion === 'admission.k8s.io/v1beta1' } });
    await create('a');
  });
});

describe('who is asked', () => {
  const ns = (name: string, labels: Record<string, string>) => on.create(namespaces, { metadata: { name, labels } });

  test('nobody, while nothing is configured; and nobody any more when it is gone', async () => {
    await create('a');
    await validate(hook('/v'));
    await create('b');
    await on.run({ verb: 'delete', kind: validatingConfigurations, name: 'v' });
    await create('c');
    expect(server.asked.map(({ body }) => body.request.name)).toEqual(['b']);
  });

  test('by namespace', async () => {
    await ns('open', { hooks: 'no' });
    await ns('closed', { hooks: 'yes' });
    await validate(hook('/v', { namespaceSelector: { matchLabels: { hooks: 'yes' } }, rules: [anyRule] }));
    for (const namespace of ['open', 'closed', 'default']) await on.create(configMaps, configMapOf('a', {}, { namespace }));
    // Cluster-scoped objects always, namespaces by their own labels.
    await on.create(kindOf('priorityclasses'), { metadata: { name: 'p' }, value: 1 } as Loose);
    await ns('other', { hooks: 'yes' });
    await ns('another', {});
    expect(server.asked.map(({ body }) => body.request.namespace ?? body.request.name)).toEqual(['closed', 'p', 'other']);
  });

  test('by object: as it stands, or as it is to stand', async () => {
    await validate(hook('/v', { objectSelector: { matchExpressions: [{ key: 'ask', operator: 'Exists' }] } }));
    const put = (labels: Record<string, string>) =>
      on.call({ verb: 'update', kind: configMaps, name: 'a', body: bodyOf(configMapOf('a', {}, { labels })) });
    await create('a');
    await put({ ask: '' });
    await put({});
    await put({ b: '' });
    expect(server.asked.map(({ body }) => body.request.operation)).toEqual(['UPDATE', 'UPDATE']);
  });

  test.each([
    ['all resources, without subresources', { resources: ['*'] }, true],
    ['another resource', { resources: ['secrets'] }, false],
    ['a subresource', { resources: ['configmaps/status'] }, false],
    ['everything', { resources: ['*/*'] }, true],
    ['another group', { apiGroups: ['apps'] }, false],
    ['another version', { apiVersions: ['v2'] }, false],
    ['another operation', { operations: ['UPDATE'] }, false],
    ['cluster-scoped things', { scope: 'Cluster' }, false],
    ['things in namespaces', { scope: 'Namespaced' }, true],
  ])('by rule: %s', async (_, rule, asked) => {
    await validate(hook('/v', { rules: [{ ...anyRule, ...rule }] }));
    await create('a');
    expect(server.asked).toHaveLength(asked ? 1 : 0);
  });

  test('by condition', async () => {
    const conditions = (...expressions: string[]) => ({
      matchConditions: expressions.map((expression, i) => ({ name: `c${i}`, expression })),
    });
    const mine = 'object.metadata.name != "skip-me"';
    await validate(
      hook('/v', conditions(mine, 'request.userInfo.username == "admin"', 'authorizer.requestResource.check("get").allowed()')),
    );
    await mutate(hook('/m', conditions(mine)));
    for (const name of ['a', 'skip-me']) await create(name);
    expect(server.asked.map(({ path, body }) => [path.split('?')[0], body.request.name])).toEqual([
      ['/m', 'a'],
      ['/v', 'a'],
    ]);
  });

  test.each([
    ['Fail', true],
    ['Ignore', false],
  ])('by a condition that comes to an error: %s', async (failurePolicy, fails) => {
    const matchConditions = [
      { name: 'broken', expression: 'object.data.nothing == "x"' },
      { name: 'fine', expression: 'object.metadata.name != "b"' },
    ];
    await validate(hook('/v', { failurePolicy, matchConditions }));
    if (fails) expect(await refused()).toMatchObject({ code: 403, message: expect.stringContaining('no such key: nothing') });
    else await create('a');
    // One that is false outweighs the error.
    await create('b');
    expect(server.asked).toEqual([]);
  });

  test('never about configurations of webhooks and policies', async () => {
    say['/v'] = deny();
    say['/m'] = (asked) => patched(asked, { op: 'add', path: '/metadata/labels', value: { mutated: 'yes' } });
    const everything = { rules: [{ ...anyRule, apiGroups: ['admissionregistration.k8s.io'] }] };
    await validate(hook('/v', everything));
    await mutate(hook('/m', everything));
    const made = await configure(validatingConfigurations, 'other', hook('/x'));
    expect(made.metadata?.labels).toBeUndefined();
    await on.run({ verb: 'delete', kind: validatingConfigurations, name: 'other' });
    expect(server.asked).toEqual([]);
  });
});

describe('refusals', () => {
  test.each([
    ['without a word', undefined, 400, 'without explanation', ''],
    ['with a message', { message: 'no way' }, 400, ': no way', ''],
    ['with a reason', { reason: 'Forbidden', code: 403 }, 403, ': Forbidden', 'Forbidden'],
    ['with a code that is none', { code: 200, message: 'ok?' }, 400, ': ok?', ''],
    ['with a code that is a lie', { code: 99999, message: 'x' }, 400, ': x', ''],
  ])('%s', async (_, status, code, text, reason) => {
    await validate(hook('/v'));
    say['/v'] = deny(status);
    const error = await refused();
    expect(error).toMatchObject({ code, reason });
    expect(error.message).toBe(`admission webhook "v.hooks.example" denied the request${text.startsWith(':') ? '' : ' '}${text}`);
    expect(on.core.registry.of(configMaps).get('default', 'a')).toBeUndefined();
  });

  test('the first in order is told, whoever is quicker', async () => {
    await configure(validatingConfigurations, 'b', hook('/quick'));
    await configure(validatingConfigurations, 'a', hook('/slow'));
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    say['/slow'] = async (asked) => {
      await held;
      return deny({ message: 'slow' })(asked);
    };
    say['/quick'] = (asked) => {
      release();
      return deny({ message: 'quick' })(asked);
    };
    expect((await refused()).message).toContain('slow');
    expect(paths().sort()).toEqual(['/quick', '/slow']);
  });

  test('of updates and deletes', async () => {
    await create('a');
    await validate(hook('/v'));
    say['/v'] = deny();
    await refused({ verb: 'update', name: 'a', body: bodyOf(configMapOf('a', { k: '1' })) });
    await refused({ verb: 'delete', name: 'a', body: undefined });
    expect(on.core.registry.of(configMaps).get('default', 'a')?.object).not.toHaveProperty('data.k');
  });

  test('warnings and audit annotations reach the client and the log', async () => {
    await validate(hook('/v'));
    say['/v'] = (asked) => review(asked, { allowed: true, warnings: ['careful', 7], auditAnnotations: { why: 'because' } });
    const notes: string[] = [];
    const request = { verb: 'create', kind: configMaps, namespace: 'default', body: bodyOf(configMapOf('a')) } as const;
    const context = {
      user: { name: 'jane', groups: [] },
      clock: on.clock,
      random: { uuid: () => 'u' },
      userAgent: 't',
      warn: (text: string) => on.warnings.push(text),
      annotate: (key: string, value: string) => notes.push(`${key}=${value}`),
      signal: new AbortController().signal,
    };
    await on.core.execute(request, context as never);
    expect(on.warnings).toEqual(['careful']);
    expect(notes).toEqual(['v.hooks.example/why=because']);
  });
});

describe('mutation', () => {
  test('in order, each seeing what the one before has done', async () => {
    await configure(mutatingConfigurations, 'b', hook('/two'));
    await configure(mutatingConfigurations, 'a', hook('/one'), hook('/nothing'));
    say['/one'] = setKey('one', '1');
    say['/two'] = (asked) => (asked.body.request.object.data.one ? setKey('two', '2')(asked) : allow(asked));
    expect((await create('a', { k: 'v' })).data).toEqual({ k: 'v', one: '1', two: '2' });
    expect(paths()).toEqual(['/one', '/nothing', '/two']);
  });

  test('is defaulted and checked like what clients send', async () => {
    await on.create(kindOf('serviceaccounts'), { metadata: { name: 'default', namespace: 'default' } }).catch(() => {});
    await mutate(hook('/m', { rules: [{ ...anyRule, resources: ['pods'] }] }));
    const container = { name: 'webhook-added-init-container', image: 'webhook-added-image', nonsense: true };
    say['/m'] = (asked) => patched(asked, { op: 'add', path: '/spec/initContainers', value: [container] });
    const made = await on.create(pods, podOf('web'));
    expect(made.spec.initContainers).toMatchObject([{ image: 'webhook-added-image', terminationMessagePolicy: 'File' }]);
    expect(made.spec.initContainers[0]).not.toHaveProperty('nonsense');
    say['/m'] = (asked) => patched(asked, { op: 'replace', path: '/spec/containers/0/name', value: 'Not A Name' });
    expect((await on.fail({ verb: 'create', kind: pods, body: bodyOf(podOf('b')) })).code).toBe(422);
  });

  test('what the server says of an object stays', async () => {
    const made = await create('a', { k: '1' });
    await mutate(hook('/m'));
    say['/m'] = (asked) =>
      patched(
        asked,
        { op: 'replace', path: '/metadata/uid', value: 'mine' },
        { op: 'replace', path: '/metadata/creationTimestamp', value: '2000-01-01T00:00:00Z' },
        { op: 'add', path: '/metadata/deletionTimestamp', value: '2000-01-01T00:00:00Z' },
        { op: 'add', path: '/metadata/labels', value: { a: 'b' } },
      );
    const next = await on.call({ verb: 'update', kind: configMaps, name: 'a', body: bodyOf(configMapOf('a', { k: '2' })) });
    const { uid, creationTimestamp } = made.metadata ?? {};
    expect(next.metadata).toMatchObject({ uid, creationTimestamp, labels: { a: 'b' } });
    expect(next.metadata).not.toHaveProperty('deletionTimestamp');
    say['/m'] = (asked) => patched(asked, { op: 'replace', path: '/metadata/namespace', value: 'kube-system' });
    expect((await refused({ body: bodyOf(configMapOf('b')) })).message).toContain('the namespace of the provided object does not match');
  });

  test('through status nothing of the spec is changed', async () => {
    await on.create(kindOf('serviceaccounts'), { metadata: { name: 'default', namespace: 'default' } }).catch(() => {});
    await on.create(pods, podOf('web'));
    await mutate(hook('/m', { rules: [{ ...anyRule, resources: ['pods/status'] }] }));
    say['/m'] = (asked) =>
      patched(
        asked,
        { op: 'replace', path: '/spec/containers/0/image', value: 'evil' },
        { op: 'add', path: '/status/message', value: 'seen' },
      );
    const body = bodyOf(podOf('web', { status: { phase: 'Failed' } }));
    const next = await on.call({ verb: 'update', kind: pods, name: 'web', subresource: 'status', body });
    expect(next.spec.containers[0].image).toBe('i');
    expect(next.status).toMatchObject({ phase: 'Failed', message: 'seen' });
  });

  test('of a scale reaches the object', async () => {
    const deployments = kindOf('deployments', 'apps');
    const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    await on.create(deployments, {
      metadata: { name: 'd', namespace: 'default' },
      spec: { selector: { matchLabels: { a: 'b' } }, template },
    });
    await mutate(hook('/m', { rules: [{ ...anyRule, resources: ['deployments/scale'] }] }));
    say['/m'] = (asked) => patched(asked, { op: 'replace', path: '/spec/replicas', value: 2 });
    const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'd' }, spec: { replicas: 9 } };
    await on.call({ verb: 'update', kind: deployments, name: 'd', subresource: 'scale', body: bodyOf(scale) });
    expect((await on.call({ verb: 'get', kind: deployments, name: 'd' })).spec.replicas).toBe(2);
  });

  test('of a delete is an error', async () => {
    await create('a');
    await mutate(hook('/m'));
    say['/m'] = setKey('k', 'v');
    expect(await refused({ verb: 'delete', name: 'a', body: undefined })).toMatchObject({
      code: 500,
      message:
        'Internal error occurred: admission webhook "m.hooks.example" attempted to modify the object, which is not supported for this operation',
    });
  });

  test('whoever wants it is asked again when somebody later has changed something, once', async () => {
    await mutate(hook('/first', { reinvocationPolicy: 'IfNeeded' }), hook('/once'), hook('/last', { reinvocationPolicy: 'IfNeeded' }));
    let count = 0;
    say['/last'] = (asked) => setKey('last', String(++count))(asked);
    const made = await create('a', { k: 'v' });
    // The last one changes something itself in the second run, after which nobody is asked any more.
    expect(paths()).toEqual(['/first', '/once', '/last', '/first']);
    expect(made.data).toEqual({ k: 'v', last: '1' });
  });

  test('a patch that changes nothing asks nobody again', async () => {
    await mutate(hook('/first', { reinvocationPolicy: 'IfNeeded' }), hook('/last'));
    say['/last'] = setKey('k', 'v');
    await create('a', { k: 'v' });
    expect(paths()).toEqual(['/first', '/last']);
  });

  test('what is added by admission belongs to nobody', async () => {
    await mutate(hook('/m'));
    say['/m'] = setKey('added', '1');
    const made = await create('a', { k: 'v' });
    expect(made.metadata?.managedFields?.[0]?.fieldsV1).toEqual({ 'f:data': { '.': {}, 'f:k': {} } });
  });
});

describe('webhooks that fail', () => {
  const cases: [string, (asked: Asked) => Say, string][] = [
    [
      'no JSON',
      () => 'yes',
      "failed to call webhook: couldn't get version/kind; json parse error: invalid character 'y' looking for beginning of value",
    ],
    ['half of it', () => '{"response":{"allowed":true', 'failed to call webhook: '],
    ['nested without end', () => '['.repeat(5000), 'failed to call webhook: json parse error: exceeded max depth'],
    [
      'no response',
      ({ body }) => ({ apiVersion: body.apiVersion, kind: 'AdmissionReview' }),
      'received invalid webhook response: webhook response was absent',
    ],
    [
      'another request’s uid',
      (asked) => ({ ...allow(asked), response: { uid: 'x', allowed: true } }),
      'received invalid webhook response: expected response.uid="',
    ],
    [
      'another kind',
      (asked) => ({ ...allow(asked), kind: 'Pod' }),
      'expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got admission.k8s.io/v1, Kind=Pod',
    ],
    ['an answer that is no boolean', (asked) => review(asked, { allowed: 'true' }), 'response.allowed must be a boolean, got "true"'],
    [
      'an error',
      () => ({ status: 500, text: 'oops' }),
      'failed to call webhook: an error on the server ("oops") has prevented the request from succeeding',
    ],
    ['a broken connection', () => 'drop', 'failed to call webhook: Post "'],
  ];

  test.each(cases)('%s: refused or ignored, as the policy says', async (_, answer, text) => {
    say['/v'] = answer;
    await validate(hook('/v'));
    const error = await refused();
    expect(error).toMatchObject({ code: 500, reason: 'InternalError' });
    expect(error.message).toContain(`Internal error occurred: failed calling webhook "v.hooks.example": `);
    expect(error.message).toContain(text);
    await on.run({ verb: 'delete', kind: validatingConfigurations, name: 'v' });
    await validate(hook('/v', { failurePolicy: 'Ignore' }));
    await create('a');
  });

  test.each<[string, object, string]>([
    ['patch without type', { patch: 'W10=' }, 'webhook returned response.patch but not response.patchType'],
    ['type without patch', { patchType: 'JSONPatch' }, 'webhook returned response.patchType but not response.patch'],
    ['unknown type', { patchType: 'Merge', patch: 'W10=' }, 'unsupported patch type "Merge"'],
  ])('a mutating one that answers with a %s', async (_, response, text) => {
    await mutate(hook('/m'));
    say['/m'] = (asked) => review(asked, { allowed: true, ...response });
    expect((await refused()).message).toContain(text);
  });

  test('a validating one that wants to change something', async () => {
    await validate(hook('/v'));
    say['/v'] = setKey('k', 'v');
    expect((await refused()).message).toContain('validating webhook may not return response.patch');
  });

  test.each<[string, unknown, string]>([
    ['is no JSON', 'nope', 'Internal error occurred: '],
    ['is no list', { op: 'add' }, 'Internal error occurred: '],
    [
      'does not fit',
      [{ op: 'remove', path: '/data/nothing' }],
      'Internal error occurred: remove operation does not apply: doc is missing path: /data/nothing',
    ],
    ['makes no object', [{ op: 'replace', path: '/data', value: 'text' }], 'Internal error occurred: '],
    ['makes another kind', [{ op: 'replace', path: '/kind', value: 'Secret' }], 'Internal error occurred: '],
    ['reaches for the prototype', [{ op: 'add', path: '/__proto__/polluted', value: 1 }], 'Internal error occurred: '],
  ])('a patch that %s is an error, whatever the policy says', async (_, patch, text) => {
    await mutate(hook('/m', { failurePolicy: 'Ignore' }));
    const bytes = Buffer.from(typeof patch === 'string' ? patch : JSON.stringify(patch)).toString('base64');
    say['/m'] = (asked) => review(asked, { allowed: true, patchType: 'JSONPatch', patch: bytes });
    const error = await refused();
    expect(error.code).toBe(500);
    expect(error.message).toContain(text);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test('one that hangs is given up at its time', async () => {
    await validate(hook('/hangs', { timeoutSeconds: 3 }));
    let arrived = () => {};
    const asked = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    say['/hangs'] = () => {
      arrived();
      return 'hang';
    };
    const waiting = refused();
    await asked;
    await on.clock.advance(2999);
    await on.clock.advance(1);
    expect((await waiting).message).toBe(
      `Internal error occurred: failed calling webhook "hangs.hooks.example": failed to call webhook: Post "${server.url}/hangs?timeout=3s": context deadline exceeded`,
    );
  });

  test('one that nobody can reach', async () => {
    await validate(hook('/v', { clientConfig: { service: { name: 'gone', namespace: 'default', path: '/x' } } }));
    expect((await refused()).message).toBe(
      'Internal error occurred: failed calling webhook "v.hooks.example": failed to call webhook: Post "https://gone.default.svc:443/x?timeout=10s": service "gone" not found',
    );
  });

  test('one without a CA bundle for a server that nobody knows', async () => {
    await validate(hook('/v', { clientConfig: { url: `${server.url}/v` } }));
    expect((await refused()).message).toContain('x509: certificate signed by unknown authority');
  });

  test('what is only tried is asked about, as such webhooks say that it does nothing', async () => {
    await validate(hook('/v', { sideEffects: 'NoneOnDryRun' }));
    await create('a', {}, { dryRun: 'All' });
    expect(server.asked).toHaveLength(1);
  });

  test('a flood is answered, over a bounded number of connections', async () => {
    await validate(hook('/v'));
    const before = server.connections();
    await Promise.all(Array.from({ length: 300 }, (_, i) => create(`c-${i}`)));
    expect(server.asked).toHaveLength(300);
    expect(server.connections() - before).toBeLessThanOrEqual(128);
  });
});

test('an object of somebody else’s making is told apart from the webhook’s', async () => {
  const object: KubeObject = configMapOf('a', { k: 'v' });
  await mutate(hook('/m'));
  say['/m'] = setKey('added', '1');
  await on.create(configMaps, object);
  expect(object).toEqual(configMapOf('a', { k: 'v' }));
});
