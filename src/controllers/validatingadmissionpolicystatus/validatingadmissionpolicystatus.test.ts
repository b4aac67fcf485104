import { expect, test, vi } from 'vitest';
import { checkedKindsOf, policyTypeWarnings } from '../../api/admissionregistration/mod.ts';
import { builtinKinds, customresourcedefinitions, type V1ValidatingAdmissionPolicy, validatingadmissionpolicies } from '../../api/mod.ts';
import { createWorld } from '../runtime/world.fake.ts';
import { runValidatingAdmissionPolicyStatus } from './validatingadmissionpolicystatus.ts';

const policy = (
  validations: readonly { expression: string; messageExpression?: string }[],
  more: object = {},
): V1ValidatingAdmissionPolicy => ({
  metadata: { name: 'p' },
  spec: {
    matchConstraints: {
      resourceRules: [
        { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['deployments', 'replicasets', 'pods/exec'] },
      ],
    },
    validations,
    ...more,
  },
});
const warnings = (validations: Parameters<typeof policy>[0], more?: object) => policyTypeWarnings(policy(validations, more), builtinKinds);

test('an expression that fits every kind has no warning', () => {
  const expressions = [
    'object.spec.replicas > 1 && oldObject.metadata.labels["a"] == "b"',
    'object.spec.template.spec.containers.all(c, c.image.startsWith("x"))',
    'object.metadata.creationTimestamp > timestamp("2020-01-01T00:00:00Z")',
    'request.namespace == namespaceObject.metadata.name && authorizer.path("/x").check("get").allowed()',
  ];
  expect(warnings(expressions.map((expression) => ({ expression })))).toEqual([]);
});

test('one that does not is told for each kind, in order', () => {
  const [first, second, ...rest] = warnings([
    { expression: 'object.replicas > 1' },
    { expression: 'true', messageExpression: 'object.kind + object.spec.nothing' },
  ]);
  expect(first?.fieldRef).toBe('spec.validations[0].expression');
  expect(first?.warning.match(/^\S+, Kind=\w+: ERROR: <input>:1:7: undefined field 'replicas'/gm)).toEqual([
    "apps/v1, Kind=Deployment: ERROR: <input>:1:7: undefined field 'replicas'",
    "apps/v1, Kind=ReplicaSet: ERROR: <input>:1:7: undefined field 'replicas'",
  ]);
  expect(second?.fieldRef).toBe('spec.validations[1].messageExpression');
  expect(rest).toEqual([]);
});

test('parameters and variables have types too', () => {
  const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' };
  const variables = [{ name: 'count', expression: 'object.spec.replicas' }];
  expect(warnings([{ expression: 'variables.count > int(params.data["max"])' }], { paramKind, variables })).toEqual([]);
  expect(warnings([{ expression: 'variables.count == "x" || params.dta == null' }], { paramKind, variables })[0]?.warning).toMatch(
    /undefined field 'dta'/,
  );
});

test('kinds that users define have types, as objects and as parameters', () => {
  const spec = { type: 'object', properties: { size: { type: 'integer' } } };
  const schema = { openAPIV3Schema: { type: 'object', properties: { spec } } };
  const definition = {
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget' },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  };
  const served = [...builtinKinds, ...checkedKindsOf(definition)];
  const rule = { apiGroups: ['example.com'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['widgets'] };
  const more = { matchConstraints: { resourceRules: [rule] }, paramKind: { apiVersion: 'example.com/v1', kind: 'Widget' } };
  const found = (expression: string) => policyTypeWarnings(policy([{ expression }], more), served).map(({ warning }) => warning);
  expect(found('object.spec.size > params.spec.size && object.metadata.name != ""')).toEqual([]);
  expect(found('object.spec.colour == "red"')[0]).toMatch(/^example\.com\/v1, Kind=Widget: ERROR: <input>:1:12: undefined field 'colour'/);
  expect(found('params.spec.colour == "red"')[0]).toMatch(/undefined field 'colour'/);
  expect(found('object.spec.size == "1"')[0]).toMatch(/found no matching overload for '_==_'/);
});

test('the status says which generation was checked, and what was found', async () => {
  const world = createWorld([validatingadmissionpolicies, customresourcedefinitions]);
  const running = runValidatingAdmissionPolicyStatus({ ...world.context, kinds: builtinKinds });
  await world.client.create(validatingadmissionpolicies, policy([{ expression: 'object.replicas > 1' }]));
  // The checker is loaded when it is first needed, which takes no virtual time.
  await vi.waitFor(async () => {
    await world.clock.advance(1000);
    const [checked] = await world.list(validatingadmissionpolicies);
    expect(checked?.status).toMatchObject({
      observedGeneration: checked?.metadata.generation,
      typeChecking: { expressionWarnings: [{ fieldRef: 'spec.validations[0].expression' }] },
    });
  });
  await world.stop(running);
});
