// Objects as their schemas describe them: what rules see, what they don't, and what lists mean.
import { expect, test } from 'vitest';
import {
  authorizerType,
  authorizerValue,
  boolType,
  CelCheckPending,
  CelEvaluationError,
  CelLazy,
  type CelObjectType,
  type CelSchema,
  type CelType,
  celToJson,
  celTypeOfSchema,
  compileCel,
  dynType,
  escapeName,
  intType,
  noneOptional,
  objectOf,
  optionalOf,
  perCallCostLimit,
  resourceCheckType,
  resourceCheckValue,
  stringType,
} from './mod.ts';

const schema: CelSchema = {
  type: 'object',
  properties: {
    replicas: { type: 'integer' },
    ratio: { type: 'number' },
    port: { 'x-kubernetes-int-or-string': true },
    namespace: { type: 'string' },
    'a-b.c/d': { type: 'string' },
    two__lines: { type: 'string' },
    '2x': { type: 'string' },
    when: { type: 'string', format: 'date-time' },
    day: { type: 'string', format: 'date' },
    wait: { type: 'string', format: 'duration' },
    blob: { type: 'string', format: 'byte' },
    maybe: { type: 'string' },
    any: { 'x-kubernetes-preserve-unknown-fields': true },
    known: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { a: { type: 'string' } } },
    set: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
    ports: {
      type: 'array',
      items: { type: 'object', properties: { port: { type: 'integer' }, protocol: { type: 'string' }, name: { type: 'string' } } },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['port', 'protocol'],
    },
    template: { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
  },
};
const web = { port: 80, protocol: 'TCP', name: 'web' };
const dns = { port: 53, protocol: 'UDP', name: 'dns' };
const value = {
  apiVersion: 'e/v1',
  kind: 'E',
  metadata: { name: 'x', labels: { a: 'b' } },
  replicas: 3,
  ratio: 1,
  port: 'http',
  namespace: 'n',
  'a-b.c/d': 'escaped',
  two__lines: 't',
  '2x': 'hidden',
  when: '2024-01-02T03:04:05Z',
  day: '2024-01-02',
  wait: '90s',
  blob: 'aGk=',
  known: { a: 'x', b: 'hidden' },
  set: ['b', 'a'],
  ports: [web, dns],
  template: { kind: 'Pod', metadata: { name: 'p' } },
};
const selfType = celTypeOfSchema(schema, { isResource: true }) as CelType;
const variables = { self: selfType, oldSelf: selfType, i: intType };

function run(rule: string, self: unknown = value, oldSelf: unknown = value): unknown {
  try {
    return celToJson(compileCel(rule, { variables }).evaluate({ self, oldSelf, i: 1 }, { remaining: perCallCostLimit }));
  } catch (error) {
    return (error as Error).message;
  }
}

test.each([
  'self.replicas == 3 && self.replicas / 2 == 1',
  'self.ratio == 1.0 && self.ratio / 2.0 == 0.5',
  'type(self.port) == string ? self.port == "http" : self.port == 80',
  'self.__namespace__ == "n"',
  'self.a__dash__b__dot__c__slash__d == "escaped"',
  'self.two__underscores__lines == "t"',
  'self.when.getFullYear() == 2024 && self.day < self.when && self.wait > duration("1m") && self.blob == b"hi"',
  '!has(self.maybe) && has(self.replicas)',
  'self.metadata.name == "x" && self.kind == "E" && self.apiVersion == "e/v1"',
  'self.known.a == "x"',
  'self.template.kind == "Pod" && self.template.metadata.name == "p" && !has(self.template.metadata.generateName)',
  'self.set == ["b", "a"]',
  'self.ports.exists(p, p.port == 80 && p.name == "web")',
  'self == oldSelf',
  'self.?maybe.orValue("none") == "none"',
])('%s', (rule) => {
  expect(run(rule)).toBe(true);
});

test.each([
  ['self.any', "undefined field 'any'"],
  ['self.known.b', "undefined field 'b'"],
  ['self.metadata.labels', "undefined field 'labels'"],
  ['self.a', "undefined field 'a'"],
  ['self.replicas == "3"', "found no matching overload for '_==_' applied to '(int, string)'"],
  ['self.maybe == "x"', 'no such key: maybe'],
])('%s: %s', (rule, message) => {
  expect(run(rule)).toContain(message);
});

