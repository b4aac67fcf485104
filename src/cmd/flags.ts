// What the commands' flags have in common: how they are read, and the sentence for what does not fit.
import { parseArgs } from 'node:util';
import { type LogLevel, logLevels } from '../base/mod.ts';

/** A mistake of the user, or a state of the machine that the user can mend: printed as one sentence, exit code 1. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

export interface Environment {
  readonly isRoot: boolean;
  readonly homeDir: string;
}

export type Flags = Record<string, { readonly type: 'string' | 'boolean'; readonly short?: string; readonly multiple?: boolean }>;

export function parse<F extends Flags>(command: string, words: readonly string[], options: F, positionalsMax: number) {
  try {
    const parsed = parseArgs({ args: [...words], options, allowPositionals: positionalsMax > 0, strict: true });
    const extra = parsed.positionals[positionalsMax];
    if (extra !== undefined) throw new Error(`Unexpected argument '${extra}'`);
    return parsed;
  } catch (error) {
    // node's own messages go on with advice about "--" that does not help here: the first sentence says it.
    const [first] = (error as Error).message.split('. ');
    throw new CommandError(`minke ${command}: ${first}. See \`minke help ${command.split(' ')[0]}\`.`, { cause: error });
  }
}

export function dataDirOf(given: string | undefined, environment: Environment): string {
  if (given === '') throw new CommandError('--data-dir: got nothing, wants the path of a directory.');
  return given ?? (environment.isRoot ? '/var/lib/minke' : `${environment.homeDir}/.minke`);
}

export function logLevelFlag(level = 'info'): LogLevel {
  if (!isLogLevel(level)) throw new CommandError(`--log-level: got "${level}", wants one of ${logLevels.join(', ')}.`);
  return level;
}

const isLogLevel = (text: string): text is LogLevel => (logLevels as readonly string[]).includes(text);

export function integerFlag(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max)
    throw new CommandError(`${name}: got "${text}", wants an integer from ${min} to ${max}.`);
  return value;
}

/** An IPv4 range such as `10.96.0.0/16`, with no host bits set and a prefix length from `min` to `max`. */
export function cidrFlag(
  name: string,
  text: string | undefined,
  prefix: { readonly min: number; readonly max: number },
): string | undefined {
  if (text === undefined) return undefined;
  const wants = `an IPv4 range with a prefix of ${prefix.min} to ${prefix.max} bits, such as 10.96.0.0/16`;
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  const numbers = (match?.slice(1) ?? []).map(Number);
  const bits = numbers[4] ?? -1;
  if (!match || numbers.slice(0, 4).some((octet) => octet > 255) || bits < prefix.min || bits > prefix.max) {
    throw new CommandError(`${name}: got "${text}", wants ${wants}.`);
  }
  const address = numbers.slice(0, 4).reduce((sum, octet) => sum * 256 + octet, 0);
  const base = address - (address % 2 ** (32 - bits));
  if (base !== address) {
    const octets = [24, 16, 8, 0].map((shift) => Math.floor(base / 2 ** shift) % 256);
    throw new CommandError(`${name}: got "${text}", which has host bits set; did you mean ${octets.join('.')}/${bits}?`);
  }
  return text;
}
