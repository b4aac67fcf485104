import { describe, expect, test } from 'vitest';
import {
  containerConfigToWire,
  containerStatusFromWire,
  imageFromWire,
  nanosToMs,
  sandboxConfigToWire,
  sandboxStatusFromWire,
} from './convert.ts';
import { objectMessages, stopSignals } from './messages.ts';
import type { ContainerConfig, SandboxConfig } from './runtime.ts';

const sandbox: SandboxConfig = {
  metadata: { name: 'web', uid: 'u1', namespace: 'default', attempt: 2 },
  hostname: 'web',
  logDirectory: '/logs/web',
  dns: { servers: ['10.96.0.10'], searches: ['default.svc.cluster.local'], options: ['ndots:5'] },
  portMappings: [{ protocol: 'UDP', containerPort: 53, hostPort: 5353, hostIp: '127.0.0.1' }],
  labels: { a: 'b' },
  annotations: {},
  cgroupParent: '/minke-1/kubepods/podu1',
  sysctls: { 'net.ipv4.ip_unprivileged_port_start': '0' },
  security: {
    namespaces: { network: 'pod', pid: 'container', ipc: 'node' },
    runAsUser: 0,
    readonlyRootfs: true,
    supplementalGroups: [1000],
    privileged: false,
    seccomp: { type: 'localhost', localhostRef: '/profile.json' },
  },
};

const container: ContainerConfig = {
  metadata: { name: 'app', attempt: 1 },
  image: 'sha256:abc',
  command: ['sh'],
  args: ['-c', 'true'],
  workingDir: '/srv',
  env: [{ key: 'A', value: 'ü' }],
  mounts: [{ containerPath: '/data', hostPath: '/host', readonly: true, propagation: 'bidirectional' }],
  labels: {},
  annotations: {},
  logPath: 'app/1.log',
  stdin: true,
  stdinOnce: false,
  tty: true,
  resources: { cpuShares: 2, memoryLimitBytes: 2 ** 40, oomScoreAdj: -997 },
  security: {
    namespaces: { network: 'node', pid: 'target', ipc: 'pod', targetId: 't1' },
    privileged: true,
    addCapabilities: ['NET_ADMIN'],
    dropCapabilities: ['ALL'],
    runAsGroup: 7,
    readonlyRootfs: false,
    supplementalGroups: [],
    noNewPrivileges: true,
    maskedPaths: ['/proc/kcore'],
    readonlyPaths: ['/proc/sys'],
  },
};

describe('to the wire and back', () => {
  test("users of a pod's own: the sandbox, its containers and what they mount have the same", () => {
    const users = { hostId: 4_294_836_224, length: 65_536 };
    const of = <C extends SandboxConfig | ContainerConfig>(config: C): C => ({
      ...config,
      security: { ...config.security, namespaces: { ...config.security.namespaces, users } },
    });
    const mapping = [{ hostId: 4_294_836_224n, containerId: 0n, length: 65_536n }];
    const { sandboxConfig, containerConfig } = objectMessages;
    const own = { usernsOptions: { mode: 0, uids: mapping, gids: mapping } };
    const { linux } = sandboxConfig.decode(sandboxConfig.encode(sandboxConfigToWire(of(sandbox))));
    expect(linux?.securityContext?.namespaceOptions).toMatchObject(own);
    const wire = containerConfig.decode(containerConfig.encode(containerConfigToWire(of(container))));
    expect(wire.linux?.securityContext?.namespaceOptions).toMatchObject(own);
    expect(wire.mounts).toEqual([expect.objectContaining({ hostPath: '/host', uidMappings: mapping, gidMappings: mapping })]);
    const shared = sandboxConfig.decode(sandboxConfig.encode(sandboxConfigToWire(sandbox)));
    expect(shared.linux?.securityContext?.namespaceOptions?.usernsOptions).toBeUndefined();
  });

  test('a sandbox configuration', () => {
    const { sandboxConfig } = objectMessages;
    const wire = sandboxConfig.decode(sandboxConfig.encode(sandboxConfigToWire(sandbox)));
    expect(wire.metadata).toEqual(sandbox.metadata);
    expect(wire.dnsConfig).toEqual(sandbox.dns);
    expect(wire.portMappings).toEqual([{ protocol: 1, containerPort: 53, hostPort: 5353, hostIp: '127.0.0.1' }]);
    expect(wire.linux?.cgroupParent).toBe('/minke-1/kubepods/podu1');
    expect(wire.linux?.securityContext).toMatchObject({
      namespaceOptions: { network: 0, pid: 1, ipc: 2, targetId: '' },
      // User 0 is a user that has been set, not an absent one.
      runAsUser: { value: 0n },
      runAsGroup: undefined,
      supplementalGroups: [1000n],
      seccomp: { profileType: 2, localhostRef: '/profile.json' },
    });
  });

  test('a container configuration', () => {
    const { containerConfig } = objectMessages;
    const wire = containerConfig.decode(containerConfig.encode(containerConfigToWire(container)));
    expect(wire).toMatchObject({ image: { image: 'sha256:abc' }, envs: container.env, tty: true, stdin: true, logPath: 'app/1.log' });
    const shared = { recursiveReadOnly: false, hostPath: '/host', readonly: true, propagation: 2, uidMappings: [], gidMappings: [] };
    expect(wire.mounts).toEqual([{ containerPath: '/data', ...shared }]);
    expect(wire.linux?.resources).toMatchObject({ cpuShares: 2n, memoryLimitInBytes: 2n ** 40n, oomScoreAdj: -997n });
    expect(wire.linux?.securityContext).toMatchObject({
      namespaceOptions: { network: 2, pid: 3, ipc: 0, targetId: 't1' },
      capabilities: { addCapabilities: ['NET_ADMIN'], dropCapabilities: ['ALL'] },
      runAsUser: undefined,
      runAsGroup: { value: 7n },
      seccomp: undefined,
      noNewPrivs: true,
    });
  });
});