test('sets and map lists compare without order, and + merges them', () => {
  const turned = { ...value, set: ['a', 'b'], ports: [dns, { ...web }] };
  expect(run('self.set == oldSelf.set && self.ports == oldSelf.ports', turned)).toBe(true);
  expect(run('self.ports == oldSelf.ports', { ...value, ports: [dns, { ...web, name: 'other' }] })).toBe(false);
  expect(run('self.set + ["c", "a"]')).toEqual(['b', 'a', 'c']);
  const added = {
    ...value,
    ports: [
      { ...dns, name: 'new' },
      { port: 1, protocol: 'TCP' },
    ],
  };
  expect(run('(oldSelf.ports + self.ports).map(p, p.port)', added)).toEqual([80, 53, 1]);
  expect(run('(oldSelf.ports + self.ports)[1].name', added)).toBe('new');
});

test('preserved fields count when objects are compared', () => {
  expect(run('self.known == oldSelf.known', { ...value, known: { a: 'x', b: 'other' } })).toBe(false);
});

test('data that does not fit its schema is an error of the rule that looks at it', () => {
  expect(run('self.replicas == 3', { ...value, replicas: 'three' })).toContain('invalid data, expected int, got');
  expect(run('self.when.getHours() == 0', { ...value, when: 'never' })).toBe('Invalid date-time formatted string never');
  expect(run('true || self.replicas == 3', { ...value, replicas: {} })).toBe(true);
});

test('names are escaped as the API documents', () => {
  const names = ['namespace', 'a.b', 'a-b', 'a/b', 'a__b', '2x', 'a b', '$x', 'x-prop', 'redact__d', 'string', '__proto__'];
  expect(names.map(escapeName)).toEqual([
    '__namespace__',
    'a__dot__b',
    'a__dash__b',
    'a__slash__b',
    'a__underscores__b',
    undefined,
    undefined,
    undefined,
    'x__dash__prop',
    'redact__underscores__d',
    'string',
    '__underscores__proto__underscores__',
  ]);
});

test('keys that objects inherit are not there', () => {
  const env = { variables: { x: dynType } };
  const has = (source: string) => compileCel(source, env).evaluate({ x: {} }, { remaining: 100 });
  expect(has('has(x.constructor) || has(x.__proto__) || "toString" in x')).toBe(false);
  expect(Object.keys(celToJson(compileCel('{"__proto__": 1}', env).evaluate({}, { remaining: 100 })) as object)).toEqual(['__proto__']);
});

test('the type that is wanted of the whole is checked', () => {
  expect(() => compileCel('1', { variables }, { resultType: boolType })).toThrow("expected type 'bool' but found 'int'");
  expect(compileCel('dyn(1)', { variables }, { resultType: boolType }).resultType.kind).toBe('dyn');
});

test('messages are made from the types that the environment knows', () => {
  const types: Record<string, CelObjectType> = {
    Object: objectOf('Object', { spec: objectOf('Object.spec', { replicas: intType, name: stringType }) }),
    'Object.spec': objectOf('Object.spec', { replicas: intType, name: stringType }),
  };
  const env = { variables: { i: intType }, structType: (name: string) => types[name] };
  const made = (source: string) => celToJson(compileCel(source, env).evaluate({ i: 2 }, { remaining: 1000 }));
  expect(made('Object{spec: Object.spec{replicas: i + 1, ?name: optional.none()}}')).toEqual({ spec: { replicas: 3 } });
  expect(() => made('Object{spec: Object.spec{replicas: "a"}}')).toThrow(
    "expected type of field 'replicas' is 'int' but provided type is 'string'",
  );
  expect(() => made('Object{other: 1}')).toThrow("undefined field 'other'");
  expect(() => made('Nothing{}')).toThrow("undeclared reference to 'Nothing'");
});

test('a lazy value is computed once, and its error is the expression’s', () => {
  let computed = 0;
  const lazy = new CelLazy(() => {
    computed++;
    return 5n;
  });
  const broken = new CelLazy(() => {
    throw new CelEvaluationError('no such key: a');
  });
  const env = { variables: { variables: objectOf('variables', { a: dynType, b: dynType }) } };
  const program = compileCel('variables.a + variables.a == 10 && (variables.b || true)', env);
  expect(program.evaluate({ variables: { a: lazy, b: broken } }, { remaining: 100 })).toBe(true);
  expect(computed).toBe(1);
  expect(() => compileCel('variables.b', env).evaluate({ variables: { b: broken } }, { remaining: 100 })).toThrow('no such key: a');
});

