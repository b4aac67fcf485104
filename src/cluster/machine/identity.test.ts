import { expect, test } from 'vitest';
import { establishIdentity, type IdentityRequest } from './identity.ts';
import type { MachinePorts } from './ports.ts';

const ports = {
  fs: {
    readText: async () => undefined,
    linkStat: async () => undefined,
    list: async () => [],
    mkdir: async () => {},
    write: async () => {},
  },
  clock: { nowMs: () => 0 },
  machine: { hostname: 'Host' },
} as unknown as MachinePorts;
const establish = (more: Partial<IdentityRequest>) =>
  establishIdentity({
    ports,
    dataDir: '/data',
    port: undefined,
    bindAddress: undefined,
    podNetwork: undefined,
    serviceCidr: undefined,
    podCidr: undefined,
    node: true,
    takenRanges: async () => ['10.42.0.0/24', 'fd00:7::/64'],
    runRoot: '/run/minke',
    ...more,
  });

test('of itself a cluster has ranges of IPv4 alone, that nobody uses', async () => {
  expect(await establish({})).toMatchObject({
    clusterCidr: '10.43.0.0/16',
    podCidr: '10.43.0.0/24',
    serviceCidr: '10.96.0.0/20',
    nodeName: 'host',
  });
});

test('of two families the first node has a part of each', async () => {
  const ranges = { podCidr: '10.50.0.0/16,fd00:50::/56', serviceCidr: '10.150.0.0/20,fd00:150::/112' };
  expect(await establish(ranges)).toMatchObject({ clusterCidr: ranges.podCidr, podCidr: '10.50.0.0/24,fd00:50::/64' });
});

const six = { podCidr: 'fd00:50::/56', serviceCidr: 'fd00:150::/112' };
test.each<[string, Partial<IdentityRequest>, string]>([
  [
    'pods of two families, services of one',
    { podCidr: '10.50.0.0/16,fd00:50::/56' },
    '--pod-cidr has ranges of IPv4 and IPv6, --service-cidr of IPv4',
  ],
  ['other families', { ...six, serviceCidr: '10.150.0.0/20' }, '--pod-cidr has ranges of IPv6, --service-cidr of IPv4'],
  [
    'a range in use',
    { podCidr: '10.50.0.0/16,fd00:7::/56', serviceCidr: '10.150.0.0/20,fd00:150::/112' },
    'The range fd00:7::/56 overlaps fd00:7::/64',
  ],
  ['ranges that overlap', { ...six, serviceCidr: 'fd00:50::/112', bindAddress: '::' }, 'overlap. Choose others'],
  ['IPv6 alone, and a server on loopback', six, '--bind-address: pods of a cluster whose first range is of IPv6 cannot reach'],
])('%s are refused', async (_, more, says) => {
  await expect(establish(more)).rejects.toThrow(says);
});

test('IPv6 alone, and a server that pods reach', async () => {
  expect(await establish({ ...six, bindAddress: '::' })).toMatchObject({ podCidr: 'fd00:50::/64', serviceCidr: six.serviceCidr });
});

test('without a node, services alone say which families there are', async () => {
  const made = await establish({ node: false, serviceCidr: 'fd00:150::/112' });
  expect([made.clusterCidr, made.podCidr]).toEqual(['fd00:10:244::/56', 'fd00:10:244::/64']);
});
