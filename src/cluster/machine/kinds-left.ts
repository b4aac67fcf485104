// Which kinds `--runtime-config` leaves: the most particular setting decides. Pure.
import type { KindDefinition } from '../../api/mod.ts';
import { MachineError } from './data-dir.ts';

export interface RuntimeSetting {
  /** `api/all`, `api/ga`, `api/beta`, `api/alpha`, `v1`, `batch/v1` or `batch/v1/jobs`. */
  readonly key: string;
  readonly on: boolean;
}

/** Without these the server itself cannot work. */
const needed: ReadonlySet<string> = new Set(['v1', 'rbac.authorization.k8s.io/v1']);

const versionOf = ({ group, version }: Pick<KindDefinition, 'group' | 'version'>): string =>
  group === '' ? version : `${group}/${version}`;
const stageOf = (version: string): string => (version.includes('alpha') ? 'alpha' : version.includes('beta') ? 'beta' : 'ga');

/** Throws MachineError for a group and version that do not exist, or that must stay. */
export function kindsLeft(kinds: readonly KindDefinition[], settings: readonly RuntimeSetting[]): readonly KindDefinition[] {
  const last = new Map(settings.map(({ key, on }) => [key, on]));
  const names = new Set(kinds.flatMap((kind) => [versionOf(kind), `${versionOf(kind)}/${kind.resource}`]));
  for (const [key, on] of last) {
    if (key.startsWith('api/')) continue;
    if (!names.has(key)) throw new MachineError(`--runtime-config: "${key}" is not known. Discovery lists what is: kubectl api-versions.`);
    if (!on && needed.has(key)) throw new MachineError(`--runtime-config: "${key}" cannot be turned off: the server needs it.`);
  }
  return kinds.filter((kind) => {
    const version = versionOf(kind);
    if (needed.has(version)) return last.get(`${version}/${kind.resource}`) ?? true;
    const keys = [`${version}/${kind.resource}`, version, `api/${stageOf(kind.version)}`, 'api/all'];
    return keys.map((key) => last.get(key)).find((on) => on !== undefined) ?? true;
  });
}
