// Bootstrap tokens over a whole cluster: each signs `cluster-info`, and goes with its signature when its time is over.
import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { configmaps, secrets } from '../../src/api/mod.ts';
import { createAuthority } from '../../src/base/ports/certificates.ts';
import { createJoinToken, deleteJoinToken, listJoinTokens } from '../../src/cluster/machine/join.ts';
import { startCluster } from '../../src/cluster/mod.ts';

test('tokens sign, are listed, end and are deleted', async () => {
  const { certificatePem } = await createAuthority({ commonName: 'ca', notBeforeMs: 0, notAfterMs: 1e12 });
  const cluster = await startCluster({ nodes: 0, clock: 'virtual' });
  const { client, clock, time } = cluster;
  const place = { serverUrl: 'https://192.0.2.7:6443', authorityPem: certificatePem };
  let letter = 0;
  const create = (ttlMs: number) => createJoinToken(client, { place, ttlMs, nowMs: clock.nowMs(), below: (limit) => letter++ % limit });
  const short = await create(60_000);
  const long = await create(0);
  await time.advance(1_000);
  const info = async () => (await client.get(configmaps, { namespace: 'kube-public', name: 'cluster-info' })).data ?? {};
  const data = await info();
  expect(Object.keys(data).sort()).toEqual([`jws-kubeconfig-${short.id}`, `jws-kubeconfig-${long.id}`, 'kubeconfig'].sort());
  expect(data.kubeconfig).toContain('server: https://192.0.2.7:6443');
  const [head, content, signature] = data[`jws-kubeconfig-${short.id}`]?.split('.') ?? [];
  expect(Buffer.from(head ?? '', 'base64url').toString()).toBe(`{"alg":"HS256","kid":"${short.id}"}`);
  expect(content).toBe('');
  const signed = `${head}.${Buffer.from(data.kubeconfig ?? '').toString('base64url')}`;
  expect(signature).toBe(createHmac('sha256', short.secret).update(signed).digest('base64url'));
  expect((await listJoinTokens(client, clock.nowMs())).map(({ id }) => id)).toEqual([short.id, long.id]);

  await time.advance(60_000);
  expect(Object.keys(await info()).sort()).toEqual([`jws-kubeconfig-${long.id}`, 'kubeconfig'].sort());
  expect((await client.list(secrets, { namespace: 'kube-system' })).items.map(({ metadata }) => metadata.name)).toEqual([
    `bootstrap-token-${long.id}`,
  ]);
  expect([await deleteJoinToken(client, long.id), await deleteJoinToken(client, long.id)]).toEqual([true, false]);
  await time.advance(1_000);
  expect(Object.keys(await info())).toEqual(['kubeconfig']);
  await cluster.stop();
});
