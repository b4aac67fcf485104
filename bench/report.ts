// What a run prints: one line a figure, beside its budget and the machine's own limit.

export interface Line {
  readonly what: string;
  readonly measured: number;
  readonly unit: 'us' | 'ms' | 's' | '/s' | 'MB' | 'KiB' | '%' | 'MB/s';
  /** What more there is to say of the figure: `p99 9.8 ms`. */
  readonly detail?: string;
  /** DESIGN's section 4, in the line's unit. */
  readonly budget?: number;
  /** What the figure had to be in the project's first stage, where that differs. */
  readonly firstBudget?: number;
  /** The machine's own, measured in the same run, in the line's unit. */
  readonly limit?: { readonly what: string; readonly value: number };
}

export type Report = (line: Line) => void;

const moreIsBetter = (unit: Line['unit']): boolean => unit === '/s' || unit === 'MB/s';

export function format(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en-US');
  if (value >= 100) return value.toFixed(0);
  return value.toFixed(value >= 10 ? 1 : 2);
}

/** `1.8x`: how many times the limit's time (or a fraction of its rate) the figure is. */
function ratioOf({ measured, limit, unit }: Line): string {
  if (!limit) return '';
  return moreIsBetter(unit) ? `${(measured / limit.value).toFixed(2)} of it` : `${(measured / limit.value).toFixed(1)} times it`;
}

export function verdictOf({ measured, budget, unit }: Line): 'met' | 'missed' | '' {
  if (budget === undefined) return '';
  return (moreIsBetter(unit) ? measured >= budget : measured <= budget) ? 'met' : 'missed';
}

export function lineText(line: Line): string {
  const { what, measured, unit, detail, budget, firstBudget, limit } = line;
  const figure = `${format(measured)} ${unit}`.padStart(11);
  const parts = [
    budget === undefined
      ? ''
      : `budget ${format(budget)}${firstBudget === undefined ? '' : ` (at first ${format(firstBudget)})`}: ${verdictOf(line)}`,
    limit ? `${limit.what} ${format(limit.value)}: ${ratioOf(line)}` : '',
    detail ?? '',
  ].filter((part) => part !== '');
  return `${what.padEnd(54)} ${figure}   ${parts.join('; ')}`;
}
