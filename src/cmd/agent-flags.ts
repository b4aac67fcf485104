// The words of `minke agent`, and what they may say.
import { isIP } from 'node:net';
import type { LogLevel } from '../base/mod.ts';
import { type JoinToken, type NodeFiles, parseJoinToken } from '../cluster/machine/mod.ts';
import { CommandError, dataDirOf, type Environment, logLevelFlag, parse } from './flags.ts';
import { nodeFilesOf, nodeFlags } from './node-flags.ts';

export interface AgentFlags {
  readonly dataDir: string;
  readonly server: string | undefined;
  readonly token: JoinToken | undefined;
  readonly nodeName: string | undefined;
  readonly nodeIp: string | undefined;
  readonly nodeFiles: NodeFiles;
  readonly detach: boolean;
  readonly logLevel: LogLevel;
}

const text = { type: 'string' } as const;
const flags = {
  'data-dir': text,
  server: text,
  token: text,
  'node-name': text,
  'node-ip': text,
  ...nodeFlags,
  detach: { type: 'boolean' },
  'log-level': text,
  help: { type: 'boolean', short: 'h' },
} as const;

/** Undefined when help is asked for. Throws {@link CommandError}. */
export function parseAgent(words: readonly string[], environment: Environment): AgentFlags | undefined {
  const { values } = parse('agent', words, flags, 0);
  if (values.help) return undefined;
  return {
    dataDir: dataDirOf(values['data-dir'], environment),
    server: serverFlag(values.server),
    token: tokenFlag(values.token),
    nodeName: nodeNameFlag(values['node-name']),
    nodeIp: values['node-ip'] === undefined ? undefined : addressFlag('--node-ip', values['node-ip']),
    nodeFiles: nodeFilesOf(values),
    detach: values.detach ?? false,
    logLevel: logLevelFlag(values['log-level']),
  };
}

function serverFlag(server: string | undefined): string | undefined {
  if (server === undefined) return undefined;
  const plain = server.replace(/\/$/, '');
  if (!/^https:\/\/[^/\s]+$/.test(plain)) {
    throw new CommandError(`--server: got "${server}", wants the API server's address, such as https://192.0.2.7:6443.`);
  }
  return plain;
}

function tokenFlag(token: string | undefined): JoinToken | undefined {
  if (token === undefined) return undefined;
  const read = parseJoinToken(token);
  // What was given is not repeated: it may be a secret with a letter too few.
  if (!read) throw new CommandError('--token: wants what `minke token create` prints: ID.SECRET::sha256:HASH.');
  return read;
}

function nodeNameFlag(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
  if (name.length > 63 || !new RegExp(`^${label}(\\.${label})*$`).test(name)) {
    throw new CommandError(`--node-name: got "${name}", wants at most 63 lower-case letters, digits, "-" and ".".`);
  }
  return name;
}

/** An IPv4 or IPv6 address. */
export function addressFlag(name: string, address: string): string {
  if (isIP(address) === 0) throw new CommandError(`${name}: got "${address}", wants an IP address such as 192.0.2.7.`);
  return address;
}
