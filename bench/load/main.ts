// The load generator: a process of its own. Takes one job as JSON, prints one result as JSON.
import { openSync, readSync } from 'node:fs';
import { hugeConfigMap, largePod, smallPod } from '../pod.ts';
import { median, percentile } from '../statistics.ts';
import { Connection, connect, requestBytes } from './connection.ts';
import type { FloodResult, Job, ListResult, ProbeResult, RateResult, ResultOf, StormResult, WatchResult } from './jobs.ts';

type JobOf<D extends Job['do']> = Extract<Job, { do: D }>;

/** Sends `count` requests on so many connections, each as soon as its connection is free. */
async function rate(job: JobOf<'create' | 'get'>, requestOf: (n: number) => Buffer, wanted: number): Promise<RateResult> {
  const { target, count } = job;
  const connections = await Promise.all(Array.from({ length: job.connections }, () => Connection.open(target.port)));
  const latencies = new Float64Array(count);
  let next = 0;
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  const work = async (connection: Connection) => {
    for (let n = next++; n < count; n = next++) {
      const request = requestOf(n);
      const sentMs = performance.now();
      const { status } = await connection.send(request);
      if (status !== wanted) throw new Error(`Request ${n} was answered ${status}`);
      latencies[n] = performance.now() - sentMs;
    }
  };
  await Promise.all(connections.map(work));
  const ms = performance.now() - startedMs;
  const cpu = process.cpuUsage(cpuBefore);
  for (const connection of connections) connection.close();
  const all = [...latencies];
  return {
    perSecond: (count / ms) * 1000,
    p50Ms: percentile(all, 0.5),
    p99Ms: percentile(all, 0.99),
    generatorCpu: (cpu.user + cpu.system) / 1000 / ms,
  };
}

function create(job: JobOf<'create'>): Promise<RateResult> {
  const body = { small: smallPod, large: largePod, huge: hugeConfigMap }[job.size];
  return rate(job, (n) => requestBytes(job.target, 'POST', job.path, body(`${job.prefix}-${n}`)), 201);
}

function get(job: JobOf<'get'>): Promise<RateResult> {
  const request = requestBytes(job.target, 'GET', job.path);
  return rate(job, () => request, 200);
}

async function list(job: JobOf<'list'>): Promise<ListResult> {
  const connection = await Connection.open(job.target.port);
  const request = requestBytes(job.target, 'GET', job.path);
  const whole: number[] = [];
  const first: number[] = [];
  let bytes = 0;
  for (let n = 0; n < job.count; n++) {
    const startedMs = performance.now();
    const answer = await connection.send(request);
    if (answer.status !== 200) throw new Error(`The list was answered ${answer.status}`);
    whole.push(performance.now() - startedMs);
    first.push(answer.firstByteMs);
    bytes = answer.bytes;
  }
  connection.close();
  return { wholeMs: median(whole), firstByteMs: median(first), bytes };
}

