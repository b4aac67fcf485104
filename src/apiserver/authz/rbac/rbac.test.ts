import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { V1ClusterRoleBinding, V1PolicyRule, V1RoleBinding } from '../../../api/mod.ts';
import type { Attributes } from '../authorizer.ts';
import { describeRules, missingRules } from './covers.ts';
import { BindingIndex, roleKeyOf } from './index-of-bindings.ts';
import { pathMatches, ruleAllows } from './rules.ts';

const ask = (verb: string, resource: string, more: Partial<Extract<Attributes, { as: 'resource' }>> = {}): Attributes => {
  const [plain = '', subresource = ''] = resource.split('/');
  return { as: 'resource', user: jane, verb, group: '', version: 'v1', resource: plain, subresource, namespace: '', name: '', ...more };
};
const jane = { name: 'jane', groups: ['dev', 'system:authenticated'] };
const rule = (verbs: string[], apiGroups: string[], resources: string[], resourceNames?: string[]): V1PolicyRule => ({
  verbs,
  apiGroups,
  resources,
  ...(resourceNames ? { resourceNames } : {}),
});

describe('ruleAllows()', () => {
  test.each<[string, V1PolicyRule, Attributes, boolean]>([
    ['verb, group and resource', rule(['get'], [''], ['pods']), ask('get', 'pods'), true],
    ['another verb', rule(['get'], [''], ['pods']), ask('list', 'pods'), false],
    ['another group', rule(['get'], ['apps'], ['pods']), ask('get', 'pods'), false],
    ['every verb, group, resource', rule(['*'], ['*'], ['*']), ask('get', 'pods/log'), true],
    ['a resource is not its subresource', rule(['get'], [''], ['pods']), ask('get', 'pods/log'), false],
    ['a subresource', rule(['get'], [''], ['pods/log']), ask('get', 'pods/log'), true],
    ['a subresource is not its resource', rule(['get'], [''], ['pods/log']), ask('get', 'pods'), false],
    ['a subresource of anything', rule(['get'], ['*'], ['*/scale']), ask('get', 'deployments/scale', { group: 'apps' }), true],
    ['another subresource of anything', rule(['get'], ['*'], ['*/scale']), ask('get', 'deployments/status', { group: 'apps' }), false],
    ['by name', rule(['get'], [''], ['pods'], ['web']), ask('get', 'pods', { name: 'web' }), true],
    ['by another name', rule(['get'], [''], ['pods'], ['web']), ask('get', 'pods', { name: 'db' }), false],
    ['by name, asked without one', rule(['list'], [''], ['pods'], ['web']), ask('list', 'pods'), false],
    ['paths do not help for resources', { verbs: ['*'], nonResourceURLs: ['*'] }, ask('get', 'pods'), false],
    ['a path', { verbs: ['get'], nonResourceURLs: ['/metrics'] }, { as: 'path', user: jane, verb: 'get', path: '/metrics' }, true],
    ['resources do not help for paths', rule(['*'], ['*'], ['*']), { as: 'path', user: jane, verb: 'get', path: '/metrics' }, false],
  ])('%s', (_name, of, attributes, wanted) => {
    expect(ruleAllows(of, attributes)).toBe(wanted);
  });

  test.each([
    ['/api', '/api', true],
    ['/api', '/apis', false],
    ['/api/*', '/api/v1', true],
    ['/api/*', '/api', false],
    ['*', '/x', true],
    ['/healthz*', '/healthz/ping', true],
  ])('%s against %s: %s', (pattern, path, wanted) => {
    expect(pathMatches(pattern, path)).toBe(wanted);
  });
});

