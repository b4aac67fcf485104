// Logging: a constant message and key/value fields, one line each. Where lines go is a parameter.
import type { Clock } from './clock.ts';

export const logLevels = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof logLevels)[number];
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes log lines. `message` is constant text; everything that varies goes into `fields`. Never give it a secret. */
export interface Logger {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to every line. */
  with(fields: LogFields): Logger;
}

export interface LoggerOptions {
  readonly clock: Clock;
  readonly level: LogLevel;
  /** Receives each line, without a newline. */
  readonly write: (line: string) => void;
  readonly fields?: LogFields;
}

/** Lines of JSON: time, level, message, then the fields. An Error among the fields is given with its chain of causes. */
export function createLogger(options: LoggerOptions): Logger {
  const { clock, level, write, fields: own = {} } = options;
  const enabled = logLevels.indexOf(level);
  const at = (name: LogLevel) => {
    if (logLevels.indexOf(name) > enabled) return () => {};
    return (message: string, fields?: LogFields) => {
      const time = new Date(clock.nowMs()).toISOString();
      write(JSON.stringify({ time, level: name, message, ...own, ...fields }, describeErrors));
    };
  };
  return {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    with: (fields) => createLogger({ ...options, fields: { ...own, ...fields } }),
  };
}

/** A logger that drops everything. */
export const silentLogger: Logger = {
  error() {},
  warn() {},
  info() {},
  debug() {},
  with: () => silentLogger,
};

/** The message of an error and of its causes, outermost first: `a: b: c`. */
export function errorText(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error; at !== undefined && parts.length < 8; at = at instanceof Error ? at.cause : undefined) {
    parts.push(at instanceof Error ? at.message : String(at));
  }
  return parts.join(': ');
}

function describeErrors(_key: string, value: unknown): unknown {
  if (value instanceof Error) return { name: value.name, message: errorText(value), stack: value.stack };
  return typeof value === 'bigint' ? value.toString() : value;
}
