// Encryption at rest as the flags have it: the rules of the file, the plugins that it names, and the file's next version while the server runs.
// Source: https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/#configure-automatic-reloading
import type { HealthCheck } from '../../apiserver/mod.ts';
import { childController, errorText, type Logger, onAbort, StoppedError, Tasks } from '../../base/mod.ts';
import { type KmsProvider, kmsProvider, type Rules } from '../../store/mod.ts';
import { MachineError } from './data-dir.ts';
import { type KmsWanted, readEncryptionConfig } from './encryption-config.ts';
import { connectKmsPlugin, type KmsPlugin } from './kms-plugin.ts';
import type { MachinePorts } from './ports.ts';
import { reloadOnChange } from './reload.ts';

export interface EncryptionSettings {
  readonly path: string;
  /** Whether the file's changes take effect while the server runs. */
  readonly reload: boolean;
}

export interface EncryptionContext {
  readonly ports: MachinePorts;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface OpenEncryption {
  readonly rules: Rules;
  readonly health: readonly HealthCheck[];
  /** Resolves when the signal has fired and everything has ended. */
  readonly stopped: Promise<void>;
}

/** One version of the file. */
interface Version {
  readonly rules: Rules;
  readonly providers: readonly KmsProvider[];
  end(): void;
}

const flag = '--encryption-provider-config';

/** Resolves when every plugin that the file names has answered. Throws {@link MachineError}. */
export async function openEncryption({ path, reload }: EncryptionSettings, context: EncryptionContext): Promise<OpenEncryption> {
  const { ports, signal } = context;
  const { clock, fs } = ports;
  const log = context.log.with({ component: 'encryption' });
  const tasks = new Tasks(log);
  const open = () => openVersion(path, { ...context, log }, tasks);
  let version = await open();
  if (reload) {
    const apply = async () => {
      const before = version;
      version = await open();
      // What is under way with the old one may still want its keys; they stay until it is collected.
      before.end();
    };
    tasks.run('encryption configuration', signal, () => reloadOnChange({ fs, clock, log, signal, flag, path, apply }));
  }
  const checkAll = () => {
    for (const provider of version.providers) provider.check();
  };
  // As upstream: one check for all where they may change, else one for each.
  const health: readonly HealthCheck[] = reload
    ? [{ name: 'kms-providers', check: checkAll }]
    : version.providers.map((provider, i) => ({ name: `kms-provider-${i}`, check: () => provider.check() }));
  return { rules: (key) => version.rules(key), health, stopped: tasks.settled() };
}

async function openVersion(path: string, { ports, log, signal }: EncryptionContext, tasks: Tasks): Promise<Version> {
  const { clock, random, fs } = ports;
  const plugins: KmsPlugin[] = [];
  const byName = new Map<string, KmsProvider>();
  const { controller: stop, unlink } = childController(signal);
  const kms = ({ name, socketPath, timeoutMs }: KmsWanted): KmsProvider => {
    const known = byName.get(name);
    if (known) return known;
    const plugin = connectKmsPlugin({ socketPath, timeoutMs, clock, random });
    plugins.push(plugin);
    const provider = kmsProvider({ name, service: plugin, clock, random, log });
    byName.set(name, provider);
    return provider;
  };
  const end = () => {
    unlink();
    stop.abort(new StoppedError('this version of the configuration has ended'));
    for (const plugin of plugins) plugin.close();
  };
  try {
    const rules = await readEncryptionConfig(fs, path, { random, kms });
    for (const [name, provider] of byName) {
      await provider.begin().catch((error: unknown) => {
        throw new MachineError(`${flag}: the KMS plugin of provider "${name}" does not answer: ${errorText(error)}`, { cause: error });
      });
    }
    for (const provider of byName.values()) tasks.run('KMS plugin', stop.signal, () => provider.follow(stop.signal));
    onAbort(signal, end);
    return { rules, providers: [...byName.values()], end };
  } catch (error) {
    end();
    throw error;
  }
}
