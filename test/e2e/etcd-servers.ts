// Real etcd servers for a test: one or several, on loopback, over TLS with client certificates, in a directory of their own.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority, issueCertificate } from '../../src/base/ports/certificates.ts';
import { freePort } from './harness.ts';

const lifetimeMs = 3_600_000;

export interface EtcdServers {
  readonly endpoints: readonly string[];
  /** PEM. */
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string };
  /** The same as files. */
  readonly files: { readonly ca: string; readonly cert: string; readonly key: string };
  /** kill -9, or with SIGSTOP a machine that hangs. */
  kill(member: number, signal?: 'SIGKILL' | 'SIGSTOP'): Promise<void>;
  start(member: number): void;
  destroy(): Promise<void>;
}

export interface EtcdCredentials {
  /** PEM, of the client. */
  readonly tls: EtcdServers['tls'];
  readonly files: EtcdServers['files'];
  /** Files of what serves on 127.0.0.1, whose authority is `files.ca`. */
  readonly server: { readonly cert: string; readonly key: string };
}

/** An authority, a server and a client, written below `dir`. */
export async function etcdCredentials(dir: string): Promise<EtcdCredentials> {
  const validity = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + lifetimeMs };
  const authority = await createAuthority({ commonName: 'etcd-ca', ...validity });
  const server = await issueCertificate(authority, {
    commonName: 'etcd',
    ipAddresses: ['127.0.0.1'],
    usages: ['server', 'client'],
    ...validity,
  });
  const client = await issueCertificate(authority, { commonName: 'minke', usages: ['client'], ...validity });
  const file = (name: string, content: string) => {
    writeFileSync(join(dir, name), content, { mode: 0o600 });
    return join(dir, name);
  };
  return {
    tls: { ca: authority.certificatePem, cert: client.certificatePem, key: client.keyPem },
    files: {
      ca: file('ca.crt', authority.certificatePem),
      cert: file('client.crt', client.certificatePem),
      key: file('client.key', client.keyPem),
    },
    server: { cert: file('server.crt', server.certificatePem), key: file('server.key', server.keyPem) },
  };
}

export async function startEtcdServers(count: number): Promise<EtcdServers> {
  const dir = mkdtempSync(join(tmpdir(), 'minke-etcd-'));
  const { tls, files, server: own } = await etcdCredentials(dir);
  const members: { name: string; clientUrl: string; peerUrl: string }[] = [];
  for (let i = 0; i < count; i++) {
    members.push({ name: `m${i}`, clientUrl: `https://127.0.0.1:${await freePort()}`, peerUrl: `https://127.0.0.1:${await freePort()}` });
  }
  const processes: ChildProcess[] = [];
  const start = (member: number) => {
    const { name, clientUrl, peerUrl } = members[member] as (typeof members)[number];
    const certificates = ['', 'peer-'].flatMap((who) => [
      `--${who}cert-file=${own.cert}`,
      `--${who}key-file=${own.key}`,
      `--${who}trusted-ca-file=${files.ca}`,
      `--${who}client-cert-auth`,
    ]);
    const urls = [
      `--listen-client-urls=${clientUrl}`,
      `--advertise-client-urls=${clientUrl}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
    ];
    const cluster = [`--initial-cluster=${members.map((one) => `${one.name}=${one.peerUrl}`).join(',')}`];
    const flags = [
      `--name=${name}`,
      `--data-dir=${join(dir, name)}`,
      '--logger=zap',
      '--log-level=error',
      ...urls,
      ...certificates,
      ...cluster,
    ];
    processes[member] = spawn('etcd', flags, { stdio: 'ignore' });
  };
  const ended = (member: number) => new Promise<void>((resolve) => processes[member]?.once('exit', () => resolve()));
  const kill: EtcdServers['kill'] = async (member, signal = 'SIGKILL') => {
    const process = processes[member];
    if (!process || process.exitCode !== null || process.signalCode !== null) return;
    const exit = ended(member);
    process.kill(signal);
    if (signal === 'SIGKILL') await exit;
  };
  for (let i = 0; i < count; i++) start(i);
  return {
    endpoints: members.map((member) => member.clientUrl),
    tls,
    files,
    kill,
    start,
    async destroy() {
      await Promise.all(members.map((_, member) => kill(member)));
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
