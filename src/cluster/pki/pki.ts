// Keeps the cluster's certificates on disk: makes what is missing, renews what grows old while the cluster runs.
import { join } from 'node:path';
import { type Clock, type Logger, sleep } from '../../base/mod.ts';
import { readCertificate } from '../../base/ports/certificate-reader.ts';
import type { CertifiedKey } from '../../base/ports/certificates.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import { generateSigningKeyPem } from '../../base/ports/signing-key.ts';
import {
  type AuthorityName,
  authorityLifetimeMs,
  backdateMs,
  type ClusterNames,
  type LeafName,
  type LeafSpec,
  leafSpecs,
  renewalReason,
} from './certificates.ts';

/** How often a running cluster looks whether a certificate wants renewal. */
const renewalCheckMs = 60 * 60 * 1000;

export interface Pki {
  readonly authorityPem: string;
  /** Signs the certificate by which the API server speaks for its users to aggregated servers. */
  readonly frontProxyAuthorityPem: string;
  readonly leaves: Readonly<Record<LeafName, CertifiedKey>>;
  /** Bearer token of the admin, for as long as the data dir lives. */
  readonly adminToken: string;
  /** The private key that signs service account tokens. */
  readonly serviceAccountKeyPem: string;
}

export interface PkiFiles {
  /** The data dir; keys are kept below it, in `pki/`, mode 0600. */
  readonly dataDir: string;
  readonly fs: FileSystem;
}

export interface PkiOptions extends PkiFiles {
  readonly names: ClusterNames;
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
}

/** Makes what is missing, too old, or lacks a name. Loads the X.509 library only when something has to be signed. */
export async function ensurePki(options: PkiOptions): Promise<Pki> {
  const { dataDir, names, fs } = options;
  await fs.mkdir(join(dataDir, 'pki'), { mode: 0o700 });
  const authorities = { ca: await ensureAuthority(options, 'ca'), 'front-proxy-ca': await ensureAuthority(options, 'front-proxy-ca') };
  const leaves = await Promise.all(
    leafSpecs(names).map(async (spec) => [spec.name, await ensureLeaf(options, authorities[spec.authority ?? 'ca'], spec)] as const),
  );
  return {
    authorityPem: authorities.ca.certificatePem,
    frontProxyAuthorityPem: authorities['front-proxy-ca'].certificatePem,
    leaves: Object.fromEntries(leaves) as Record<LeafName, CertifiedKey>,
    adminToken: await ensureToken(options),
    serviceAccountKeyPem: await ensureServiceAccountKey(options),
  };
}

/**
 * Looks once an hour whether a certificate wants renewal; `onRenewed` gets everything when one has been made anew.
 * Ends when the signal fires.
 */
export async function keepRenewed(
  options: PkiOptions & { readonly log: Logger; readonly signal: AbortSignal; readonly onRenewed: (pki: Pki) => void },
  current: Pki,
): Promise<void> {
  const { clock, signal, log, onRenewed } = options;
  for (let known = current; !signal.aborted; ) {
    await sleep(clock, renewalCheckMs, signal).catch(() => {});
    if (signal.aborted) return;
    try {
      const next = await ensurePki(options);
      const changed = Object.entries(next.leaves).filter(
        ([name, leaf]) => known.leaves[name as LeafName].certificatePem !== leaf.certificatePem,
      );
      if (changed.length === 0) continue;
      log.info('Certificates renewed', { names: changed.map(([name]) => name) });
      known = next;
      onRenewed(next);
    } catch (error) {
      log.error('Certificates could not be renewed; trying again in an hour', { error });
    }
  }
}

async function ensureAuthority(options: PkiOptions, name: AuthorityName): Promise<CertifiedKey> {
  const { fs, clock } = options;
  const standing = await readPair(options, name);
  if (standing) return standing;
  const { createAuthority } = await import('../../base/ports/certificates.ts');
  const nowMs = clock.nowMs();
  const made = await createAuthority({
    commonName: `minke-${name}`,
    notBeforeMs: nowMs - backdateMs,
    notAfterMs: nowMs + authorityLifetimeMs,
  });
  await writePair(options, name, made);
  await fs.chmod(join(options.dataDir, 'pki'), 0o700);
  return made;
}

async function ensureLeaf(options: PkiOptions, authority: CertifiedKey, spec: LeafSpec): Promise<CertifiedKey> {
  const nowMs = options.clock.nowMs();
  const standing = await readPair(options, spec.name);
  if (standing && renewalReason(spec, readCertificate(standing.certificatePem), nowMs) === undefined) return standing;
  const { issueCertificate } = await import('../../base/ports/certificates.ts');
  const authorityEndMs = readCertificate(authority.certificatePem).notAfterMs;
  const made = await issueCertificate(authority, {
    ...spec,
    notBeforeMs: nowMs - backdateMs,
    notAfterMs: Math.min(nowMs + spec.lifetimeMs, authorityEndMs),
  });
  await writePair(options, spec.name, made);
  return made;
}

async function ensureToken(options: PkiOptions): Promise<string> {
  const path = join(options.dataDir, 'admin.token');
  const standing = (await options.fs.readText(path))?.trim();
  if (standing) return standing;
  const made = Buffer.from(options.randomBytes(32)).toString('hex');
  await options.fs.write(path, `${made}\n`, { mode: 0o600, durable: true });
  return made;
}

async function ensureServiceAccountKey(options: PkiOptions): Promise<string> {
  const path = pathOf(options, 'sa', 'key');
  const standing = await options.fs.readText(path);
  if (standing) return standing;
  const made = generateSigningKeyPem();
  await options.fs.write(path, made, { mode: 0o600, durable: true });
  return made;
}

/** The CA with its key. Throws when it is not on disk. */
export async function readAuthority(options: PkiOptions): Promise<CertifiedKey> {
  const pair = await readPair(options, 'ca');
  if (!pair) throw new Error(`Cannot sign: ${pathOf(options, 'ca', 'key')} or ${pathOf(options, 'ca', 'crt')} is missing`);
  return pair;
}

const pathOf = (options: PkiFiles, name: string, ending: 'crt' | 'key'): string => join(options.dataDir, 'pki', `${name}.${ending}`);

export async function readPair(options: PkiFiles, name: string): Promise<CertifiedKey | undefined> {
  const certificatePem = await options.fs.readText(pathOf(options, name, 'crt'));
  const keyPem = await options.fs.readText(pathOf(options, name, 'key'));
  return certificatePem && keyPem ? { certificatePem, keyPem } : undefined;
}

/** The key first: a certificate without its key counts as missing, so that a crash in between is mended at the next start. */
export async function writePair(options: PkiFiles, name: string, pair: CertifiedKey): Promise<void> {
  await options.fs.write(pathOf(options, name, 'key'), pair.keyPem, { mode: 0o600, durable: true });
  await options.fs.write(pathOf(options, name, 'crt'), pair.certificatePem, { mode: 0o600, durable: true });
}
