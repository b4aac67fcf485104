// The flags that say where objects are kept and for how long, with upstream's names; those of `minke apiserver` and `minke up`.
// Source: https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/
import { parseQuantity, quantityProblem, toNumber } from '../api/mod.ts';
import { parseDurationMs } from '../base/mod.ts';
import type { StorageSettings } from '../cluster/machine/mod.ts';
import { CommandError } from './flags.ts';

const text = { type: 'string' } as const;
export const storageFlags = {
  store: text,
  'etcd-servers': text,
  'etcd-cafile': text,
  'etcd-certfile': text,
  'etcd-keyfile': text,
  'etcd-prefix': text,
  'etcd-compaction-interval': text,
  'event-ttl': text,
  'lmdb-history': text,
  'lmdb-history-size': text,
  'encryption-provider-config': text,
  'encryption-provider-config-automatic-reload': { type: 'boolean' },
} as const;

const reloadFlag = 'encryption-provider-config-automatic-reload';
type Values = { readonly [K in Exclude<keyof typeof storageFlags, typeof reloadFlag>]?: string | undefined } & {
  readonly [reloadFlag]?: boolean | undefined;
};
const backends = ['lmdb', 'memory', 'etcd'] as const;

export function storageOf(values: Values): StorageSettings {
  const servers = serversOf(values['etcd-servers']);
  const backend = backends.find((one) => one === (values.store ?? (servers.length > 0 ? 'etcd' : 'lmdb')));
  if (backend === undefined) throw new CommandError(`--store: got "${values.store}", wants one of ${backends.join(', ')}.`);
  if (backend === 'etcd' && servers.length === 0) {
    throw new CommandError('--store etcd: wants --etcd-servers too, such as https://127.0.0.1:2379.');
  }
  for (const [name, value] of Object.entries(values)) {
    const only = (['etcd', 'lmdb'] as const).find((one) => name.startsWith(`${one}-`));
    if (only && only !== backend && value !== undefined)
      throw new CommandError(`--${name}: is for --store ${only} only, and the store is ${backend}.`);
  }
  return {
    backend,
    etcd: backend === 'etcd' ? etcdOf(values, servers) : undefined,
    history: backend === 'lmdb' ? historyOf(values) : undefined,
    eventTtlSeconds: durationMs('--event-ttl', values['event-ttl'] ?? '1h0m0s', 1_000) / 1000,
    encryptionConfig: encryptionConfigOf(values),
    ...(values[reloadFlag] === true ? { encryptionReload: true } : {}),
  };
}

function historyOf(values: Values): NonNullable<StorageSettings['history']> {
  const size = values['lmdb-history-size'] ?? '1Gi';
  const bytes = quantityProblem(size) === undefined ? toNumber(parseQuantity(size)) : Number.NaN;
  if (!Number.isSafeInteger(bytes) || bytes < 1)
    throw new CommandError(`--lmdb-history-size: got "${size}", wants a number of bytes such as 512Mi.`);
  return { ms: durationMs('--lmdb-history', values['lmdb-history'] ?? '1h0m0s', 1_000), bytes };
}

function encryptionConfigOf(values: Values): string | undefined {
  const path = pathOf('--encryption-provider-config', values['encryption-provider-config']);
  if (path === undefined && values[reloadFlag] === true)
    throw new CommandError('--encryption-provider-config-automatic-reload wants --encryption-provider-config too.');
  return path;
}

function etcdOf(values: Values, servers: readonly string[]): StorageSettings['etcd'] {
  const certFile = pathOf('--etcd-certfile', values['etcd-certfile']);
  const keyFile = pathOf('--etcd-keyfile', values['etcd-keyfile']);
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new CommandError('--etcd-certfile and --etcd-keyfile: got one of them, wants both or none.');
  }
  const prefix = values['etcd-prefix'] ?? '/registry';
  if (!/^(\/[\x21-\x2e\x30-\x7e]+)+$/.test(prefix)) {
    throw new CommandError(`--etcd-prefix: got "${prefix}", wants a path such as /registry, without a slash at its end.`);
  }
  const compactionIntervalMs = durationMs('--etcd-compaction-interval', values['etcd-compaction-interval'] ?? '5m0s', 0);
  return { servers, caFile: pathOf('--etcd-cafile', values['etcd-cafile']), certFile, keyFile, prefix, compactionIntervalMs };
}

function serversOf(value: string | undefined): readonly string[] {
  if (value === undefined) return [];
  return value.split(',').map((item) => {
    const server = item.trim();
    if (!/^https?:\/\/([a-z0-9.-]+|\[[0-9a-f:]+\]):\d{1,5}$/i.test(server)) {
      throw new CommandError(`--etcd-servers: got "${server}", wants addresses such as https://127.0.0.1:2379, separated by commas.`);
    }
    return server;
  });
}

function pathOf(flag: string, value: string | undefined): string | undefined {
  if (value === '') throw new CommandError(`${flag}: got nothing, wants the path of a file.`);
  return value;
}

function durationMs(flag: string, value: string, minMs: number): number {
  const ms = parseDurationMs(value);
  if (ms === undefined || ms < minMs || ms % 1000 !== 0) {
    throw new CommandError(`${flag}: got "${value}", wants a duration in whole seconds of at least ${minMs / 1000} s, such as 1h0m0s.`);
  }
  return ms;
}
