// Extension and access: what 500 custom resource definitions cost, and what a decision of RBAC costs with 1,000 roles.
import { bootstrapRbac } from '../../src/apiserver/authz/bootstrap/objects.ts';
import { BindingIndex, roleKeyOf } from '../../src/apiserver/authz/rbac/index-of-bindings.ts';
import type { Part } from '../part.ts';
import { bundle, run } from '../programs.ts';

interface Figures {
  readonly heapKb: number;
  readonly buffersKb: number;
  readonly servedMs: number;
  readonly servedMaxMs: number;
  readonly openApiMs: number;
  readonly stallMs: number;
}

const roles = 1000;
const decisions = 50_000;
const user = { name: 'user-7', groups: ['dev', 'a', 'b', 'c', 'system:authenticated'] };

/** Microseconds a decision, for somebody whom half of the roles concern. */
function decisionUs(): number {
  const index = new BindingIndex();
  const { clusterRoles, clusterRoleBindings } = bootstrapRbac();
  for (const { metadata, rules } of clusterRoles) index.setRole(roleKeyOf('', metadata?.name ?? ''), rules ?? []);
  for (const binding of clusterRoleBindings) index.setBinding(binding.metadata?.name ?? '', binding);
  for (let i = 0; i < roles; i++) {
    const rule = { verbs: ['get', 'list'], apiGroups: ['', 'apps'], resources: ['pods', `things-${i}`] };
    const subject = i % 2 === 0 ? { kind: 'Group', name: 'dev' } : { kind: 'User', name: `user-${i}` };
    const [name, namespace] = [`role-${i}`, `ns-${i % 50}`];
    index.setRole(roleKeyOf(namespace, name), [rule]);
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name };
    index.setBinding(name, { metadata: { name, namespace }, roleRef, subjects: [subject] });
  }
  const ask = (i: number) => {
    const where = { resource: `things-${i % roles}`, subresource: '', namespace: `ns-${i % 50}`, name: 'x' };
    index.decide({ as: 'resource', user, verb: 'get', group: 'apps', version: 'v1', ...where });
  };
  for (let i = 0; i < decisions; i++) ask(i);
  const from = performance.now();
  for (let i = 0; i < decisions; i++) ask(i);
  return ((performance.now() - from) * 1000) / decisions;
}

export const definitionsPart: Part = {
  name: 'definitions',
  about: 'Extension and access: 500 definitions of 20 fields in one process, 1,000 roles',
  async run({ report }) {
    const figures = JSON.parse(await run(['--expose-gc', bundle('definitions'), '500'])) as Figures;
    report({
      what: 'kept on the JavaScript heap for each definition, after a collection',
      measured: figures.heapKb,
      unit: 'KiB',
      budget: 30,
      detail: `and ${figures.buffersKb.toFixed(1)} KiB of bytes, half of them the memory store's`,
    });
    report({
      what: 'a definition is created, to its kind being served, median',
      measured: figures.servedMs,
      unit: 'ms',
      budget: 50,
      detail: `at most ${figures.servedMaxMs.toFixed(0)} ms of 500`,
    });
    report({
      what: 'index of OpenAPI 3 after one definition more, of 500',
      measured: figures.openApiMs,
      unit: 'ms',
      detail: `nothing else ran for at most ${figures.stallMs.toFixed(1)} ms`,
    });
    report({ what: 'an RBAC decision with 1,000 roles', measured: decisionUs(), unit: 'us', budget: 20 });
  },
};
