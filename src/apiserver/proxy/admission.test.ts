// What connects asks admission first, and does not connect when that refuses.
import { expect, test } from 'vitest';
import { forbidden } from '../../api/mod.ts';
import { createEdge, createFakeCore, textOf } from '../core.fake.ts';
import type { ConnectRequest } from '../verbs/mod.ts';

test.each([
  ['pods/web/attach?container=c&stdin=true', 'attach', { container: 'c', stdin: 'true' }],
  ['pods/web/exec?command=sh&command=-c', 'exec', { command: ['sh', '-c'] }],
  ['pods/web/portforward?ports=80', 'portforward', { ports: '80' }],
  ['pods/web/proxy/a/b', 'proxy', { path: 'a/b' }],
  ['services/web/proxy/', 'proxy', {}],
])('%s', async (path, subresource, query) => {
  const asked: ConnectRequest[] = [];
  const core = {
    ...createFakeCore(),
    admitConnect: async (request: ConnectRequest) => {
      asked.push(request);
      throw forbidden({ group: '', resource: 'pods', name: request.name }, 'nobody connects today');
    },
  };
  const services = { ...core.kinds[0], kind: 'Service', resource: 'services' };
  const find: typeof core.find = (of) => (of.resource === 'services' ? (services as never) : core.find(of));
  const answer = await createEdge({ core: { ...core, find } }).ask('POST', `/api/v1/namespaces/default/${path}`);
  expect(answer.status).toBe(403);
  expect(await textOf(answer)).toContain('nobody connects today');
  expect(asked).toMatchObject([{ namespace: 'default', name: 'web', subresource, query }]);
});
