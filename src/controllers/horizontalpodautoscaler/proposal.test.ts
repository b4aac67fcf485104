// Metrics as other API servers give them: what is asked for, what comes of it, and what is said when nothing comes.
import { expect, test } from 'vitest';
import { deployments, ingresses, namespaces, notFound, type V1Pod, type V2MetricSpec } from '../../api/mod.ts';
import type { ApiRequest, Client } from '../../client/mod.ts';
import { createMetricsSource, resourceValues } from './metrics-source.ts';
import { propose } from './proposal.ts';

const kinds = [deployments, ingresses, namespaces];
const pods: V1Pod[] = ['a', 'b'].map((name) => ({
  metadata: { name },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
}));

async function ask(spec: V2MetricSpec, answer: object | Error) {
  const asked: ApiRequest[] = [];
  const client = {
    async call(request: ApiRequest) {
      asked.push(request);
      if (answer instanceof Error) throw answer;
      return answer;
    },
    list: () => Promise.reject(answer),
  } as unknown as Client;
  const resourceOf = async ({ kind }: { kind: string }) => kinds.find((one) => one.kind === kind);
  const source = createMetricsSource({ client, aggregated: client, resourceOf, signal: new AbortController().signal });
  const of = { namespace: 'dev', selector: 'app=web', pods, specReplicas: 2, statusReplicas: 2, nowMs: 0 };
  const proposal = await propose({ ...of, source, tolerance: { up: 0.1, down: 0.1 } }, spec);
  const [request] = asked;
  const { resource, namespace, name, subresource, query } = request ?? {};
  return {
    proposal,
    path: request && [resource?.group, namespace, resource?.resource, name, subresource, JSON.stringify(query)].join(' '),
  };
}

const metric = { name: 'qps', selector: { matchLabels: { verb: 'GET' } } };
const items = (...values: string[]) => ({
  items: values.map((value, i) => ({ describedObject: { name: pods[i]?.metadata?.name }, value })),
});
const object = (kind: string, target: object): V2MetricSpec =>
  ({ type: 'Object', object: { describedObject: { apiVersion: 'v1', kind, name: 'main' }, metric, target } }) as V2MetricSpec;
const external = (target: object): V2MetricSpec => ({ type: 'External', external: { metric, target } }) as V2MetricSpec;
const eachPod: V2MetricSpec = { type: 'Pods', pods: { metric, target: { type: 'AverageValue', averageValue: '10' } } };
const selectorText = '&LabelSelector{MatchLabels:map[string]string{verb: GET,},MatchExpressions:[]LabelSelectorRequirement{},}';

test.each<[string, V2MetricSpec, object, string, object]>([
  [
    'each pod',
    eachPod,
    items('20', '20'),
    'custom.metrics.k8s.io dev pods * qps {"labelSelector":"app=web","metricLabelSelector":"verb=GET"}',
    { replicas: 4, metric: 'pods metric qps', status: { type: 'Pods', pods: { metric, current: { averageValue: '20' } } } },
  ],
  [
    'an object',
    object('Ingress', { type: 'Value', value: '100' }),
    items('250'),
    'custom.metrics.k8s.io dev ingresses.networking.k8s.io main qps {"metricLabelSelector":"verb=GET"}',
    { replicas: 5, metric: 'Ingress metric qps', status: { type: 'Object', object: { current: { value: '250' } } } },
  ],
  [
    'an object, shared among the pods',
    object('Ingress', { type: 'AverageValue', averageValue: '100' }),
    items('250'),
    'custom.metrics.k8s.io dev ingresses.networking.k8s.io main qps {"metricLabelSelector":"verb=GET"}',
    { replicas: 3, status: { object: { current: { averageValue: '125' } } } },
  ],
  [
    'a namespace',
    object('Namespace', { type: 'Value', value: '100' }),
    items('100'),
    'custom.metrics.k8s.io  namespaces main metrics/qps {"metricLabelSelector":"verb=GET"}',
    { replicas: 2 },
  ],
  [
    'something outside',
    external({ type: 'Value', value: '100' }),
    items('150', '150'),
    'external.metrics.k8s.io dev qps   {"labelSelector":"verb=GET"}',
    { replicas: 6, metric: `external metric qps(${selectorText})`, status: { type: 'External', external: { current: { value: '300' } } } },
  ],
  [
    'something outside, shared among the pods',
    external({ type: 'AverageValue', averageValue: '50' }),
    items('301'),
    'external.metrics.k8s.io dev qps   {"labelSelector":"verb=GET"}',
    { replicas: 7, status: { external: { current: { averageValue: '150500m' } } } },
  ],
])('a metric of %s', async (_, spec, answer, path, wanted) => {
  const asked = await ask(spec, answer);
  expect(asked.path).toBe(path);
  expect(asked.proposal).toMatchObject({ is: 'valid', ...wanted });
});

const missing = notFound({ group: '', resource: 'things', name: 'x' });
test.each<[V2MetricSpec, object | Error, string, string]>([
  [
    eachPod,
    missing,
    'FailedGetPodsMetric',
    'unable to get metric qps: unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered',
  ],
  [eachPod, { items: [] }, 'FailedGetPodsMetric', 'unable to get metric qps: no metrics returned from custom metrics API'],
  [
    object('Ingress', { type: 'Value', value: '1' }),
    { items: [] },
    'FailedGetObjectMetric',
    'unable to get metric qps: Ingress on dev main/no metrics returned from custom metrics API',
  ],
  [
    external({ type: 'Value', value: '1' }),
    missing,
    'FailedGetExternalMetric',
    `failed to get external metric qps: unable to get external metric dev/qps/${selectorText}: unable to fetch metrics from external metrics API: the server could not find the requested resource (get qps.external.metrics.k8s.io)`,
  ],
  [
    { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
    missing,
    'FailedGetResourceMetric',
    'failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: things "x" not found',
  ],
])('%j that cannot be had says why', async (spec, answer, reason, message) => {
  expect((await ask(spec, answer)).proposal).toEqual({ is: 'invalid', reason, message });
});

test('the use of one container', () => {
  const usage = (cpu: string) => ({ cpu });
  const of = (...containers: { name: string; usage: Record<string, string> }[]) => [
    { metadata: { name: 'web', namespace: 'dev' }, timestamp: '1970-01-01T00:00:10Z', window: '1m30s', containers },
  ];
  const both = of({ name: 'app', usage: usage('250m') }, { name: 'side', usage: usage('1') });
  expect(resourceValues(both, 'cpu', undefined).get('web')).toEqual({ milli: 1250, atMs: 10_000, windowMs: 90_000 });
  expect(resourceValues(both, 'cpu', 'app').get('web')?.milli).toBe(250);
  expect(resourceValues(both, 'memory', undefined).size).toBe(0);
  expect(() => resourceValues(both, 'cpu', 'gone')).toThrow('container gone not present in metrics for pod dev/web');
});