async function watch(job: JobOf<'watch'>): Promise<WatchResult> {
  const request = requestBytes(job.target, 'GET', job.watchPath);
  const latencies: number[] = [];
  let sentMs = 0;
  let left = 0;
  let done = () => {};
  const opened = [];
  for (let at = 0; at < job.watchers; at += 50) {
    const sockets = await Promise.all(Array.from({ length: Math.min(50, job.watchers - at) }, () => connect(job.target.port)));
    for (const socket of sockets) {
      socket.write(request);
      await new Promise<void>((resolve) => socket.once('data', () => resolve()));
      socket.on('data', () => {
        if (left === 0) return;
        latencies.push(performance.now() - sentMs);
        if (--left === 0) done();
      });
      opened.push(socket);
    }
  }
  const writer = await Connection.open(job.target.port);
  for (let n = 0; n < job.writes; n++) {
    const body = smallPod(`seen-${n}`);
    const seen = new Promise<void>((resolve) => {
      done = resolve;
    });
    left = job.watchers;
    sentMs = performance.now();
    const answer = await writer.send(requestBytes(job.target, 'POST', job.writePath, body));
    if (answer.status !== 201) throw new Error(`The write was answered ${answer.status}`);
    await seen;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  writer.close();
  for (const socket of opened) socket.destroy();
  return { p50Ms: percentile(latencies, 0.5), p99Ms: percentile(latencies, 0.99) };
}

async function probe({ target, pid, request, ms }: JobOf<'probe'>): Promise<ProbeResult> {
  const connection = await Connection.open(target.port);
  const bytes = requestBytes(target, request.method, request.path, request.body);
  const waited = [waitedMs(pid), waitedMs(process.pid)];
  const waitedAll = () => waited.reduce((sum, read) => sum + read(), 0);
  const latencies: number[] = [];
  let longestOwnMs = 0;
  for (const endMs = performance.now() + ms; performance.now() < endMs; ) {
    const waitedBefore = waitedAll();
    const sentMs = performance.now();
    const { status } = await connection.send(bytes);
    if (status !== 200) throw new Error(`${request.method} ${request.path} was answered ${status}`);
    const tookMs = performance.now() - sentMs;
    latencies.push(tookMs);
    longestOwnMs = Math.max(longestOwnMs, tookMs - (waitedAll() - waitedBefore));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  connection.close();
  return { p50Ms: percentile(latencies, 0.5), p99Ms: percentile(latencies, 0.99), longestMs: Math.max(...latencies), longestOwnMs };
}

/** How long the first thread of a process has waited for a core since it began. */
function waitedMs(pid: number): () => number {
  const file = openSync(`/proc/${pid}/schedstat`, 'r');
  const text = Buffer.alloc(64);
  return () => Number(text.toString('latin1', 0, readSync(file, text, 0, text.length, 0)).split(' ')[1]) / 1e6;
}

async function sendAll({ target, requests }: JobOf<'send'>): Promise<readonly number[]> {
  const connection = await Connection.open(target.port);
  const statuses: number[] = [];
  for (const { method, path, body } of requests) statuses.push((await connection.send(requestBytes(target, method, path, body))).status);
  connection.close();
  return statuses;
}

/** After each phase, so that all that follows from it has been done before the next. */
const settleMs = 500;
const settle = () => new Promise((resolve) => setTimeout(resolve, settleMs));

async function storm({ target, path, watchers, writePath, writes }: JobOf<'storm'>): Promise<StormResult> {
  const request = requestBytes(target, 'GET', path);
  const writer = await Connection.open(target.port);
  const connectMs = Date.now();
  const sockets = await Promise.all(
    Array.from({ length: watchers }, async () => {
      const socket = await connect(target.port);
      socket.on('error', () => {});
      socket.write(request);
      await new Promise<void>((resolve) => socket.once('data', () => resolve()));
      socket.resume();
      return socket;
    }),
  );
  await settle();
  const writeMs = Date.now();
  for (let n = 0; n < writes; n++) {
    const { status } = await writer.send(requestBytes(target, 'POST', writePath, smallPod(`storm-${writeMs}-${n}`)));
    if (status !== 201) throw new Error(`The write was answered ${status}`);
    await new Promise((resolve) => setTimeout(resolve, settleMs / 5));
  }
  await settle();
  const breakOffMs = Date.now();
  for (const socket of sockets) socket.destroy();
  await settle();
  writer.close();
  return { connectMs, writeMs, breakOffMs };
}

async function flood({ target, path, connections, ms }: JobOf<'flood'>): Promise<FloodResult> {
  const request = requestBytes(target, 'GET', path);
  const open = await Promise.all(Array.from({ length: connections }, () => Connection.open(target.port)));
  let answers = 0;
  let refused = 0;
  const startedMs = performance.now();
  await Promise.all(
    open.map(async (connection) => {
      while (performance.now() < startedMs + ms) {
        const { status } = await connection.send(request);
        answers++;
        if (status === 429) refused++;
        else if (status !== 200) throw new Error(`The flood was answered ${status}`);
      }
      connection.close();
    }),
  );
  return { perSecond: (answers / (performance.now() - startedMs)) * 1000, refused: refused / answers };
}

function run(job: Job): Promise<ResultOf<Job>> {
  switch (job.do) {
    case 'create':
      return create(job);
    case 'get':
      return get(job);
    case 'list':
      return list(job);
    case 'watch':
      return watch(job);
    case 'probe':
      return probe(job);
    case 'send':
      return sendAll(job);
    case 'storm':
      return storm(job);
    case 'flood':
      return flood(job);
  }
}

process.stdout.write(JSON.stringify(await run(JSON.parse(process.argv[2] ?? '{}') as Job)));
