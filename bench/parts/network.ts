// The network: what keeping rules costs, what they cost packets, and DNS, in network namespaces that the measurement makes.
import { existsSync, readFileSync } from 'node:fs';
import { ipv4 } from '../../src/network/addresses/family.ts';
import { renderRules } from '../../src/network/cni/rules.ts';
import { createNft } from '../../src/network/nftables/nft.ts';
import { service, slice } from '../../src/network/proxy/fixtures.fake.ts';
import { frontendsOf } from '../../src/network/proxy/model.ts';
import { type BaseOptions, renderAll, renderChange } from '../../src/network/proxy/nftables.ts';
import { Program } from '../../src/network/proxy/plan.ts';
import { createNamespaces, type Namespaces } from '../network/namespaces.ts';
import type { Part, PartContext } from '../part.ts';
import { cpuSeconds } from '../programs.ts';
import { median, percentile } from '../statistics.ts';

const [servicesCount, endpointsEach, changes] = [10_000, 5, 50];
const base: BaseOptions = {
  family: ipv4,
  table: 'minke-bench-services',
  bridge: 'mkbench',
  podCidr: '10.42.0.0/16',
  serviceCidr: '10.96.0.0/16',
  gateway: '10.42.0.1',
};
const here = { nodeName: 'here', zone: undefined, family: ipv4 };
const [podA, podB] = ['10.42.0.2', '10.42.0.3'];
const clusterIp = '10.96.255.1';

/** A bridge with two pods on it, shown to the filters or not. */
const bridged = (pods: readonly [string, string], isShown: boolean) => `
  ip link add ${base.bridge} type bridge; ip addr add ${base.gateway}/16 dev ${base.bridge}; ip link set ${base.bridge} up
  if [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then echo ${isShown ? 1 : 0} > /proc/sys/net/bridge/bridge-nf-call-iptables; fi
  for pod in "${pods[0]} ${podA}" "${pods[1]} ${podB}"; do set -- $pod
    ip link add v$2 type veth peer name eth0 netns $1; ip link set v$2 master ${base.bridge} up; bridge link set dev v$2 hairpin on
    ip -n $1 addr add $2/16 dev eth0; ip -n $1 link set eth0 up; ip -n $1 route add default via ${base.gateway}
  done`;

/** One node's network as a cluster makes it, and a plain pair of interfaces beside it. */
const layout = `
  echo 1 > /proc/sys/net/ipv4/ip_forward
  ${bridged(['@a', '@b'], true)}
  ip route add ${base.serviceCidr} dev ${base.bridge}
  ip -n @c link add plain type veth peer name plain netns @d
  ip -n @c addr add 192.0.2.1/24 dev plain; ip -n @c link set plain up
  ip -n @d addr add 192.0.2.2/24 dev plain; ip -n @d link set plain up`;

const lines = [
  `full sync of ${servicesCount} services of ${endpointsEach} endpoints`,
  'one endpoint change, CPU',
  'one endpoint change, to its effect',
  'throughput over a bridge without rules',
  'throughput pod to pod',
  'throughput through a ClusterIP',
  'first packet through a service, beside direct',
  'DNS answers for each second of CPU',
  'DNS at 1,000 a second, p99',
] as const;

export const networkPart: Part = {
  name: 'network',
  about: 'rules of services, what they cost packets, and DNS',
  async run(context) {
    if (process.getuid?.() !== 0) {
      for (const what of lines) context.skip(what, 'needs root');
      return;
    }
    const spaces = createNamespaces();
    try {
      for (const name of ['router', 'a', 'b', 'c', 'd', 'bare', 'e', 'f']) spaces.make(name);
      spaces.sh('router', layout);
      spaces.sh('bare', bridged(['@e', '@f'], false));
      const bridgeNetfilter = existsSync('/proc/sys/net/bridge/bridge-nf-call-iptables');
      await createNft(
        spaces.processes('router'),
        'nft',
      )(renderRules({ table: 'minke-bench', bridge: base.bridge, podCidr: base.podCidr, clusterCidr: base.podCidr, bridgeNetfilter }));
      await rules(context, spaces);
      await packets(context, spaces);
      await names(context, spaces);
    } finally {
      await spaces.remove();
    }
  },
};

/** Of this process and of those that it has waited for. */
function cpuMs(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000 + (Number(fields[13]) + Number(fields[14])) * 10;
}

