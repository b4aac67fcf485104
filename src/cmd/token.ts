// `minke token`: the tokens by which machines join this cluster.
import { join } from 'node:path';
import { formatTime, humanDuration } from '../api/mod.ts';
import { createHttpClient } from '../base/ports/http-client.ts';
import { machineAddresses } from '../base/ports/machine.ts';
import { type Client, createClient, createHttpTransport } from '../client/mod.ts';
import {
  createJoinToken,
  deleteJoinToken,
  findHolder,
  formatJoinToken,
  isPodInterface,
  joinUrlOf,
  listJoinTokens,
  type MachinePorts,
  readIdentity,
} from '../cluster/machine/mod.ts';
import { CommandError } from './flags.ts';
import type { TokenCommand } from './token-flags.ts';

/** Works on the cluster that runs in the data dir, as its admin. Throws {@link CommandError}. */
export async function token(command: TokenCommand, ports: MachinePorts, out: (text: string) => void): Promise<void> {
  const { fs, processes, clock, random } = ports;
  const { dataDir } = command;
  const holder = await findHolder({ fs, processes, dataDir });
  if (!holder) throw new CommandError(`No cluster runs in ${dataDir}. Start it with: minke up --data-dir ${dataDir}`);
  const authorityPem = await fs.readText(join(dataDir, 'pki/ca.crt'));
  const bearer = (await fs.readText(join(dataDir, 'admin.token')))?.trim();
  if (authorityPem === undefined || bearer === undefined) throw new CommandError(`${dataDir} lacks pki/ca.crt or admin.token.`);
  const http = createHttpClient({ clock, tls: { ca: authorityPem } });
  const transport = createHttpTransport({ http, server: holder.url, userAgent: 'minke', token: () => bearer });
  const client = createClient(transport, { clock, userAgent: 'minke' });
  try {
    if (command.do === 'tokenCreate') {
      const serverUrl = command.server ?? (await joinUrl(ports, dataDir)) ?? holder.url;
      const place = { serverUrl, authorityPem };
      const made = await createJoinToken(client, { ...command, place, nowMs: clock.nowMs(), below: (limit) => random.below(limit) });
      out(createdText(formatJoinToken(made), serverUrl));
    } else if (command.do === 'tokenList') await list(client, clock.nowMs(), out);
    else if (await deleteJoinToken(client, command.id)) out(`Token ${command.id} deleted.\n`);
    else throw new CommandError(`There is no token ${command.id}.`);
  } finally {
    transport.close();
    http.close();
  }
}

/** Another machine does not reach this one's loopback, where the holder of the data dir is found. */
async function joinUrl({ fs }: MachinePorts, dataDir: string): Promise<string | undefined> {
  const identity = await readIdentity(fs, dataDir);
  return identity && joinUrlOf(identity.bindAddress, identity.port, machineAddresses(isPodInterface));
}

const createdText = (made: string, serverUrl: string): string => `${made}

On the machine that is to join:

  minke agent --server ${serverUrl} --token ${made}
`;

async function list(client: Client, nowMs: number, out: (text: string) => void): Promise<void> {
  const rows = (await listJoinTokens(client, nowMs)).map(({ id, expiresMs, usages, description }) => [
    id,
    expiresMs === undefined ? '<forever>' : humanDuration(expiresMs - nowMs),
    expiresMs === undefined ? '<never>' : formatTime(expiresMs),
    usages.join(','),
    description === '' ? '<none>' : description,
  ]);
  const table = [['ID', 'TTL', 'EXPIRES', 'USAGES', 'DESCRIPTION'], ...rows];
  const widths = [0, 1, 2, 3].map((at) => Math.max(...table.map((row) => row[at]?.length ?? 0)) + 3);
  for (const row of table) out(`${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('')}\n`);
}
