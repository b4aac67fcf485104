import { expect, test } from 'vitest';
import type { V1ClusterRole } from '../../api/mod.ts';
import { aggregatedRules } from './plan.ts';

const rule = (resource: string) => ({ verbs: ['get'], apiGroups: [''], resources: [resource] });
const role = (name: string, labels: Record<string, string>, ...resources: string[]): V1ClusterRole => ({
  metadata: { name, labels },
  rules: resources.map(rule),
});
const gathering = (...labels: Record<string, string>[]): V1ClusterRole => ({
  metadata: { name: 'all', labels: { part: 'a' } },
  aggregationRule: { clusterRoleSelectors: labels.map((matchLabels) => ({ matchLabels })) },
  rules: [rule('old')],
});
const others = [
  role('b', { part: 'a' }, 'pods', 'services'),
  role('a', { part: 'a' }, 'nodes', 'pods'),
  role('c', { part: 'c' }, 'secrets'),
  role('d', {}, 'x'),
];

test.each<[string, V1ClusterRole, readonly string[] | undefined]>([
  ['a role that gathers none', role('plain', {}, 'pods'), undefined],
  ['by name, each rule once, and not its own', gathering({ part: 'a' }), ['nodes', 'pods', 'services']],
  ['several selectors, in their order', gathering({ part: 'c' }, { part: 'a' }), ['secrets', 'nodes', 'pods', 'services']],
  ['nothing selected', gathering({ part: 'z' }), []],
])('aggregatedRules(): %s', (_name, of, wanted) => {
  expect(aggregatedRules(of, [of, ...others])?.map(({ resources }) => resources?.[0])).toEqual(wanted);
});