describe('missingRules() and describeRules()', () => {
  test.each<[string, V1PolicyRule[], V1PolicyRule[], string]>([
    ['nothing is missing', [rule(['*'], ['*'], ['*'])], [rule(['get', 'list'], [''], ['pods'])], ''],
    [
      'verbs come together',
      [rule(['get'], [''], ['pods'])],
      [rule(['get', 'list', 'watch'], [''], ['pods'])],
      '{APIGroups:[""], Resources:["pods"], Verbs:["list" "watch"]}',
    ],
    [
      'a line each',
      [],
      [rule(['get'], ['', 'apps'], ['x']), { verbs: ['get'], nonResourceURLs: ['/a', '/b'] }],
      '{APIGroups:[""], Resources:["x"], Verbs:["get"]}\n{APIGroups:["apps"], Resources:["x"], Verbs:["get"]}\n{NonResourceURLs:["/a"], Verbs:["get"]}\n{NonResourceURLs:["/b"], Verbs:["get"]}',
    ],
    [
      'names',
      [rule(['get'], [''], ['secrets'], ['a'])],
      [rule(['get'], [''], ['secrets'], ['a', 'b'])],
      '{APIGroups:[""], Resources:["secrets"], ResourceNames:["b"], Verbs:["get"]}',
    ],
    [
      'all names are more than one',
      [rule(['get'], [''], ['secrets'], ['a'])],
      [rule(['get'], [''], ['secrets'])],
      '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}',
    ],
    ['subresources of anything', [rule(['update'], ['*'], ['*/scale'])], [rule(['update'], ['apps'], ['deployments/scale'])], ''],
    ['paths below', [{ verbs: ['get'], nonResourceURLs: ['/api/*'] }], [{ verbs: ['get'], nonResourceURLs: ['/api/v1', '/api/*'] }], ''],
  ])('%s', (_name, held, wanted, text) => {
    expect(describeRules(missingRules(held, wanted))).toBe(text);
  });
});

type Binding = V1RoleBinding | V1ClusterRoleBinding;
type RoleKind = 'Role' | 'ClusterRole';

const bindingOf = (
  name: string,
  namespace: string | undefined,
  [kind, role]: readonly [RoleKind, string],
  subjects: readonly object[],
): Binding =>
  ({
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: role },
    subjects,
  }) as Binding;

