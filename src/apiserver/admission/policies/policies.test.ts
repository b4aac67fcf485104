// Admission policies asked by a real core: what they see, what they refuse, warn of, note and change.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type KindDefinition, servedKinds } from '../../../api/mod.ts';
import { bodyOf, configMapOf, type Loose, podOf, startTestCore, type TestCore, type TestRequest } from '../../testing/fixture.ts';

const kindOf = (resource: string, group?: string, version?: string): KindDefinition => {
  const found = servedKinds.find(
    (kind) =>
      kind.resource === resource && (group === undefined || kind.group === group) && (version === undefined || kind.version === version),
  );
  if (!found) throw new Error(`${resource} is not served`);
  return found;
};
const configMaps = kindOf('configmaps');
const deployments = kindOf('deployments', 'apps');
const namespaces = kindOf('namespaces');

let on: TestCore;
beforeEach(async () => {
  on = await startTestCore({ kinds: servedKinds });
});
afterEach(() => on.stop());

const rulesFor = (resource: string, group = '', version = 'v1') => ({
  resourceRules: [{ apiGroups: [group], apiVersions: [version], operations: ['*'], resources: [resource] }],
});

const policyKinds = { Validating: kindOf('validatingadmissionpolicies'), Mutating: kindOf('mutatingadmissionpolicies') };
const bindingKinds = { Validating: kindOf('validatingadmissionpolicybindings'), Mutating: kindOf('mutatingadmissionpolicybindings') };

const validating = (name: string, spec: object, binding: object = {}) =>
  inForce('Validating', name, spec, { validationActions: ['Deny'], ...binding });
const mutating = (name: string, spec: object, binding: object = {}) =>
  inForce('Mutating', name, { reinvocationPolicy: 'Never', ...spec }, binding);
async function inForce(sort: 'Validating' | 'Mutating', name: string, spec: object, binding: object): Promise<void> {
  const matchConstraints = rulesFor('configmaps');
  await on.create(policyKinds[sort], { metadata: { name }, spec: { matchConstraints, ...spec } } as Loose);
  await on.create(bindingKinds[sort], { metadata: { name: `${name}-binding` }, spec: { policyName: name, ...binding } } as Loose);
}
const create = (name: string, data = {}, more: Partial<TestRequest> = {}) =>
  on.call({ verb: 'create', kind: configMaps, body: bodyOf(configMapOf(name, data)), ...more });
const refused = (name: string, data = {}, more: Partial<TestRequest> = {}) =>
  on.fail({ verb: 'create', kind: configMaps, body: bodyOf(configMapOf(name, data)), ...more });

const deployment = (replicas: number): Loose => ({
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    replicas,
    selector: { matchLabels: { a: 'b' } },
    template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
  },
});

