// Metrics in Prometheus' text form: counters, gauges and histograms with labels. Counting costs a map lookup and an addition.
// Source: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
import { assert } from './assert.ts';

/** Series that one metric may have. Further ones are counted together, without a name of their own: labels must not eat memory. */
export const seriesMax = 10_000;

export type MetricType = 'counter' | 'gauge' | 'histogram';

export interface MetricOptions {
  /** `apiserver_request_total` */
  readonly name: string;
  readonly help: string;
  /** Names of the labels. Default: none. */
  readonly labels?: readonly string[];
}

export interface Counter {
  add(amount?: number): void;
}

export interface Gauge {
  set(value: number): void;
  add(amount: number): void;
}

export interface Histogram {
  observe(value: number): void;
}

/** A metric's series, one for each list of label values, in the order of the label names. Keep what `of` gives where it is hot. */
export interface Family<S> {
  of(...values: readonly string[]): S;
}

/** One value read when somebody asks. */
export interface Sample {
  readonly values?: readonly string[];
  readonly value: number;
}

export interface Metrics {
  counter(options: MetricOptions): Family<Counter>;
  gauge(options: MetricOptions): Family<Gauge>;
  /** `buckets`: upper bounds, ascending; the infinite one is implied. */
  histogram(options: MetricOptions & { readonly buckets: readonly number[] }): Family<Histogram>;
  /** A metric that costs nothing until it is read. */
  collect(options: MetricOptions & { readonly type: 'counter' | 'gauge'; readonly read: () => Iterable<Sample> }): void;
  /** Everything, as text. */
  text(): string;
}

export const metricsContentType = 'text/plain; version=0.0.4; charset=utf-8';

interface Part {
  readonly type: MetricType;
  readonly help: string;
  readonly write: (lines: string[]) => void;
}

export function createMetrics(): Metrics {
  const parts = new Map<string, Part>();
  const register = (name: string, part: Part) => {
    assert(!parts.has(name), `the metric ${name} is defined twice`);
    parts.set(name, part);
  };
  const numbers = (type: 'counter' | 'gauge') => (options: MetricOptions) => {
    const family = new SeriesFamily(options, () => new NumberSeries());
    register(options.name, {
      type,
      help: options.help,
      write: (lines) => family.each((labels, series) => lines.push(line(options.name, labels, series.value))),
    });
    return family;
  };
  return {
    counter: numbers('counter'),
    gauge: numbers('gauge'),
    histogram(options) {
      const { name, help, buckets } = options;
      const family = new SeriesFamily(options, () => new BucketSeries(buckets));
      register(name, { type: 'histogram', help, write: (lines) => family.each((labels, series) => series.write(name, labels, lines)) });
      return family;
    },
    collect({ name, help, type, labels = [], read }) {
      register(name, {
        type,
        help,
        write: (lines) => {
          for (const { values = [], value } of read()) lines.push(line(name, labelText(labels, values), value));
        },
      });
    },
    text() {
      const lines: string[] = [];
      for (const [name, { type, help, write }] of [...parts].sort(([a], [b]) => (a < b ? -1 : 1))) {
        lines.push(`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`);
        write(lines);
      }
      return `${lines.join('\n')}\n`;
    },
  };
}

class NumberSeries implements Counter, Gauge {
  value = 0;

  set(value: number): void {
    this.value = value;
  }

  add(amount = 1): void {
    this.value += amount;
  }
}

class BucketSeries implements Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] as number)) at++;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += value;
  }

  write(name: string, labels: string, lines: string[]): void {
    const before = labels === '' ? '' : `${labels},`;
    let total = 0;
    for (const [at, count] of this.#counts.entries()) {
      total += count;
      const bound = this.#bounds[at];
      lines.push(line(`${name}_bucket`, `${before}le="${bound === undefined ? '+Inf' : numberText(bound)}"`, total));
    }
    lines.push(line(`${name}_sum`, labels, this.#sum), line(`${name}_count`, labels, total));
  }
}

class SeriesFamily<S> implements Family<S> {
  readonly #names: readonly string[];
  readonly #make: () => S;
  readonly #series = new Map<string, { readonly labels: string; readonly series: S }>();
  /** Takes what comes when there are too many. It is not shown: it would be a lie about any labels. */
  #overflow: S | undefined;

  constructor({ name, labels = [] }: MetricOptions, make: () => S) {
    assert(/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name), `"${name}" is no name of a metric`);
    this.#names = labels;
    this.#make = make;
  }

  of(...values: readonly string[]): S {
    const key = values.length === 1 ? (values[0] as string) : values.join('\u0000');
    const known = this.#series.get(key);
    if (known) return known.series;
    assert(values.length === this.#names.length, `${this.#names.length} labels are wanted, got ${values.length}`);
    if (this.#series.size >= seriesMax) {
      this.#overflow ??= this.#make();
      return this.#overflow;
    }
    const series = this.#make();
    this.#series.set(key, { labels: labelText(this.#names, values), series });
    return series;
  }

  each(visit: (labels: string, series: S) => void): void {
    for (const { labels, series } of this.#series.values()) visit(labels, series);
  }
}

const labelText = (names: readonly string[], values: readonly string[]): string =>
  names.map((name, at) => `${name}="${escapeValue(values[at] ?? '')}"`).join(',');

const line = (name: string, labels: string, value: number): string => `${name}${labels === '' ? '' : `{${labels}}`} ${numberText(value)}`;

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const escapeValue = (text: string): string => (/[\\"\n]/.test(text) ? escapeHelp(text).replaceAll('"', '\\"') : text);