test('a sandbox without a network of its own has no addresses', () => {
  const { sandboxStatus } = objectMessages;
  const read = (wire: Parameters<typeof sandboxStatus.encode>[0]) =>
    sandboxStatusFromWire(sandboxStatus.decode(sandboxStatus.encode(wire)));
  expect(read({ id: 's', network: { ip: '' } }).ips).toEqual([]);
  expect(read({ id: 's', state: 1, network: { ip: '10.0.0.2', additionalIps: [{ ip: 'fd00::2' }] } })).toMatchObject({
    ips: ['10.0.0.2', 'fd00::2'],
    state: 'notReady',
  });
});

test('a container status', () => {
  const { containerStatus } = objectMessages;
  const wire = {
    id: 'c',
    state: 2,
    startedAt: 1_700_000_000_123_456_789n,
    finishedAt: 1_700_000_001_000_000_000n,
    exitCode: 137,
    reason: 'OOMKilled',
  };
  expect(containerStatusFromWire(containerStatus.decode(containerStatus.encode(wire)), 's1')).toMatchObject({
    sandboxId: 's1',
    state: 'exited',
    startedAtMs: 1_700_000_000_123,
    finishedAtMs: 1_700_000_001_000,
    exitCode: 137,
    reason: 'OOMKilled',
  });
});

test('a user of an image: number 0, another, a name, none', () => {
  const { image } = objectMessages;
  const read = (wire: Parameters<typeof image.encode>[0]) => imageFromWire(image.decode(image.encode(wire)));
  expect(read({ uid: { value: 0 } }).uid).toBe(0);
  expect(read({ uid: { value: 65_535 }, size: 12 })).toMatchObject({ uid: 65_535, sizeBytes: 12 });
  expect(read({ username: 'www' })).toMatchObject({ uid: undefined, username: 'www' });
});

test('Go’s zero time is "not yet"', () => {
  expect([nanosToMs(0n), nanosToMs(-62_135_596_800_000_000_000n), nanosToMs(1_999_999n)]).toEqual([0, 0, 1]);
});

test.each([
  [undefined, 0],
  ['SIGABRT', 1],
  ['SIGTERM', 23],
  ['SIGUSR1', 29],
  ['SIGRTMIN', 35],
  ['SIGRTMIN+15', 50],
  ['SIGRTMAX-14', 51],
  ['SIGRTMAX-1', 64],
  ['SIGRTMAX', 65],
])('the stop signal %s has the number %i', (name, number) => {
  expect(Math.max(0, stopSignals.indexOf(name ?? ''))).toBe(number);
});