async function rules({ report }: PartContext, spaces: Namespaces): Promise<void> {
  const nft = createNft(spaces.processes('router'), 'nft');
  const endpointsOf = (i: number, more = 0) =>
    Array.from({ length: endpointsEach }, (_, at) => ({ ip: `10.42.${1 + (i % 200)}.${1 + ((i * 7 + at + more) % 250)}` }));
  const all = Array.from({ length: servicesCount }, (_, i) => ({
    service: service(`s${i}`, { clusterIP: `10.96.${i >> 8}.${i & 255}` }),
    slices: [slice(`s${i}`, endpointsOf(i))],
  }));
  const begun = performance.now();
  const beforeMs = cpuMs();
  const program = new Program(base.podCidr);
  for (const [i, one] of all.entries()) program.want(`default/s${i}`, frontendsOf(one.service, one.slices, here));
  const measured = service('measured', {
    clusterIP: clusterIp,
    ports: [8080, 8081].map((port) => ({ name: `p${port}`, port, protocol: 'TCP' })),
  });
  const measuredSlices = [8080, 8081].map((port) => slice('measured', [{ ip: podB }], port, 'TCP', `p${port}`));
  program.want('default/measured', frontendsOf(measured, measuredSlices, here));
  program.plan();
  await nft(renderAll(base, program.everything()));
  report({
    what: lines[0],
    measured: (performance.now() - begun) / 1000,
    unit: 's',
    budget: 3,
    detail: `${Math.round(cpuMs() - beforeMs)} ms of CPU, nft included`,
  });
  const times: number[] = [];
  const changesBeforeMs = cpuMs();
  for (let i = 0; i < changes; i++) {
    const startedMs = performance.now();
    const one = all[i * 37];
    program.want(`default/s${i * 37}`, one ? frontendsOf(one.service, [slice(`s${i * 37}`, endpointsOf(i * 37, 11))], here) : []);
    const change = program.plan();
    if (!change) throw new Error('The change of an endpoint changed nothing');
    await nft(renderChange(base, change));
    times.push(performance.now() - startedMs);
  }
  report({ what: lines[1], measured: (cpuMs() - changesBeforeMs) / changes, unit: 'ms', budget: 20, detail: 'nft included' });
  report({ what: lines[2], measured: median(times), unit: 'ms', budget: 50, detail: `p99 ${percentile(times, 0.99).toFixed(1)} ms` });
}

const rounds = 15;
const sendSeconds = '0.3';

interface Sent {
  readonly mbs: number;
  /** Of both ends together, for each MB. */
  readonly cpuMsEach: number;
}

/**
 * In turns, so that a busy machine slows all: what counts is the middle one of the rounds' ratios. The bridge without rules is what any pod
 * network of one bridge has at most; what lies between it and ours are filters and connection tracking.
 */
async function packets({ report }: PartContext, spaces: Namespaces): Promise<void> {
  const [pod, plainEnd, bareEnd] = [
    await spaces.serve('b', 'serve', podB, '8080'),
    await spaces.serve('d', 'serve', '192.0.2.2', '8080'),
    await spaces.serve('f', 'serve', podB, '8080'),
  ];
  const [plain, bare, direct, through]: [Sent[], Sent[], Sent[], Sent[]] = [[], [], [], []];
  const send = (from: string, to: string, pid: string) => spaces.run<Sent>(from, 'send', to, '8080', sendSeconds, pid);
  for (let i = 0; i < rounds; i++) {
    plain.push(await send('c', '192.0.2.2', plainEnd));
    bare.push(await send('e', podB, bareEnd));
    direct.push(await send('a', podB, pod));
    through.push(await send('a', clusterIp, pod));
  }
  const beside = (of: readonly Sent[], other: readonly Sent[], key: keyof Sent) =>
    median(of.map((one, i) => one[key] / (other[i] ?? one)[key]));
  const limit = { what: 'a plain pair of interfaces', value: median(plain.map(({ mbs }) => mbs)) };
  for (const [i, of] of [bare, direct, through].entries()) {
    const ofBare = of === bare ? '' : `${beside(of, bare, 'mbs').toFixed(2)} of the bridge without rules; `;
    const detail = `${ofBare}CPU for each byte ${beside(of, plain, 'cpuMsEach').toFixed(2)} times the pair's`;
    const measured = beside(of, plain, 'mbs') * limit.value;
    report({ what: lines[3 + i] ?? '', measured, unit: 'MB/s', limit, detail, ...(of === bare ? {} : { budget: limit.value * 0.9 }) });
  }
  const { directMs, throughMs } = await spaces.run<{ directMs: number; throughMs: number }>(
    'a',
    ...['connect', podB, '8081', clusterIp, '8081', '1000'],
  );
  report({
    what: lines[6],
    measured: Math.max(0, throughMs - directMs),
    unit: 'ms',
    budget: 0.1,
    detail: `${directMs.toFixed(3)} ms direct, ${throughMs.toFixed(3)} ms through it, until the connection stands`,
  });
}

interface Asked {
  readonly answers: number;
  readonly lost: number;
  readonly bad: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

async function names({ report }: PartContext, spaces: Namespaces): Promise<void> {
  const [port = '', pid = ''] = (await spaces.serve('c', 'dns', '192.0.2.1')).split(' ');
  const ask = (...how: readonly string[]) => spaces.run<Asked>('d', 'ask', '192.0.2.1', port, ...how);
  await ask('1', 'window', '32');
  const before = cpuSeconds(Number(pid));
  const flood = await ask('4', 'window', '64');
  const used = cpuSeconds(Number(pid)) - before;
  if (flood.bad > 0) throw new Error(`${flood.bad} of ${flood.answers} DNS answers were wrong`);
  report({
    what: lines[7],
    measured: flood.answers / used,
    unit: '/s',
    budget: 20_000,
    detail: `${Math.round(flood.perSecond)}/s with 64 under way beside its client`,
  });
  const paced = await ask('5', 'rate', '1000');
  report({
    what: lines[8],
    measured: paced.p99Ms,
    unit: 'ms',
    budget: 2,
    detail: `p50 ${paced.p50Ms.toFixed(2)} ms, ${paced.lost} of ${paced.answers + paced.lost} lost`,
  });
}
