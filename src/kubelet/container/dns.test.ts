import { expect, test } from 'vitest';
import type { V1Pod } from '../../api/mod.ts';
import { hostsFile, parseResolvConf, podDns, podHostname } from './dns.ts';

const host = { servers: ['9.9.9.9'], searches: ['lan'], options: ['timeout:1'] };
const cluster = { servers: ['10.96.0.10'], domain: 'cluster.local' };
const podOf = (spec: Partial<NonNullable<V1Pod['spec']>>): V1Pod => ({
  metadata: { name: 'web', namespace: 'ns' },
  spec: { containers: [], ...spec },
});

test('resolv.conf is read', () => {
  const text = '# comment\nnameserver 1.1.1.1\nnameserver 8.8.8.8\nsearch a.example. b\noptions ndots:2 rotate\n';
  expect(parseResolvConf(text)).toEqual({ servers: ['1.1.1.1', '8.8.8.8'], searches: ['a.example', 'b'], options: ['ndots:2', 'rotate'] });
});

const clusterFirst = {
  servers: ['10.96.0.10'],
  searches: ['ns.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'lan'],
  options: ['ndots:5'],
};
test.each<[string, Partial<NonNullable<V1Pod['spec']>>, typeof cluster | undefined, unknown]>([
  ['ClusterFirst', {}, cluster, clusterFirst],
  ['ClusterFirst without a cluster DNS', {}, undefined, host],
  ['ClusterFirst on the host network', { hostNetwork: true }, cluster, host],
  ['ClusterFirstWithHostNet', { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }, cluster, clusterFirst],
  ['Default', { dnsPolicy: 'Default' }, cluster, host],
  [
    'None with its own',
    {
      dnsPolicy: 'None',
      dnsConfig: { nameservers: ['1.2.3.4'], searches: ['x'], options: [{ name: 'ndots', value: '1' }, { name: 'rotate' }] },
    },
    cluster,
    { servers: ['1.2.3.4'], searches: ['x'], options: ['ndots:1', 'rotate'] },
  ],
  [
    'its own on top',
    { dnsConfig: { searches: ['x'], options: [{ name: 'ndots', value: '2' }] } },
    cluster,
    { ...clusterFirst, searches: [...clusterFirst.searches, 'x'], options: ['ndots:2'] },
  ],
])('%s', (_, spec, dns, expected) => {
  expect(podDns(podOf(spec), host, dns)).toEqual(expected);
});

test('a hosts file names the pod and its aliases', () => {
  const pod = podOf({ hostAliases: [{ ip: '1.2.3.4', hostnames: ['a', 'b'] }], hostname: 'db', subdomain: 'sub' });
  const text = hostsFile({ pod, podIPs: ['10.0.0.2'], machineHosts: '', ...podHostname(pod, 'cluster.local') });
  expect(text).toContain('# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n');
  expect(text).toContain('10.0.0.2\tdb.sub.ns.svc.cluster.local\tdb\n');
  expect(text).toContain('\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n');
});

test("on the host's network it is the machine's own", () => {
  const pod = podOf({ hostNetwork: true });
  expect(hostsFile({ pod, podIPs: [], hostname: 'x', domain: '', machineHosts: '127.0.0.1 me\n' })).toBe(
    '# Kubernetes-managed hosts file (host network).\n127.0.0.1 me\n',
  );
});

test('a long name is cut to what a hostname may have', () => {
  const pod: V1Pod = { metadata: { name: `${'a'.repeat(62)}-bcd`, namespace: 'ns' }, spec: { containers: [] } };
  expect(podHostname(pod, undefined).hostname).toBe('a'.repeat(62));
});