describe('BindingIndex', () => {
  test('the reason says by what', () => {
    const index = new BindingIndex();
    index.setRole(roleKeyOf('', 'reader'), [rule(['get'], [''], ['pods'])]);
    index.setBinding('a', bindingOf('all', undefined, ['ClusterRole', 'reader'], [{ kind: 'Group', name: 'dev' }]));
    expect(index.decide(ask('get', 'pods'))).toEqual({
      decision: 'allow',
      reason: 'RBAC: allowed by ClusterRoleBinding "all" of ClusterRole "reader" to Group "dev"',
    });
    index.setBinding('a', bindingOf('here', 'ns', ['ClusterRole', 'reader'], [{ kind: 'ServiceAccount', name: 'bot' }]));
    const bot = { name: 'system:serviceaccount:ns:bot', groups: [] };
    expect(index.decide(ask('get', 'pods', { user: bot, namespace: 'ns' })).reason).toBe(
      'RBAC: allowed by RoleBinding "here/ns" of ClusterRole "reader" to ServiceAccount "bot/ns"',
    );
    expect(index.decide(ask('get', 'pods', { user: bot, namespace: 'other' }))).toEqual({ decision: 'noOpinion' });
  });

  test('a role that is missing is told of', () => {
    const index = new BindingIndex();
    index.setBinding('a', bindingOf('a', undefined, ['ClusterRole', 'gone'], [{ kind: 'User', name: 'jane' }]));
    index.setBinding('b', bindingOf('b', 'ns', ['Role', 'gone'], [{ kind: 'User', name: 'jane' }]));
    expect(index.decide(ask('get', 'pods')).reason).toBe('RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found');
    expect(index.decide(ask('get', 'pods', { namespace: 'ns' })).reason).toBe(
      'RBAC: [clusterrole.rbac.authorization.k8s.io "gone" not found, role.rbac.authorization.k8s.io "gone" not found]',
    );
  });

  const text = (...values: string[]) => fc.constantFrom(...values);
  const someOf = (...values: string[]) => fc.subarray(values, { minLength: 1, maxLength: 2 });
  const rules = fc.array(
    fc.oneof(
      fc.record({
        verbs: someOf('get', 'list', '*'),
        apiGroups: someOf('', 'apps', '*'),
        resources: someOf('pods', 'pods/log', '*', '*/log'),
        resourceNames: fc.subarray(['a', 'b']),
      }),
      fc.record({ verbs: someOf('get', '*'), nonResourceURLs: someOf('/a', '/a/*', '*') }),
    ),
    { maxLength: 3 },
  );
  const subject = fc.oneof(
    fc.record({ kind: text('User'), name: text('jane', 'system:serviceaccount:n1:bot') }),
    fc.record({ kind: text('Group'), name: text('dev', 'ops') }),
    fc.record({ kind: text('ServiceAccount'), name: text('bot'), namespace: text('n1', 'n2') }),
  );
  const namespace = text('', 'n1', 'n2');
  const role = text('r1', 'r2');
  const change = fc.oneof(
    fc.record({ change: fc.constant('role' as const), namespace, role, rules: fc.option(rules, { nil: undefined }) }),
    fc.record({
      change: fc.constant('binding' as const),
      key: text('b1', 'b2', 'b3'),
      gone: fc.boolean(),
      namespace,
      kind: fc.constantFrom<RoleKind>('Role', 'ClusterRole'),
      role,
      subjects: fc.array(subject, { maxLength: 3 }),
    }),
  );
  const user = fc.record({ name: text('jane', 'eve', 'system:serviceaccount:n1:bot'), groups: fc.subarray(['dev', 'ops']) });
  const question = fc.oneof(
    fc
      .tuple(user, text('get', 'list'), text('', 'apps'), text('pods', 'pods/log', 'nodes'), namespace, text('', 'a', 'c'))
      .map(([who, verb, group, resource, ns, name]) => ask(verb, resource, { user: who, group, namespace: ns, name })),
    fc
      .tuple(user, text('get', 'post'), text('/a', '/a/b', '/c'))
      .map(([who, verb, path]): Attributes => ({ as: 'path', user: who, verb, path })),
  );

  test('agrees with looking at every binding, after any changes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(change, question), { minLength: 1, maxLength: 20 }), (steps) => {
        const index = new BindingIndex();
        const roles = new Map<string, readonly V1PolicyRule[]>();
        const bindings = new Map<string, Binding>();
        for (const [step, attributes] of steps) {
          if (step.change === 'role') {
            const key = roleKeyOf(step.namespace, step.role);
            index.setRole(key, step.rules);
            if (step.rules) roles.set(key, step.rules);
            else roles.delete(key);
          } else {
            const ns = step.namespace === '' ? undefined : step.namespace;
            const object = bindingOf(step.key, ns, [ns === undefined ? 'ClusterRole' : step.kind, step.role], step.subjects);
            index.setBinding(step.key, step.gone ? undefined : object);
            if (step.gone) bindings.delete(step.key);
            else bindings.set(step.key, object);
          }
          expect(index.decide(attributes).decision).toBe(naive(roles, bindings, attributes) ? 'allow' : 'noOpinion');
        }
      }),
      { numRuns: 400 },
    );
  });
});

/** The definition: every binding in scope that names the user, every rule of its role. */
function naive(
  roles: ReadonlyMap<string, readonly V1PolicyRule[]>,
  bindings: ReadonlyMap<string, Binding>,
  attributes: Attributes,
): boolean {
  const asked = attributes.as === 'resource' ? attributes.namespace : '';
  const { name, groups } = attributes.user;
  return [...bindings.values()].some(({ metadata, roleRef, subjects = [] }) => {
    const scope = metadata?.namespace ?? '';
    if (scope !== '' && scope !== asked) return false;
    const names = subjects.some((one) => {
      if (one.kind === 'User') return one.name === name;
      if (one.kind === 'Group') return groups.includes(one.name);
      return name === `system:serviceaccount:${one.namespace || scope}:${one.name}`;
    });
    const rules = roles.get(roleKeyOf(roleRef.kind === 'Role' ? scope : '', roleRef.name)) ?? [];
    return names && rules.some((one) => ruleAllows(one, attributes));
  });
}
