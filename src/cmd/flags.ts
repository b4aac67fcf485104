// What the commands' flags have in common: how they are read, and the sentence for what does not fit.
import { parseArgs } from 'node:util';
import { formatRange, type IPFamily, parseCidr, parseIp } from '../api/mod.ts';
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

/** How many bits of a range's prefix are sensible, by family. */
export interface RangeBits {
  readonly ipv4: { readonly min: number; readonly max: number; readonly example: string };
  readonly ipv6: { readonly min: number; readonly max: number; readonly example: string };
}

/** Of services: as upstream, at most 2^20 addresses of IPv6 are given out. */
export const serviceBits: RangeBits = {
  ipv4: { min: 12, max: 28, example: '10.96.0.0/16' },
  ipv6: { min: 108, max: 124, example: 'fd00:96::/112' },
};
/** Of pods: every node has a /24, a /64. */
export const podBits: RangeBits = {
  ipv4: { min: 8, max: 24, example: '10.42.0.0/16' },
  ipv6: { min: 32, max: 112, example: 'fd00:42::/56' },
};

/** One range, or one of each family with a comma between; no host bits set. */
export function rangesFlag(name: string, text: string | undefined, bits: RangeBits): string | undefined {
  if (text === undefined) return undefined;
  const parts = text.split(',');
  const families = parts.map((part) => rangeFlag(name, part, part.includes(':') ? bits.ipv6 : bits.ipv4));
  if (families.length > 2 || families[0] === families[1]) {
    const both = `${bits.ipv4.example},${bits.ipv6.example}`;
    throw new CommandError(`${name}: got "${text}", wants one range, or one of each family such as ${both}.`);
  }
  return text;
}

/** Gives the family. */
function rangeFlag(name: string, text: string, bits: RangeBits['ipv4']): IPFamily {
  const range = parseCidr(text);
  if (!range || range.prefix < bits.min || range.prefix > bits.max) {
    const kind = text.includes(':') ? 'an IPv6' : 'an IPv4';
    throw new CommandError(
      `${name}: got "${text}", wants ${kind} range with a prefix of ${bits.min} to ${bits.max} bits, such as ${bits.example}.`,
    );
  }
  if (parseIp(text.split('/')[0] ?? '')?.value !== range.first) {
    throw new CommandError(`${name}: got "${text}", which has host bits set; did you mean ${formatRange(range)}?`);
  }
  return range.family;
}