describe('a validating policy', () => {
  test('refuses what does not meet its conditions', async () => {
    await validating('max', {
      matchConstraints: rulesFor('deployments', 'apps'),
      validations: [{ expression: 'object.spec.replicas <= 5' }],
    });
    await on.create(deployments, deployment(5));
    const error = await on.fail({ verb: 'create', kind: deployments, body: bodyOf({ ...deployment(6), metadata: { name: 'more' } }) });
    const message =
      "ValidatingAdmissionPolicy 'max' with binding 'max-binding' denied request: failed expression: object.spec.replicas <= 5";
    expect(error).toMatchObject({
      code: 422,
      reason: 'Invalid',
      message: `deployments.apps "more" is forbidden: ${message}`,
      details: { name: 'more', group: 'apps', kind: 'deployments', causes: [{ message }] },
    });
  });

  test('is in force while it is bound, and follows its changes', async () => {
    await on.create(policyKinds.Validating, {
      metadata: { name: 'p' },
      spec: { matchConstraints: rulesFor('configmaps'), validations: [{ expression: 'false' }] },
    } as Loose);
    await create('a');
    await on.create(bindingKinds.Validating, { metadata: { name: 'b' }, spec: { policyName: 'p', validationActions: ['Deny'] } } as Loose);
    await refused('b');
    await on.run({ verb: 'delete', kind: bindingKinds.Validating, name: 'b' });
    await create('b');
  });

  test.each([
    ['Forbidden', 403],
    ['Unauthorized', 401],
    ['RequestEntityTooLarge', 413],
    ['Invalid', 422],
  ])('gives its reason: %s', async (reason, code) => {
    await validating('p', { validations: [{ expression: 'false', reason, message: ' no ' }] });
    expect(await refused('a')).toMatchObject({ code, reason, message: expect.stringMatching(/denied request: no$/) });
  });

  test('finds words for its refusal', async () => {
    const validation = { expression: 'false', messageExpression: '"no " + object.metadata.name', message: 'never' };
    await validating('p', { validations: [validation] });
    expect((await refused('a')).message).toMatch(/denied request: no a$/);
    const body = bodyOf({ spec: { validations: [{ ...validation, messageExpression: 'string(object.nothing)' }] } });
    await on.call({ verb: 'patch', kind: policyKinds.Validating, name: 'p', patchType: 'application/merge-patch+json', body });
    expect((await refused('a')).message).toMatch(/denied request: never$/);
  });

  test('sees the request, both objects, and the namespace', async () => {
    await on.call({
      verb: 'patch',
      kind: namespaces,
      name: 'default',
      patchType: 'application/merge-patch+json',
      body: bodyOf({ metadata: { labels: { tier: 'gold' } } }),
    });
    await create('a', { k: '1' });
    const expressions = [
      'request.operation == "UPDATE" && request.kind.kind == "ConfigMap" && request.name == "a"',
      'request.userInfo.username == "admin" && "system:masters" in request.userInfo.groups && !request.dryRun',
      'request.options.fieldManager == "me"',
      'oldObject.data.k == "1" && object.data.k == "2"',
      'namespaceObject.metadata.labels["tier"] == "gold" && namespaceObject.metadata.name == "default"',
      'authorizer.requestResource.check("delete").allowed()',
      'authorizer.group("").resource("pods").namespace("x").check("create").allowed()',
      '!authorizer.serviceAccount("default", "nobody").path("/healthz/x").check("get").allowed()',
    ];
    await validating('p', { validations: expressions.map((expression) => ({ expression })) });
    const body = bodyOf(configMapOf('a', { k: '2' }));
    await on.call({ verb: 'update', kind: configMaps, name: 'a', body, query: { fieldManager: 'me' } });
    await validating('q', { validations: [{ expression: 'object == null && oldObject.data.k == "2"', message: 'as it should be' }] });
    await on.run({ verb: 'delete', kind: bindingKinds.Validating, name: 'p-binding' });
    await on.run({ verb: 'delete', kind: configMaps, name: 'a' });
  });

  test('has variables, computed once and only when they are asked for', async () => {
    const variables = [
      { name: 'twice', expression: 'object.data.k + object.data.k' },
      { name: 'four', expression: 'variables.twice + variables.twice' },
      { name: 'broken', expression: 'object.data.nothing' },
    ];
    await validating('p', { variables, validations: [{ expression: 'variables.four == "xxxx"' }] });
    await create('a', { k: 'x' });
    await refused('b', { k: 'y' });
    await validating('q', { variables, validations: [{ expression: 'variables.broken == "x"' }] });
    expect((await refused('c', { k: 'x' })).message).toContain('composited variable "broken" fails to evaluate: no such key: nothing');
  });

  test('has match conditions', async () => {
    const matchConditions = [
      { name: 'not-me', expression: 'object.metadata.name != "skip"' },
      { name: 'has-data', expression: 'has(object.data)' },
    ];
    await validating('p', { matchConditions, validations: [{ expression: 'false' }] });
    await create('skip', { k: 'v' });
    await refused('a', { k: 'v' });
  });

  test.each([
    ['Fail', true],
    ['Ignore', false],
  ])('that comes to an error: %s', async (failurePolicy, fails) => {
    await validating('p', { failurePolicy, validations: [{ expression: 'object.data.k == "v"' }] });
    if (!fails) return void (await create('a'));
    const { message } = await refused('a');
    expect(message).toContain(`expression 'object.data.k == "v"' resulted in error: no such key: k`);
  });

  test('is stopped when it costs too much', async () => {
    const list = '[0,1,2,3,4,5,6,7,8,9]';
    const expression = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].reduceRight((inner, name) => `${list}.all(${name}, ${inner})`, 'true');
    await validating('p', { validations: [{ expression }] });
    expect((await refused('a')).message).toMatch(/cost/);
  });

  test('warns and notes, where its binding says so', async () => {
    const spec = {
      validations: [{ expression: 'false', message: 'not so' }],
      auditAnnotations: [{ key: 'who', valueExpression: 'string(object.metadata.name)' }],
    };
    await validating('p', spec, { validationActions: ['Warn', 'Audit'] });
    const notes = new Map<string, string>();
    const context = {
      user: { name: 'jane', groups: [] },
      clock: on.clock,
      random: { uuid: () => 'u' },
      userAgent: 't',
      warn: (text: string) => on.warnings.push(text),
      annotate: (key: string, value: string) => notes.set(key, value),
      signal: new AbortController().signal,
    };
    await on.core.execute({ verb: 'create', kind: configMaps, namespace: 'default', body: bodyOf(configMapOf('a')) }, context as never);
    expect(on.warnings).toEqual(["Validation failed for ValidatingAdmissionPolicy 'p' with binding 'p-binding': not so"]);
    expect(notes.get('p/who')).toBe('a');
    expect(JSON.parse(notes.get('validation.policy.admission.k8s.io/validation_failure') ?? '')).toEqual([
      { message: 'not so', policy: 'p', binding: 'p-binding', expressionIndex: 0, validationActions: ['Warn', 'Audit'] },
    ]);
  });

  test('is about the requests that its constraints and its binding name', async () => {
    const constraints = {
      ...rulesFor('configmaps'),
      excludeResourceRules: [{ ...rulesFor('configmaps').resourceRules[0], resourceNames: ['spared'] }],
    };
    const matchResources = { objectSelector: { matchLabels: { judged: 'yes' } } };
    await validating('p', { matchConstraints: constraints, validations: [{ expression: 'false' }] }, { matchResources });
    await create('a');
    const judged = { metadata: { labels: { judged: 'yes' } } };
    await create('spared', {}, { body: bodyOf({ ...configMapOf('spared'), metadata: { name: 'spared', ...judged.metadata } }) });
    await refused('b', {}, { body: bodyOf({ ...configMapOf('b'), metadata: { name: 'b', ...judged.metadata } }) });
  });

  test('sees another version of the objects as the one that it names', async () => {
    const v1 = kindOf('horizontalpodautoscalers', 'autoscaling', 'v1');
    await validating('p', {
      matchConstraints: rulesFor('horizontalpodautoscalers', 'autoscaling', 'v2'),
      validations: [
        { expression: 'object.apiVersion == "autoscaling/v2" && request.requestKind.version == "v1" && object.spec.maxReplicas < 5' },
      ],
    });
    const hpa = (maxReplicas: number) => ({
      metadata: { name: 'h' },
      spec: { maxReplicas, scaleTargetRef: { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' } },
    });
    await on.fail({ verb: 'create', kind: v1, body: bodyOf(hpa(5)) });
    await on.call({ verb: 'create', kind: v1, body: bodyOf(hpa(4)) });
  });

  test('does not judge what configures policies', async () => {
    await validating('p', {
      matchConstraints: { resourceRules: [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*'] }] },
      validations: [{ expression: 'false' }],
    });
    await on.run({ verb: 'delete', kind: policyKinds.Validating, name: 'p' });
    await create('a');
  });
});

describe('parameters', () => {
  const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' };
  const spec = {
    matchConstraints: rulesFor('secrets'),
    paramKind,
    validations: [{ expression: 'params == null || !has(params.data) || size(object.metadata.name) <= int(params.data.max)' }],
  };
  const param = (name: string, max: string, namespace = 'default', labels = {}) =>
    on.create(configMaps, configMapOf(name, { max }, { namespace, labels }));
  const secret = (name: string) => ({ verb: 'create', kind: kindOf('secrets'), body: bodyOf({ metadata: { name } }) }) as const;

  test('by name, in the namespace of the request', async () => {
    await param('limit', '3');
    await validating('p', spec, { paramRef: { name: 'limit', parameterNotFoundAction: 'Deny' } });
    await on.call(secret('abc'));
    await on.fail(secret('abcd'));
  });

  test('by selector: every one counts', async () => {
    await on.create(namespaces, { metadata: { name: 'limits' } });
    await param('a', '5', 'limits', { limit: 'yes' });
    await param('b', '2', 'limits', { limit: 'yes' });
    await param('c', '1', 'limits');
    const selector = { matchLabels: { limit: 'yes' } };
    await validating('p', spec, { paramRef: { selector, namespace: 'limits', parameterNotFoundAction: 'Deny' } });
    await on.call(secret('ab'));
    await on.fail(secret('abc'));
  });

  test.each([
    ['Deny', 'failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction'],
    ['Allow', undefined],
  ])('that are not there: %s', async (parameterNotFoundAction, message) => {
    await validating('p', spec, { paramRef: { name: 'gone', parameterNotFoundAction } });
    if (message === undefined) return void (await on.call(secret('abcd')));
    expect((await on.fail(secret('abcd'))).message).toContain(message);
  });

  test('of a kind that nobody serves', async () => {
    await validating(
      'p',
      { ...spec, paramKind: { apiVersion: 'example.com/v1', kind: 'Limit' } },
      { paramRef: { name: 'x', parameterNotFoundAction: 'Deny' } },
    );
    expect((await on.fail(secret('a'))).message).toContain(
      "ValidatingAdmissionPolicy 'p' denied request: failed to configure policy: failed to find resource referenced by paramKind: 'example.com/v1, Kind=Limit'",
    );
  });

  test('that are namespaced cannot be found for what has no namespace', async () => {
    await validating(
      'p',
      { ...spec, matchConstraints: rulesFor('namespaces') },
      { paramRef: { name: 'x', parameterNotFoundAction: 'Allow' } },
    );
    const ref = { paramRef: { name: 'x', parameterNotFoundAction: 'Allow' }, policyName: 'q', validationActions: ['Deny'] };
    await on.create(policyKinds.Validating, {
      metadata: { name: 'q' },
      spec: { ...spec, matchConstraints: rulesFor('priorityclasses', 'scheduling.k8s.io') },
    } as Loose);
    await on.create(bindingKinds.Validating, { metadata: { name: 'q' }, spec: ref } as Loose);
    const error = await on.fail({ verb: 'create', kind: kindOf('priorityclasses'), body: bodyOf({ metadata: { name: 'c' }, value: 1 }) });
    expect(error.message).toContain('cannot use namespaced paramRef in policy binding that matches cluster-scoped resources');
  });
});

describe('a mutating policy', () => {
  const apply = (expression: string) => ({ patchType: 'ApplyConfiguration', applyConfiguration: { expression } });
  const patch = (expression: string) => ({ patchType: 'JSONPatch', jsonPatch: { expression } });

  test('changes by apply configuration', async () => {
    await mutating('p', {
      matchConstraints: rulesFor('deployments', 'apps'),
      mutations: [
        apply('Object{spec: Object.spec{replicas: object.spec.replicas + 100}, metadata: Object.metadata{labels: {"by": "policy"}}}'),
      ],
    });
    const made = await on.create(deployments, deployment(1));
    expect(made.spec.replicas).toBe(101);
    expect(made.metadata?.labels).toEqual({ by: 'policy' });
    expect(made.spec.template.spec.containers).toHaveLength(1);
  });

  test('merges lists by their keys, and defaults what it adds', async () => {
    await on.create(kindOf('serviceaccounts'), { metadata: { name: 'default', namespace: 'default' } }).catch(() => {});
    const container = 'Object.spec.initContainers{name: "mesh", image: "mesh:1", restartPolicy: "Always"}';
    await mutating('p', {
      matchConstraints: rulesFor('pods'),
      mutations: [apply(`Object{spec: Object.spec{initContainers: [${container}]}}`)],
    });
    const made = await on.create(kindOf('pods'), podOf('web'));
    expect(made.spec.initContainers).toMatchObject([{ name: 'mesh', restartPolicy: 'Always', terminationMessagePolicy: 'File' }]);
  });

  test('changes by JSON patch', async () => {
    const expression = `[
      JSONPatch{op: "test", path: "/data/k", value: "v"},
      JSONPatch{op: "add", path: "/data/" + jsonpatch.escapeKey("a"), value: object.data.k + "!"},
      JSONPatch{op: "add", path: "/metadata/labels", value: {"x": "y"}}]`;
    await mutating('p', { mutations: [patch(expression)] });
    expect(await create('a', { k: 'v' })).toMatchObject({ data: { k: 'v', a: 'v!' }, metadata: { labels: { x: 'y' } } });
    expect((await create('b', { k: 'w' })).data).toEqual({ k: 'w' });
  });

  test('each change sees the one before', async () => {
    const add = (key: string, value: string) => patch(`[JSONPatch{op: "add", path: "/data/${key}", value: ${value}}]`);
    await mutating('p', {
      variables: [{ name: 'k', expression: 'object.data.k' }],
      mutations: [add('k', 'variables.k + "2"'), add('l', 'variables.k')],
    });
    expect((await create('a', { k: '1' })).data).toEqual({ k: '12', l: '12' });
  });

  test.each<[string, object, string]>([
    [
      'does not fit',
      patch('[JSONPatch{op: "remove", path: "/data/nothing"}]'),
      'JSONPath: remove operation does not apply: doc is missing path: /data/nothing',
    ],
    [
      'makes no object',
      patch('[JSONPatch{op: "add", path: "/data", value: "text"}]'),
      "policy 'p' with binding 'p-binding' denied request: ",
    ],
    ['comes to an error', apply('Object{data: {"k": object.data.nothing}}'), 'no such key: nothing'],
  ])('that %s refuses the request', async (_, mutation, message) => {
    await mutating('p', { mutations: [mutation] });
    const error = await refused('a', { k: 'v' });
    expect(error).toMatchObject({ code: 403, reason: 'Invalid' });
    expect(error.message).toContain(message);
    expect(error.details?.causes).toEqual([{ message: error.message }]);
  });

  test('may not replace what is atomic', async () => {
    await on.create(kindOf('serviceaccounts'), { metadata: { name: 'default', namespace: 'default' } }).catch(() => {});
    await mutating('p', {
      matchConstraints: rulesFor('pods'),
      mutations: [apply('Object{spec: Object.spec{containers: [Object.spec.containers{name: "c", args: ["x"]}]}}')],
    });
    expect((await on.fail({ verb: 'create', kind: kindOf('pods'), body: bodyOf(podOf('web')) })).message).toContain(
      'error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.containers[0].args',
    );
  });

  test('whose failures are to be ignored, and whose conditions are not met', async () => {
    await mutating('p', { failurePolicy: 'Ignore', mutations: [patch('[JSONPatch{op: "remove", path: "/data/nothing"}]')] });
    const matchConditions = [{ name: 'c', expression: 'object.metadata.name == "b"' }];
    await mutating('q', { matchConditions, mutations: [patch('[JSONPatch{op: "add", path: "/data", value: {"b": "b"}}]')] });
    expect((await create('a', { k: 'v' })).data).toEqual({ k: 'v' });
    expect((await create('b', { k: 'v' })).data).toEqual({ b: 'b' });
  });

  test('is asked again, if it wants, when another has changed something', async () => {
    const seen = patch('has(object.data.b) && !has(object.data.seen) ? [JSONPatch{op: "add", path: "/data/seen", value: "yes"}] : []');
    await mutating('a', { reinvocationPolicy: 'IfNeeded', mutations: [seen] });
    await mutating('b', { mutations: [patch('[JSONPatch{op: "add", path: "/data/b", value: "1"}]')] });
    expect((await create('x', { k: 'v' })).data).toEqual({ k: 'v', b: '1', seen: 'yes' });
  });
});

describe('expressions that are written', () => {
  const policy = (spec: object) =>
    ({
      verb: 'create',
      kind: policyKinds.Validating,
      body: bodyOf({ metadata: { name: 'p' }, spec: { matchConstraints: rulesFor('configmaps'), ...spec } }),
    }) as const;

  test.each<[string, object, string]>([
    ['no syntax', { validations: [{ expression: 'object.' }] }, 'spec.validations[0].expression'],
    ['another type', { validations: [{ expression: '1 + 1' }] }, 'must evaluate to bool but got int'],
    ['an unknown name', { validations: [{ expression: 'thing == 1' }] }, "undeclared reference to 'thing'"],
    ['params without a kind', { validations: [{ expression: 'params == null' }] }, "undeclared reference to 'params'"],
    [
      'a condition',
      { matchConditions: [{ name: 'c', expression: '(' }], validations: [{ expression: 'true' }] },
      'spec.matchConditions[0].expression',
    ],
    [
      'a variable',
      { variables: [{ name: 'v', expression: 'variables.w' }], validations: [{ expression: 'true' }] },
      'spec.variables[0].expression',
    ],
  ])('must compile: %s', async (_, spec, text) => {
    const error = await on.fail(policy(spec));
    expect(error.code).toBe(422);
    expect(error.message).toContain(text);
  });

  test('of webhooks, too', async () => {
    const webhook = (expression: string) => ({
      name: 'a.b.example',
      clientConfig: { url: 'https://127.0.0.1:1/x' },
      rules: [],
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      matchConditions: [{ name: 'c', expression }],
    });
    for (const resource of ['validatingwebhookconfigurations', 'mutatingwebhookconfigurations']) {
      const kind = kindOf(resource);
      const error = await on.fail({ verb: 'create', kind, body: bodyOf({ metadata: { name: 'w' }, webhooks: [webhook('invalid(')] }) });
      expect(error.code).toBe(422);
      expect(error.message).toContain('compilation failed');
      await on.create(kind, { metadata: { name: 'w' }, webhooks: [webhook('object.metadata.name != "skip-me"')] } as Loose);
    }
  });
});
