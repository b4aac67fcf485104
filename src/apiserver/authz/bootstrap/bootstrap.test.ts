import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { KubeObject, V1ClusterRole, V1RoleBinding } from '../../../api/mod.ts';
import { ruleAllows } from '../rbac/rules.ts';
import { autoUpdateAnnotation, bootstrapRbac } from './objects.ts';
import { reconcileBinding, reconcileRole } from './reconcile.ts';
import { metricsReader } from './user-facing.ts';

const facts = new URL('../../../../../shared/facts/rbac-bootstrap.json', import.meta.url);
const made = bootstrapRbac();
const clusterRole = (name: string): V1ClusterRole => {
  const found = made.clusterRoles.find(({ metadata }) => metadata?.name === name);
  if (!found) throw new Error(`no cluster role ${name}`);
  return found;
};

describe.runIf(existsSync(facts))('the default roles and bindings are those of a server of this version', () => {
  const theirs = existsSync(facts) ? (JSON.parse(readFileSync(facts, 'utf8')) as Record<string, readonly KubeObject[]>) : {};
  const keyOf = ({ metadata }: KubeObject) => `${metadata?.namespace ?? ''}/${metadata?.name}`;
  const plain = (objects: readonly KubeObject[]) =>
    [...objects].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)).map(({ kind: _, apiVersion: __, ...rest }) => withoutNull(rest));
  const withoutNull = (object: object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));

  test.each([
    ['clusterroles', made.clusterRoles.filter(({ metadata }) => metadata?.name !== metricsReader)],
    ['clusterrolebindings', made.clusterRoleBindings],
    ['roles', made.roles],
    ['rolebindings', made.roleBindings],
  ] as const)('%s', (name, objects) => {
    expect(plain(objects)).toEqual(plain(theirs[name] ?? []));
  });
});

test('every role that is bound is there', () => {
  for (const { metadata, roleRef } of [...made.clusterRoleBindings, ...made.roleBindings]) {
    const roles =
      roleRef.kind === 'Role' ? made.roles.filter((role) => role.metadata?.namespace === metadata?.namespace) : made.clusterRoles;
    expect(roles.map((role) => role.metadata?.name)).toContain(roleRef.name);
  }
});

describe('reconcileRole()', () => {
  const edit = clusterRole('system:aggregate-to-edit');
  const user = { name: 'x', groups: [] };
  const rule = { verbs: ['get'], apiGroups: ['acme.com'], resources: ['things'] };

  test.each<[string, V1ClusterRole | undefined, string]>([
    ['not there', undefined, 'create'],
    ['as it should be', edit, 'nothing'],
    ['with more rules', { ...edit, rules: [...(edit.rules ?? []), rule] }, 'nothing'],
    ['with more labels', { ...edit, metadata: { ...edit.metadata, labels: { ...edit.metadata?.labels, own: 'yes' } } }, 'nothing'],
    ['without its labels', { ...edit, metadata: { name: 'system:aggregate-to-edit' } }, 'update'],
    ['without a rule', { ...edit, rules: edit.rules?.slice(1) ?? [] }, 'update'],
    [
      'without rules, and protected',
      { ...edit, metadata: { ...edit.metadata, annotations: { [autoUpdateAnnotation]: 'false' } }, rules: [] },
      'nothing',
    ],
  ])('%s', (_name, standing, wanted) => {
    expect(reconcileRole(edit, standing).do).toBe(wanted);
  });

  test('what its users have added stays', () => {
    const step = reconcileRole(edit, { ...edit, rules: [rule] });
    if (step.do !== 'update') throw new Error(step.do);
    expect(step.object.rules).toContainEqual(rule);
    const ask = { as: 'resource', user, version: 'v1', subresource: '', namespace: 'ns', name: '' } as const;
    for (const attributes of [
      { ...ask, verb: 'create', group: '', resource: 'pods' },
      { ...ask, verb: 'get', group: 'acme.com', resource: 'things' },
    ]) {
      expect(step.object.rules?.some((one) => ruleAllows(one, attributes))).toBe(true);
    }
    expect(reconcileRole(edit, step.object).do).toBe('nothing');
  });

  test('a role that gathers others keeps the rules that it has', () => {
    const admin = clusterRole('admin');
    expect(reconcileRole(admin, { ...admin, rules: [rule] }).do).toBe('nothing');
    const { aggregationRule: _, ...bare } = admin;
    expect(reconcileRole(admin, { ...bare, rules: [rule] })).toMatchObject({ do: 'update', object: { ...admin, rules: [rule] } });
  });
});

describe('reconcileBinding()', () => {
  const binding = made.roleBindings.find(({ subjects }) => (subjects?.length ?? 0) > 1) as V1RoleBinding;
  const extra = { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'jane' };

  test.each<[string, V1RoleBinding | undefined, string]>([
    ['not there', undefined, 'create'],
    ['as it should be', binding, 'nothing'],
    ['with more subjects', { ...binding, subjects: [extra, ...(binding.subjects ?? [])] }, 'nothing'],
    ['to another role', { ...binding, roleRef: { ...binding.roleRef, name: 'other' } }, 'replace'],
  ])('%s', (_name, standing, wanted) => {
    expect(reconcileBinding(binding, standing).do).toBe(wanted);
  });

  test('subjects that are missing are added', () => {
    expect(reconcileBinding(binding, { ...binding, subjects: [extra] })).toMatchObject({
      do: 'update',
      object: { subjects: [extra, ...(binding.subjects ?? [])] },
    });
  });
});
