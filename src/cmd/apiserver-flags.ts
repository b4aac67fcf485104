// The flags of `minke apiserver`: upstream's names where they apply, and what they may say.
// Source: https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/
import { isIP } from 'node:net';
import type { LogLevel } from '../base/mod.ts';
import type { AccessSettings, AdmissionFlags, StorageSettings } from '../cluster/machine/mod.ts';
import { accessFlags, accessOf, fileFlag, list } from './access-flags.ts';
import { admissionFlags, admissionOf } from './admission-flags.ts';
import { CommandError, dataDirOf, type Environment, integerFlag, logLevelFlag, parse, rangesFlag, serviceBits } from './flags.ts';
import { storageFlags, storageOf } from './storage-flags.ts';

/** `api/beta=false`, `batch/v1=true` */
export interface RuntimeSetting {
  readonly key: string;
  readonly on: boolean;
}

export interface ApiServerFlags {
  readonly dataDir: string;
  /** Undefined: the one the data dir has had, else 6443. */
  readonly port: number | undefined;
  readonly bindAddress: string;
  readonly serviceCidr: string | undefined;
  /** Of the other family. */
  readonly secondServiceCidr: string | undefined;
  readonly storage: StorageSettings;
  readonly access: AccessSettings;
  readonly admission: AdmissionFlags;
  readonly tokenFile: string | undefined;
  readonly bootstrapTokens: boolean;
  /** Undefined: only health and version. */
  readonly anonymous: boolean | undefined;
  readonly runtimeConfig: readonly RuntimeSetting[];
  /** Those that read and those that write together: priority levels share them out. */
  readonly requestsInFlightMax: number;
  readonly detach: boolean;
  readonly logLevel: LogLevel;
}

const text = { type: 'string' } as const;
const flags = {
  help: { type: 'boolean', short: 'h' },
  detach: { type: 'boolean' },
  'data-dir': text,
  'secure-port': text,
  'bind-address': text,
  'service-cluster-ip-range': text,
  ...storageFlags,
  ...accessFlags,
  ...admissionFlags,
  'token-auth-file': text,
  'enable-bootstrap-token-auth': text,
  'anonymous-auth': text,
  'runtime-config': text,
  'max-requests-inflight': text,
  'max-mutating-requests-inflight': text,
  'log-level': text,
} as const;
/** May stand alone, for true. */
const switches: readonly string[] = ['--anonymous-auth', '--enable-bootstrap-token-auth'];

/** Undefined when help is asked for. Throws CommandError. */
export function parseApiServer(words: readonly string[], environment: Environment): ApiServerFlags | undefined {
  // As upstream reads it: alone it means true, and a value must be joined with "=".
  const spelled = words.map((word) => (switches.includes(word) ? `${word}=true` : word));
  const { values } = parse('apiserver', spelled, flags, 0);
  if (values.help) return undefined;
  const port = values['secure-port'];
  const [range, second] = rangesFlag('--service-cluster-ip-range', values['service-cluster-ip-range'], serviceBits)?.split(',') ?? [];
  return {
    dataDir: dataDirOf(values['data-dir'], environment),
    port: port === undefined ? undefined : integerFlag('--secure-port', port, 1, 65535),
    bindAddress: addressFlag(values['bind-address']),
    serviceCidr: range,
    secondServiceCidr: second,
    storage: storageOf(values),
    access: accessOf(values),
    admission: admissionOf(values),
    tokenFile: fileFlag('--token-auth-file', values['token-auth-file']),
    bootstrapTokens: booleanFlag('--enable-bootstrap-token-auth', values['enable-bootstrap-token-auth']) ?? false,
    anonymous: booleanFlag('--anonymous-auth', values['anonymous-auth']),
    runtimeConfig: list(values['runtime-config']).map(runtimeSetting),
    requestsInFlightMax:
      inFlightFlag('--max-requests-inflight', values['max-requests-inflight'], 400) +
      inFlightFlag('--max-mutating-requests-inflight', values['max-mutating-requests-inflight'], 200),
    detach: values.detach ?? false,
    logLevel: logLevelFlag(values['log-level']),
  };
}

const inFlightFlag = (name: string, value: string | undefined, usual: number): number =>
  value === undefined ? usual : integerFlag(name, value, 1, 1_000_000);

function addressFlag(value = '127.0.0.1'): string {
  if (isIP(value) === 0) throw new CommandError(`--bind-address: got "${value}", wants an IP address, such as 127.0.0.1 or 0.0.0.0.`);
  return value;
}

function booleanFlag(name: string, value: string | undefined): boolean | undefined {
  if (value === undefined) return undefined;
  if (/^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw new CommandError(`${name}: got "${value}", wants true or false.`);
}

function runtimeSetting(item: string): RuntimeSetting {
  const [key = '', value = 'true', ...rest] = item.split('=');
  const isKey = /^(api\/(all|ga|beta|alpha)|v\d\w*|[a-z][a-z0-9.]*\/v\d\w*(\/[a-z]+)?)$/.test(key);
  if (!isKey || rest.length > 0 || (value !== 'true' && value !== 'false')) {
    throw new CommandError(`--runtime-config: got "${item}", wants GROUP/VERSION=true or =false, api/all, api/ga, api/beta or api/alpha.`);
  }
  return { key, on: value === 'true' };
}
