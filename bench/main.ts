// `npm run bench`: runs the parts one after the other and prints a line a figure. `npm run bench -- api start` runs those named.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeCluster } from './cluster.ts';
import type { Part } from './part.ts';
import { admissionPart } from './parts/admission.ts';
import { apiPart } from './parts/api.ts';
import { besidePart } from './parts/beside.ts';
import { celPart } from './parts/cel.ts';
import { definitionsPart } from './parts/definitions.ts';
import { etcdPart } from './parts/etcd.ts';
import { constraintsPart, inProcessPart, schedulerPart } from './parts/in-process.ts';
import { manyPart } from './parts/many.ts';
import { networkPart } from './parts/network.ts';
import { nodePart } from './parts/node.ts';
import { rolloutPart } from './parts/rollout.ts';
import { runningPart } from './parts/running.ts';
import { fleetPart, scalePart } from './parts/scale.ts';
import { startPart } from './parts/start.ts';
import { storedPart } from './parts/stored.ts';
import { turnsPart } from './parts/turns.ts';
import { watchPart } from './parts/watch.ts';
import { writePathPart } from './parts/write-path.ts';
import { stopAll } from './programs.ts';
import { type Line, lineText, verdictOf } from './report.ts';

const parts: readonly Part[] = [
  startPart,
  writePathPart,
  apiPart,
  etcdPart,
  storedPart,
  manyPart,
  watchPart,
  turnsPart,
  besidePart,
  nodePart,
  runningPart,
  networkPart,
  rolloutPart,
  inProcessPart,
  schedulerPart,
  constraintsPart,
  fleetPart,
  scalePart,
  celPart,
  admissionPart,
  definitionsPart,
];

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** The share of a core's time that the hypervisor gave to others, since boot: above a few hundredths figures are noise. */
function stolenPart(): number {
  if (!existsSync('/proc/stat')) return 0;
  const fields = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '').split(/\s+/).slice(1).map(Number);
  return (fields[7] ?? 0) / fields.reduce((sum, value) => sum + value, 0);
}

interface Totals {
  readonly lines: Line[];
  readonly skipped: string[];
  readonly failed: string[];
}

async function runPart(part: Part, totals: Totals): Promise<void> {
  say(`\n${part.about} [${part.name}]`);
  const scratchDir = mkdtempSync(join(tmpdir(), 'minke-bench-'));
  const clusterDirs: string[] = [];
  const startedMs = performance.now();
  try {
    await part.run({
      report: (line) => {
        totals.lines.push(line);
        say(lineText(line));
      },
      skip: (what, why) => {
        totals.skipped.push(what);
        say(`${what.padEnd(54)}     skipped   ${why}`);
      },
      clusterDir: () => {
        const dir = join(scratchDir, `cluster-${clusterDirs.length}`);
        clusterDirs.push(dir);
        return dir;
      },
      scratchDir,
    });
  } catch (error) {
    totals.failed.push(part.name);
    say(`${part.name} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  } finally {
    await stopAll();
    for (const dir of clusterDirs) if (existsSync(dir)) await removeCluster(dir);
    rmSync(scratchDir, { recursive: true, force: true });
    say(`  (${((performance.now() - startedMs) / 1000).toFixed(0)} s)`);
  }
}

async function main(): Promise<number> {
  const named = process.argv.slice(2);
  const unknown = named.filter((name) => !parts.some((part) => part.name === name));
  if (unknown.length > 0 || named.includes('--help')) {
    say(`Parts: ${parts.map((part) => `${part.name} (${part.about})`).join(', ')}`);
    return 1;
  }
  const load = loadavg()[0] ?? 0;
  say(`${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), Node ${process.version}, load ${load.toFixed(1)} at the start`);
  if (load > 0.5) say('Others use this machine: trust the ratios, not the figures.');
  const totals: Totals = { lines: [], skipped: [], failed: [] };
  let stopping = false;
  process.on('SIGTERM', () => {
    stopping = true;
    void stopAll();
  });
  process.on('SIGINT', () => {});
  const isWanted = (part: Part) => (named.length === 0 ? !part.onlyByName : named.includes(part.name));
  for (const part of parts) if (!stopping && isWanted(part)) await runPart(part, totals);
  const met = totals.lines.filter((line) => verdictOf(line) === 'met').length;
  const missed = totals.lines.filter((line) => verdictOf(line) === 'missed');
  say(`\n${met} budgets met, ${missed.length} missed, ${totals.skipped.length} figures skipped, ${totals.failed.length} parts failed.`);
  for (const line of missed) say(`  missed: ${line.what}`);
  say(
    `Load ${(loadavg()[0] ?? 0).toFixed(1)} at the end; ${(stolenPart() * 100).toFixed(1)} % of CPU time went to other machines of the host since boot.`,
  );
  return totals.failed.length > 0 || stopping ? 1 : 0;
}

process.exitCode = await main();
