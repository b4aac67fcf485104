// The extenders of a configuration, asked in their order.
import type { V1Node, V1Pod } from '../../api/mod.ts';
import { errorText, type Logger } from '../../base/mod.ts';
import type { ExtenderConfiguration } from '../config/extenders.ts';
import { type Candidate, scoreMax, type Verdict } from '../framework.ts';
import { argsOf, bindingOf, checkError, preemptionOf, readFilter, readPreemption, readPriorities } from './wire.ts';

/** Posts JSON to `urlPrefix/verb` and gives the JSON of the answer, within the extender's time. Throws for anything but a 200. */
export type ExtenderPost = (config: ExtenderConfiguration, verb: string, body: object, signal: AbortSignal) => Promise<unknown>;

/** The name under which extenders turn pods down, as upstream has it. */
export const extenderName = 'extender';
/** What an extender may give a node. */
const extenderScoreMax = 10;

export interface ExtendersOptions {
  readonly configurations: readonly ExtenderConfiguration[];
  readonly post: ExtenderPost;
  readonly log: Logger;
}

export interface ExtenderFilter {
  readonly left: readonly V1Node[];
  readonly refused: ReadonlyMap<string, Verdict>;
}

/** Pods that ask for none of what an extender looks after are none of its business. */
function isInterested({ managedResources }: ExtenderConfiguration, pod: V1Pod): boolean {
  if (managedResources.length === 0) return true;
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  return containers.some(({ resources }) =>
    managedResources.some((name) => resources?.requests?.[name] !== undefined || resources?.limits?.[name] !== undefined),
  );
}

export class Extenders {
  readonly #configurations: readonly ExtenderConfiguration[];
  readonly #post: ExtenderPost;
  readonly #log: Logger;

  constructor({ configurations, post, log }: ExtendersOptions) {
    this.#configurations = configurations;
    this.#post = post;
    this.#log = log;
  }

  /** Whether some extender has a word in where the pod goes. */
  decideOn(pod: V1Pod): boolean {
    return this.#configurations.some((one) => (one.filterVerb !== '' || one.prioritizeVerb !== '') && isInterested(one, pod));
  }

  /** Each is asked about what those before it have left. Throws when one that counts gives no answer. */
  async filter(pod: V1Pod, nodes: readonly V1Node[], signal: AbortSignal): Promise<ExtenderFilter> {
    const refused = new Map<string, Verdict>();
    let left = nodes;
    for (const config of this.#of(pod, 'filterVerb')) {
      if (left.length === 0) break;
      const byName = new Map(left.map((node) => [node.metadata?.name ?? '', node]));
      const answer = await this.#ask(config, async () =>
        readFilter(config, await this.#post(config, config.filterVerb, argsOf(config, pod, left), signal), [...byName.keys()]),
      );
      if (!answer) continue;
      const by = { plugin: extenderName };
      for (const [name, reason] of answer.failed) refused.set(name, { is: 'unschedulable', reasons: [reason], ...by });
      for (const [name, reason] of answer.unresolvable) refused.set(name, { is: 'unresolvable', reasons: [reason], ...by });
      const kept = new Set(answer.left);
      for (const name of byName.keys()) {
        if (kept.has(name)) refused.delete(name);
        else if (!refused.has(name)) refused.set(name, { is: 'unschedulable', reasons: [], ...by });
      }
      left = left.filter((node) => kept.has(node.metadata?.name ?? ''));
    }
    return { left, refused };
  }

  /** What is added to each node's score. An extender that gives no answer gives no points. */
  async score(pod: V1Pod, nodes: readonly V1Node[], signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
    const totals = new Map<string, number>();
    const asked = this.#of(pod, 'prioritizeVerb').map(async (config) => {
      try {
        const scores = readPriorities(await this.#post(config, config.prioritizeVerb, argsOf(config, pod, nodes), signal));
        return { config, scores };
      } catch (error) {
        this.#log.warn('Extender gave no scores', { extender: config.urlPrefix, error: errorText(error) });
        return undefined;
      }
    });
    for (const answer of await Promise.all(asked)) {
      for (const [name, score] of answer?.scores ?? []) {
        const points = score * (answer?.config.weight ?? 0) * (scoreMax / extenderScoreMax);
        totals.set(name, (totals.get(name) ?? 0) + points);
      }
    }
    return totals;
  }

  /** The candidates that every extender agrees to. Throws when one that counts gives no answer. */
  async preempt(
    pod: V1Pod,
    candidates: readonly Candidate[],
    on: { readonly podsOn: (nodeName: string) => readonly V1Pod[]; readonly signal: AbortSignal },
  ): Promise<readonly Candidate[]> {
    let left = candidates;
    for (const config of this.#of(pod, 'preemptVerb')) {
      if (left.length === 0) break;
      const answer = await this.#ask(config, async () =>
        readPreemption(config, await this.#post(config, config.preemptVerb, preemptionOf(config, pod, left), on.signal), on.podsOn),
      );
      left = answer ?? left;
    }
    return left;
  }

  preemptsFor(pod: V1Pod): boolean {
    return this.#of(pod, 'preemptVerb').length > 0;
  }

  /** Binds the pod, where an extender does that. False: it is the plugins' to bind. */
  async bind(pod: V1Pod, nodeName: string, signal: AbortSignal): Promise<boolean> {
    const [config] = this.#of(pod, 'bindVerb');
    if (!config) return false;
    const answer = await this.#ask(config, async () => {
      checkError(await this.#post(config, config.bindVerb, bindingOf(pod, nodeName), signal));
      return true;
    });
    return answer === true;
  }

  #of(pod: V1Pod, verb: 'filterVerb' | 'prioritizeVerb' | 'preemptVerb' | 'bindVerb'): readonly ExtenderConfiguration[] {
    return this.#configurations.filter((config) => config[verb] !== '' && isInterested(config, pod));
  }

  /** Undefined when it failed and may be ignored. */
  async #ask<T>(config: ExtenderConfiguration, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!config.ignorable) throw error;
      this.#log.warn('Extender is left out: it failed and is ignorable', { extender: config.urlPrefix, error: errorText(error) });
      return undefined;
    }
  }
}
