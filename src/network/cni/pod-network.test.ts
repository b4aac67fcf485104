// The machine's settings through the life of a pod network: what they were is put back in the network namespace where it was, and only there.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { VirtualClock } from '../../base/mod.ts';
import { type FileSystem, systemFiles } from '../../base/ports/fs.ts';
import { type Processes, systemProcesses } from '../../base/ports/process.ts';
import { createPodNetwork } from './pod-network.ts';

const dir = mkdtempSync(join(tmpdir(), 'minke-pod-network-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const settings = ['net/ipv4/ip_forward', 'net/bridge/bridge-nf-call-iptables', 'net/ipv4/conf/all/route_localnet'];
const bridge = 'mkab12cd';
const read = (path: string) => readFileSync(join(dir, 'proc/sys', path), 'utf8').trim();
const records = () => readdirSync(join(dir, 'run/minke')).filter((name) => name.startsWith('sysctls-'));

/** The machine's files, below a directory. */
const files = new Proxy(systemFiles, {
  get:
    (target, name) =>
    (path: string, ...rest: unknown[]) =>
      (Reflect.get(target, name) as (...args: unknown[]) => unknown).call(target, join(dir, path), ...rest),
}) as FileSystem;

/** A network namespace that nobody has been in: its interfaces are those that `ip` is told to add. Its inode is always the same. */
function freshNamespace(value: string): Processes {
  for (const path of settings) {
    mkdirSync(dirname(join(dir, 'proc/sys', path)), { recursive: true });
    writeFileSync(join(dir, 'proc/sys', path), `${value}\n`);
  }
  const links = new Set(['lo']);
  const run: Processes['run'] = async (program, args) => {
    if (program === 'nft') return { code: 0, stdout: '{}', stderr: '' } as Awaited<ReturnType<Processes['run']>>;
    const [verb, name = ''] = args.slice(args.indexOf('link') + 1);
    if (args.includes('link') && verb === 'add') links.add(name);
    if (args.includes('link') && verb === 'del') links.delete(name);
    const isThere = !args.includes(bridge) || links.has(bridge);
    const stdout = args.join(' ') === '-j link show' ? JSON.stringify([...links].map((ifname) => ({ ifname }))) : '';
    return { code: isThere ? 0 : 1, stdout, stderr: '' } as Awaited<ReturnType<Processes['run']>>;
  };
  return { ...systemProcesses, run };
}

const networkIn = (processes: Processes) =>
  createPodNetwork({
    clusterId: 'ab12cd',
    fs: files,
    processes,
    clock: new VirtualClock({ settle: async () => {} }),
    programs: { ip: 'ip', nft: 'nft' },
  });
const options = { podCidr: '10.42.0.0/24', confDir: '/conf', leasesDir: '/leases' };

test('a namespace that has the inode of one that vanished does not get that one’s settings', async () => {
  mkdirSync(join(dir, 'proc/self/ns'), { recursive: true });
  mkdirSync(join(dir, 'run/minke'), { recursive: true });
  symlinkSync('net:[4711]', join(dir, 'proc/self/ns/net'));
  await networkIn(freshNamespace('0')).setUp(options);
  expect([settings.map(read), records()]).toEqual([['1', '1', '1'], ['sysctls-4711.json']]);

  // It vanishes without a word; the next one has had its own `1` all along.
  const next = freshNamespace('1');
  await networkIn(next).setUp(options);
  await networkIn(next).setUp(options);
  await networkIn(next).remove();
  expect([settings.map(read), records()]).toEqual([['1', '1', '1'], []]);
});

test('setting up again keeps what was before, and the last cluster puts it back', async () => {
  const namespace = freshNamespace('0');
  await networkIn(namespace).setUp(options);
  await networkIn(namespace).setUp(options);
  expect(settings.map(read)).toEqual(['1', '1', '1']);
  await networkIn(namespace).remove();
  expect([settings.map(read), records()]).toEqual([['0', '0', '0'], []]);
});
