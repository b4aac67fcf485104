// The words of `minke token`, and what they may say.
import { parseDurationMs } from '../base/mod.ts';
import { CommandError, dataDirOf, type Environment, parse } from './flags.ts';

export type TokenCommand =
  | {
      readonly do: 'tokenCreate';
      readonly dataDir: string;
      readonly ttlMs: number;
      readonly server: string | undefined;
      readonly description: string | undefined;
    }
  | { readonly do: 'tokenList'; readonly dataDir: string }
  | { readonly do: 'tokenDelete'; readonly dataDir: string; readonly id: string };

const text = { type: 'string' } as const;
const flags = { 'data-dir': text, help: { type: 'boolean', short: 'h' } } as const;
const createFlags = { ...flags, ttl: text, server: text, description: text } as const;

/** Undefined when help is asked for. Throws {@link CommandError}. */
export function parseToken([verb, ...words]: readonly string[], environment: Environment): TokenCommand | undefined {
  if (verb === undefined || verb === '--help' || verb === '-h') return undefined;
  if (verb === 'create') {
    const { values } = parse('token create', words, createFlags, 0);
    if (values.help) return undefined;
    const ttlMs = parseDurationMs(values.ttl ?? '24h0m0s');
    if (ttlMs === undefined || ttlMs < 0 || (ttlMs > 0 && ttlMs < 1000))
      throw new CommandError(`--ttl: got "${values.ttl}", wants a duration such as 24h0m0s, or 0 for a token that does not end.`);
    const { server, description } = values;
    if (server !== undefined && !/^https:\/\/[^/\s]+$/.test(server))
      throw new CommandError(`--server: got "${server}", wants the API server's address, such as https://192.0.2.7:6443.`);
    return { do: 'tokenCreate', dataDir: dataDirOf(values['data-dir'], environment), ttlMs, server, description };
  }
  if (verb !== 'list' && verb !== 'delete')
    throw new CommandError(`Unknown command "token ${verb}". Commands are: token create, token list, token delete.`);
  const { values, positionals } = parse(`token ${verb}`, words, flags, verb === 'delete' ? 1 : 0);
  if (values.help) return undefined;
  const dataDir = dataDirOf(values['data-dir'], environment);
  if (verb === 'list') return { do: 'tokenList', dataDir };
  // The whole token will do, too.
  const [, id] = /^([a-z0-9]{6})(\..*)?$/.exec(positionals[0] ?? '') ?? [];
  if (id === undefined)
    throw new CommandError('`minke token delete` wants the id of a token, six letters and digits: minke token delete ID');
  return { do: 'tokenDelete', dataDir, id };
}
