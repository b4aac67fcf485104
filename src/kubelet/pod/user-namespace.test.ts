// A pod that does not want the machine's users: it gets users of its own where the handler can map them, and is refused where not.
import { expect, test } from 'vitest';
import type { V1Pod } from '../../api/mod.ts';
import { silentLogger } from '../../base/mod.ts';
import type { RuntimeFeatures, SandboxConfig } from '../cri/runtime.ts';
import type { PodContext } from './context.ts';
import { createSandbox } from './start.ts';

const pod = (hostUsers?: boolean): V1Pod => ({
  metadata: { name: 'web', namespace: 'default', uid: 'u1' },
  spec: { containers: [{ name: 'c', image: 'i:1' }], ...(hostUsers === undefined ? {} : { hostUsers }) },
});

async function made(of: V1Pod, handlers: RuntimeFeatures['handlers']) {
  const configs: SandboxConfig[] = [];
  const said: string[] = [];
  const context = {
    cgroupRoot: '/minke',
    nodeName: 'n',
    hostDns: async () => ({ servers: [], searches: [], options: [] }),
    files: {
      prepareSandbox: async () => {},
      logDirectory: () => '/logs',
      userRange: async ({ uid }: { uid: string }) => ({ hostId: uid === 'u1' ? 131_072 : 0, length: 65_536 }),
    },
    cgroups: { limit: async () => [] },
    machine: { cpuQuota: true },
    log: silentLogger,
    recorder: { record: (_: unknown, __: string, reason: string, message: string) => said.push(`${reason} ${message}`) },
    runtimeFeatures: () => ({ handlers, supplementalGroupsPolicy: false }),
    runtime: { runSandbox: async (config: SandboxConfig) => configs.push(config) },
  } as unknown as PodContext;
  const failed = await createSandbox(context, of, 0, new AbortController().signal).then(
    () => undefined,
    (error: Error) => error.message,
  );
  return { users: configs[0]?.security.namespaces.users, failed, said };
}
const mapping = [{ name: '', recursiveReadOnlyMounts: false, userNamespaces: true }];

test('users of its own, where the runtime maps them', async () => {
  expect(await made(pod(false), mapping)).toEqual({ users: { hostId: 131_072, length: 65_536 }, failed: undefined, said: [] });
});

test.each([undefined, true])("the machine's users with hostUsers %s", async (hostUsers) => {
  expect(await made(pod(hostUsers), mapping)).toEqual({ users: undefined, failed: undefined, said: [] });
});

test('refused where the runtime does not say that it can', async () => {
  const failed = "can't set `spec.hostUsers: false`, runtime does not support user namespaces";
  const said = [`FailedCreatePodSandBox Failed to create pod sandbox: ${failed}`];
  expect(await made(pod(false), [])).toEqual({ users: undefined, failed, said });
  expect(await made(pod(false), [{ name: 'other', recursiveReadOnlyMounts: false, userNamespaces: true }])).toMatchObject({ failed });
});
