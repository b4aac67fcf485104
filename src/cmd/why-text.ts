// The answer of `minke why pod`, as text.
import type { NodeRefusal, PodExplanation, Trial } from '../scheduler/mod.ts';

const fewNodes = 5;
const fewScores = 10;

const stateTexts: Readonly<Record<PodExplanation['state'], string>> = {
  active: 'is next in the queue',
  backoff: 'waits out its back-off before it is tried again',
  unschedulable: 'fits no node and waits for something that helps',
  gated: 'is held back by its scheduling gates',
  binding: 'has been decided on and is being bound',
  bound: 'is bound',
  finished: 'has ended',
  elsewhere: 'is not for a scheduler of this cluster',
};

/** `all`: every node by name, every score. */
export function whyText(pod: PodExplanation, all: boolean): string {
  const lines = [`pod ${pod.namespace}/${pod.name} ${stateTexts[pod.state]}${pod.nodeName === undefined ? '' : `, node ${pod.nodeName}`}`];
  const fact = (name: string, value: string | undefined) => value !== undefined && lines.push(`  ${name.padEnd(12)}${value}`);
  fact('scheduler', pod.schedulerName);
  fact('priority', pod.priority === 0 ? undefined : String(pod.priority));
  fact('gates', pod.gates.length === 0 ? undefined : pod.gates.join(', '));
  fact('nominated', pod.nominatedNodeName);
  if (pod.attempts !== undefined) fact('tried', `${times(pod.attempts)} in ${pod.waitingSeconds} s`);
  const { decision, trial } = pod;
  if (decision)
    fact(
      'decided',
      `${decision.time} for ${decision.nodeName}: ${decision.feasible} of ${decision.evaluated} nodes looked at were fit, tried ${times(decision.attempts)}`,
    );
  for (const { plugin, event } of pod.wokenBy) fact('waits until', `${event} (${plugin})`);
  if (trial) lines.push('', ...trialLines(trial, pod, all));
  return `${lines.join('\n')}\n`;
}

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`);

function trialLines(trial: Trial, pod: PodExplanation, all: boolean): string[] {
  const lines = [pod.state === 'bound' ? 'If it were decided now:' : 'As things are now:'];
  if (trial.message) lines.push(`  ${trial.message}`);
  else lines.push(`  ${trial.scored.length} of ${trial.nodes} nodes fit`);
  if (trial.everywhere) lines.push(`  ${trial.everywhere.plugin} turns it down for every node`);
  if (trial.reasons.length > 0) lines.push('', ...reasonLines(trial));
  if (trial.refused.length > 0) lines.push('', ...refusalLines(trial.refused, all));
  if (trial.scored.length > 0) lines.push('', ...scoreLines(trial, all));
  return lines;
}

function reasonLines({ reasons }: Trial): string[] {
  return table(
    ['NODES', 'PLUGIN', 'REASON'],
    reasons.map(({ nodes, plugin, reason }) => [String(nodes), plugin, reason]),
  );
}

/** Without `all` the first few nodes of each set of reasons. */
function refusalLines(refused: readonly NodeRefusal[], all: boolean): string[] {
  const seen = new Map<string, number>();
  const rows: string[][] = [];
  for (const { node, refusals } of refused) {
    const text = refusals.map(({ plugin, reasons }) => `${plugin}: ${reasons.join(', ')}`).join('; ');
    const count = (seen.get(text) ?? 0) + 1;
    seen.set(text, count);
    const helps = refusals.every((one) => one.preemptionMayHelp);
    if (all || count <= fewNodes) rows.push([node, helps ? 'yes' : 'no', text]);
  }
  const left = refused.length - rows.length;
  return [...table(['NODE', 'PREEMPTION HELPS', 'WHY NOT'], rows), ...(left > 0 ? [`  and ${left} more alike; --all lists them`] : [])];
}

function scoreLines({ scored }: Trial, all: boolean): string[] {
  const shown = all ? scored : scored.slice(0, fewScores);
  const plugins = [...new Set(shown.flatMap((one) => Object.keys(one.scores)))];
  const rows = shown.map(({ node, total, scores }) => [node, String(total), ...plugins.map((plugin) => String(scores[plugin] ?? 0))]);
  const left = scored.length - shown.length;
  return [...table(['NODE', 'SCORE', ...plugins], rows), ...(left > 0 ? [`  and ${left} more below; --all lists them`] : [])];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [head, ...rows].map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd());
}
