// The API server over a single local etcd with TLS, beside the same server over lmdb, in turn: what the store in etcd costs.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { etcdCredentials } from '../../test/e2e/etcd-servers.ts';
import { type BenchCluster, startControlPlane, startMinke } from '../cluster.ts';
import type { RateResult } from '../load/jobs.ts';
import type { Part, PartContext } from '../part.ts';
import { cpuSeconds, freePort, load, type Program, start, stop } from '../programs.ts';
import { median } from '../statistics.ts';

const podsPath = '/api/v1/namespaces/default/pods';
const listedPath = '/api/v1/namespaces/default/configmaps';
const binary = '/usr/bin/etcd';
const startMaxMs = 20_000;
const rounds = 3;

export const etcdPart: Part = {
  name: 'etcd',
  about: 'API server over one etcd with TLS, beside lmdb',
  async run(context) {
    if (!existsSync(binary)) return context.skip('creates, GETs and lists over etcd', 'etcd-server is not installed');
    const { etcd, flags } = await startEtcd(context.scratchDir);
    const over = await startMinke(context.clusterDir(), ['--no-node', ...flags]);
    const beside = await startControlPlane(context.clusterDir());
    for (const { target } of [over, beside])
      await load({ do: 'create', target, path: podsPath, size: 'small', connections: 16, count: 2000, prefix: 'warm' });
    await creates(context, over, beside, { connections: 16, count: 2000 });
    await creates(context, over, beside, { connections: 1, count: 300 });
    await gets(context, over, beside);
    await lists(context, over, beside);
    await Promise.all([over.stop(), beside.stop()]);
    await stop(etcd);
  },
};

/** Resolves when it serves. The flags are those that Minke takes. */
async function startEtcd(dir: string): Promise<{ etcd: Program; flags: readonly string[] }> {
  const { files, server } = await etcdCredentials(dir);
  const own = [`--cert-file=${server.cert}`, `--key-file=${server.key}`];
  const [url, peer] = [`https://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
  const urls = [`--listen-client-urls=${url}`, `--advertise-client-urls=${url}`, `--listen-peer-urls=${peer}`];
  const member = ['--name=m0', `--initial-advertise-peer-urls=${peer}`, `--initial-cluster=m0=${peer}`];
  const etcd = start(
    [`--data-dir=${join(dir, 'etcd')}`, ...own, `--trusted-ca-file=${files.ca}`, '--client-cert-auth', ...urls, ...member],
    binary,
  );
  for (const untilMs = performance.now() + startMaxMs; !etcd.said().includes('ready to serve client requests'); ) {
    if (performance.now() > untilMs) throw new Error(`etcd does not serve: ${etcd.said()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const credentials = [`--etcd-cafile=${files.ca}`, `--etcd-certfile=${files.cert}`, `--etcd-keyfile=${files.key}`];
  return { etcd, flags: [`--etcd-servers=${url}`, ...credentials] };
}

interface Both {
  readonly over: readonly RateResult[];
  readonly beside: readonly RateResult[];
  /** Of the server over etcd, for each request. */
  readonly cpuMicros: number;
}

async function inTurn(
  over: BenchCluster,
  count: number,
  ask: (which: 'over' | 'beside', round: number) => Promise<RateResult>,
): Promise<Both> {
  const results: { over: RateResult[]; beside: RateResult[] } = { over: [], beside: [] };
  const before = cpuSeconds(over.pid);
  for (let round = 0; round < rounds; round++) {
    results.beside.push(await ask('beside', round));
    results.over.push(await ask('over', round));
  }
  return { ...results, cpuMicros: ((cpuSeconds(over.pid) - before) / (rounds * count)) * 1e6 };
}

const perSecond = (runs: readonly RateResult[]): number => median(runs.map((run) => run.perSecond));
const detailOf = ({ over, beside, cpuMicros }: Both): string => {
  const p50 = (runs: readonly RateResult[]) => median(runs.map((run) => run.p50Ms)).toFixed(2);
  return `p50 ${p50(over)} ms (lmdb ${p50(beside)}); server CPU ${Math.round(cpuMicros)} us each`;
};

async function creates(
  { report }: PartContext,
  over: BenchCluster,
  beside: BenchCluster,
  { connections, count }: { readonly connections: number; readonly count: number },
): Promise<void> {
  const job = { do: 'create', size: 'small', path: podsPath, connections, count } as const;
  const both = await inTurn(over, count, (which, round) =>
    load({ ...job, target: { over, beside }[which].target, prefix: `c${connections}-${round}` }),
  );
  report({
    what: `pod creates over etcd, ${connections === 1 ? 'one connection' : `${connections} connections`}`,
    measured: perSecond(both.over),
    unit: '/s',
    limit: { what: 'over lmdb', value: perSecond(both.beside) },
    detail: detailOf(both),
  });
}

async function gets({ report }: PartContext, over: BenchCluster, beside: BenchCluster): Promise<void> {
  const job = { do: 'get', path: `${podsPath}/warm-7`, connections: 16, count: 4000 } as const;
  const both = await inTurn(over, job.count, (which) => load({ ...job, target: { over, beside }[which].target }));
  report({
    what: 'GETs of a pod over etcd, 16 connections',
    measured: perSecond(both.over),
    unit: '/s',
    limit: { what: 'over lmdb', value: perSecond(both.beside) },
    detail: detailOf(both),
  });
}

/** Of objects that stay as they are. */
async function lists({ report }: PartContext, over: BenchCluster, beside: BenchCluster): Promise<void> {
  for (const { target } of [over, beside])
    await load({ do: 'create', target, path: listedPath, size: 'huge', connections: 4, count: 100, prefix: 'huge' });
  const job = { do: 'list', path: listedPath, count: 5 } as const;
  const besideMs = (await load({ ...job, target: beside.target })).wholeMs;
  const list = await load({ ...job, target: over.target });
  report({
    what: 'list of 100 config maps of 100 KB over etcd',
    measured: list.wholeMs,
    unit: 'ms',
    limit: { what: 'over lmdb', value: besideMs },
    detail: `${(list.bytes / 1e6).toFixed(0)} MB`,
  });
}