test('an old value may be optional', () => {
  const program = compileCel('oldSelf.hasValue() ? self.replicas >= oldSelf.value().replicas : true', {
    variables: { self: selfType, oldSelf: optionalOf(selfType) },
  });
  const holds = (oldSelf: unknown) => program.evaluate({ self: value, oldSelf }, { remaining: perCallCostLimit });
  expect([holds(noneOptional), holds(value), holds({ ...value, replicas: 9 })]).toEqual([true, true, false]);
});

test('a variable may have a dot in its name', () => {
  const authorizer = { check: () => ({ allowed: true, reason: '' }) };
  const program = compileCel(`authorizer.requestResource.check('get').allowed()`, {
    variables: { authorizer: authorizerType, 'authorizer.requestResource': resourceCheckType },
  });
  const bound = {
    authorizer: authorizerValue(authorizer),
    'authorizer.requestResource': resourceCheckValue(authorizer, { resource: 'pods' }),
  };
  expect(program.evaluate(bound, { remaining: perCallCostLimit })).toBe(true);
});

const pod = {
  metadata: { name: 'p', namespace: 'n', labels: { 'app.kubernetes.io/name': 'web' } },
  spec: {
    replicas: 3,
    containers: [
      { name: 'a', image: 'registry.k8s.io/pause:3.9', resources: { limits: { memory: '64Mi', cpu: '100m' } } },
      { name: 'b', image: 'docker.io/x', securityContext: { privileged: false } },
    ],
  },
};

/** As policies write them, over objects whose types nobody declared. */
test.each([
  'object.spec.replicas <= 5',
  'object.spec.containers.all(c, !has(c.securityContext) || !has(c.securityContext.privileged) || c.securityContext.privileged == false)',
  `object.metadata.labels['app.kubernetes.io/name'] == 'web' && 'app.kubernetes.io/name' in object.metadata.labels`,
  `object.metadata.namespace == 'n' && object.metadata.name.startsWith('p')`,
  `object.spec.containers.filter(c, c.image.startsWith('registry.k8s.io/')).map(c, c.name) == ['a']`,
  `quantity(object.spec.containers[0].resources.limits.memory).isLessThan(quantity('1Gi'))`,
  `object.spec.containers.exists_one(c, has(c.resources) && has(c.resources.limits))`,
  'oldObject == null && params == null',
  `object.?metadata.?annotations[?'a'].orValue('') == ''`,
  `(has(object.spec.extra) ? object.spec.extra : []).all(x, x.ok)`,
  `object.spec.containers.map(c, c.name).join(',') == 'a,b'`,
])('%s', (expression) => {
  const program = compileCel(expression, { variables: { object: dynType, oldObject: dynType, params: dynType } }, { resultType: boolType });
  expect(program.evaluate({ object: pod, oldObject: null, params: null }, { remaining: perCallCostLimit })).toBe(true);
});

test('authorization checks carry what was asked, and may be left pending', () => {
  const asked: unknown[] = [];
  const authorizer = authorizerValue({
    check(attributes) {
      asked.push(attributes);
      if (attributes.verb === 'wait') throw new CelCheckPending(attributes);
      return { allowed: attributes.verb === 'get', reason: 'because', ...(attributes.verb === 'fail' && { error: 'broken' }) };
    },
  });
  const decide = (source: string) =>
    compileCel(source, { variables: { authorizer: authorizerType } }).evaluate({ authorizer }, { remaining: perCallCostLimit });
  expect(decide(`authorizer.serviceAccount('ns', 'sa').group('apps').resource('deployments').namespace('n').check('get').allowed()`)).toBe(
    true,
  );
  expect(decide(`authorizer.path('/healthz').check('fail').error() + authorizer.path('/a').check('x').reason()`)).toBe('brokenbecause');
  expect(asked[0]).toEqual({
    serviceAccount: { namespace: 'ns', name: 'sa' },
    group: 'apps',
    resource: 'deployments',
    namespace: 'n',
    verb: 'get',
  });
  expect(asked[1]).toEqual({ path: '/healthz', verb: 'fail' });
  expect(() => decide(`authorizer.path('/a').check('wait').allowed()`)).toThrow(CelCheckPending);
  expect(() => decide(`authorizer.path(' ').check('get').allowed()`)).toThrow('path must not be empty');
  expect(() => decide(`authorizer.serviceAccount('a.b', 'x').path('/a').check('get').allowed()`)).toThrow(
    'Invalid service account namespace',
  );
});
