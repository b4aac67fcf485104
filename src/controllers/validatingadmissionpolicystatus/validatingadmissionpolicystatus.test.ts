import { expect, test, vi } from 'vitest';
import { policyTypeWarnings } from '../../api/admissionregistration/mod.ts';
import { builtinKinds, type V1ValidatingAdmissionPolicy, validatingadmissionpolicies } from '../../api/mod.ts';
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

test('the status says which generation was checked, and what was found', async () => {
  const world = createWorld([validatingadmissionpolicies]);
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
