// Lines of Prometheus' text form out of figures that were just taken. Pure.

export type Labels = Readonly<Record<string, string>>;
/** A value with its labels; `atMs` where it was taken earlier than it is told. */
export type Row = readonly [labels: Labels, value: number, atMs?: number];

export interface MetricLines {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly rows: readonly Row[];
}

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

export function metricLines({ name, type, help, rows }: MetricLines): string {
  const lines = rows.map(([labels, value, atMs]) => {
    const text = Object.entries(labels).map(([key, one]) => `${key}="${escaped(one)}"`);
    return `${name}${text.length > 0 ? `{${text.join(',')}}` : ''} ${value}${atMs === undefined ? '' : ` ${atMs}`}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

export const seconds = (nanos: number): number => nanos / 1e9;
