// How many seats each priority level has: the server's seats, shared out in proportion to the levels' shares.
import type { V1PriorityLevelConfiguration } from '../../api/mod.ts';
import type { LevelLimits } from './priority-level.ts';

const unbounded = Number.POSITIVE_INFINITY;

/** By name. `seats` are those of the whole server. */
export function limitsOf(levels: readonly V1PriorityLevelConfiguration[], seats: number): ReadonlyMap<string, LevelLimits> {
  const total = levels.reduce((sum, level) => sum + sharesOf(level), 0);
  return new Map(levels.map((level) => [level.metadata?.name ?? '', limitsOfOne(level, total === 0 ? 0 : seats / total)]));
}

const sharesOf = ({ spec }: V1PriorityLevelConfiguration): number =>
  spec?.limited?.nominalConcurrencyShares ?? spec?.exempt?.nominalConcurrencyShares ?? 0;

function limitsOfOne(level: V1PriorityLevelConfiguration, seatsPerShare: number): LevelLimits {
  const { type, limited, exempt } = level.spec ?? {};
  const nominal = Math.ceil(sharesOf(level) * seatsPerShare);
  const lendable = Math.round((nominal * ((limited ?? exempt)?.lendablePercent ?? 0)) / 100);
  if (type === 'Exempt') return { exempt: true, nominal, lendable, borrowable: unbounded, queuing: undefined };
  const percent = limited?.borrowingLimitPercent;
  const borrowable = percent === undefined ? unbounded : Math.round((nominal * percent) / 100);
  const { queues = 64, queueLengthLimit = 50, handSize = 8 } = limited?.limitResponse?.queuing ?? {};
  const queuing = limited?.limitResponse?.type === 'Queue' ? { queues, queueLengthLimit, handSize } : undefined;
  return { exempt: false, nominal, lendable, borrowable, queuing };
}
