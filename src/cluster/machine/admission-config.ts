// --admission-control-config-file: upstream's AdmissionConfiguration, read into the settings of the plugins.
// Source: https://kubernetes.io/docs/tasks/configure-pod-container/enforce-standards-admission-controller/
import { dirname, resolve } from 'node:path';
import type { AdmissionSettings, ApiCore, ApiCoreOptions, EventLimit, LimitedResource, PodSecuritySettings } from '../../apiserver/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import { MachineError } from './data-dir.ts';
import { readConfigFile, recordOf } from './webhook-config.ts';

const flag = '--admission-control-config-file';

type Fields = Readonly<Record<string, unknown>>;
type Refuse = (what: string) => never;

export interface AdmissionFlags {
  /** Beside those that always run, whose names are only checked. */
  readonly enabled: readonly string[];
  readonly disabled: readonly string[];
  /** An AdmissionConfiguration. */
  readonly configFile: string | undefined;
}

/** For `createApiCore`. Throws {@link MachineError}. */
export async function openAdmission(
  fs: FileSystem,
  flags: AdmissionFlags | undefined,
): Promise<Pick<ApiCoreOptions, 'admissionSettings' | 'enabledAdmission' | 'disabledAdmission'>> {
  if (!flags) return {};
  const { enabled, disabled, configFile } = flags;
  const both = enabled.find((name) => disabled.includes(name));
  if (both !== undefined) throw new MachineError(`"${both}" is given to both --enable-admission-plugins and --disable-admission-plugins.`);
  const admissionSettings = configFile === undefined ? undefined : await readAdmissionConfig(fs, configFile);
  return { admissionSettings, enabledAdmission: enabled, disabledAdmission: disabled };
}

/** Throws {@link MachineError} for a plugin that there is not. */
export function checkAdmission(flags: AdmissionFlags | undefined, { admissionPlugins }: Pick<ApiCore, 'admissionPlugins'>): void {
  for (const [flag, names] of [
    ['--enable-admission-plugins', flags?.enabled],
    ['--disable-admission-plugins', flags?.disabled],
  ] as const) {
    const unknown = names?.find((name) => !admissionPlugins.includes(name));
    if (unknown !== undefined)
      throw new MachineError(`${flag}: there is no plugin "${unknown}". Plugins are: ${admissionPlugins.join(', ')}.`);
  }
}

/** Throws {@link MachineError} that names the field. */
export async function readAdmissionConfig(fs: FileSystem, path: string): Promise<AdmissionSettings> {
  const { kind, apiVersion, plugins } = recordOf(await readConfigFile(fs, flag, path));
  const refuse: Refuse = (what) => {
    throw new MachineError(`${flag}: ${path}: ${what}.`);
  };
  if (kind !== 'AdmissionConfiguration' || apiVersion !== 'apiserver.config.k8s.io/v1')
    refuse('wants kind AdmissionConfiguration of apiVersion apiserver.config.k8s.io/v1');
  let settings: AdmissionSettings = {};
  for (const [i, plugin] of listOf(plugins).map(recordOf).entries()) {
    const at = `plugins[${i}]`;
    const { name, path: other, configuration } = plugin;
    if (typeof name !== 'string' || name === '') return refuse(`${at}.name: Required value`);
    const reader = Object.hasOwn(readers, name) ? readers[name] : undefined;
    if (!reader) return refuse(`${at}.name: Unsupported value: "${name}": wants one of ${Object.keys(readers).join(', ')}`);
    const own = typeof other === 'string' && other !== '' ? await readConfigFile(fs, flag, resolve(dirname(path), other)) : configuration;
    settings = { ...settings, ...reader(recordOf(own), `${at}.configuration`, refuse) };
  }
  return settings;
}

type Reader = (of: Fields, at: string, refuse: Refuse) => AdmissionSettings;

const readers: Readonly<Record<string, Reader>> = {
  PodSecurity: (of, at, refuse) => ({ podSecurity: podSecurityOf(of, at, refuse) }),
  ResourceQuota: (of, at, refuse) => ({ limitedResources: limitedResourcesOf(of, at, refuse) }),
  EventRateLimit: (of, at, refuse) => ({ eventLimits: eventLimitsOf(of, at, refuse) }),
};

function kindIs({ kind, apiVersion }: Fields, wanted: string, versions: RegExp, { at, refuse }: { at: string; refuse: Refuse }): void {
  if (kind !== wanted || !versions.test(String(apiVersion)))
    refuse(`${at}: wants kind ${wanted}, got ${String(kind)} of apiVersion ${String(apiVersion)}`);
}

function podSecurityOf(of: Fields, at: string, refuse: Refuse): PodSecuritySettings {
  kindIs(of, 'PodSecurityConfiguration', /^pod-security\.admission\.config\.k8s\.io\/v1(alpha1|beta1)?$/, { at, refuse });
  const defaults = recordOf(of.defaults);
  const standard = (mode: string) => {
    const [level = 'privileged', version = 'latest'] = [defaults[mode], defaults[`${mode}-version`]];
    if (level !== 'privileged' && level !== 'baseline' && level !== 'restricted')
      return refuse(`${at}.defaults.${mode}: Invalid value: ${JSON.stringify(level)}: must be one of privileged, baseline, restricted`);
    const minor = /^v1\.(0|[1-9][0-9]{0,8})$/.exec(String(version))?.[1];
    if (version !== 'latest' && minor === undefined)
      return refuse(`${at}.defaults.${mode}-version: Invalid value: ${JSON.stringify(version)}: must be "latest" or "v1.x"`);
    return { level, version: minor === undefined ? ('latest' as const) : Number(minor) } as const;
  };
  const exemptions = recordOf(of.exemptions);
  const texts = (field: string) => textsOf(exemptions[field], `${at}.exemptions.${field}`, refuse);
  return {
    defaults: { enforce: standard('enforce'), audit: standard('audit'), warn: standard('warn') },
    exempt: { usernames: texts('usernames'), namespaces: texts('namespaces'), runtimeClasses: texts('runtimeClasses') },
  };
}

function limitedResourcesOf(of: Fields, at: string, refuse: Refuse): readonly LimitedResource[] {
  kindIs(of, 'ResourceQuotaConfiguration', /^apiserver\.config\.k8s\.io\/v1$/, { at, refuse });
  return listOf(of.limitedResources).map((item, i) => {
    const place = `${at}.limitedResources[${i}]`;
    const { apiGroup = '', resource, matchContains, matchScopes } = recordOf(item);
    if (typeof resource !== 'string' || resource === '') return refuse(`${place}.resource: Required value`);
    const scopes = listOf(matchScopes).map((scope, j) => {
      const { scopeName, operator, values } = recordOf(scope);
      if (typeof scopeName !== 'string' || typeof operator !== 'string')
        return refuse(`${place}.matchScopes[${j}]: wants a scopeName and an operator`);
      return { scopeName, operator, values: [...textsOf(values, `${place}.matchScopes[${j}].values`, refuse)] };
    });
    return {
      group: String(apiGroup),
      resource,
      matchContains: textsOf(matchContains, `${place}.matchContains`, refuse),
      matchScopes: scopes,
    };
  });
}

const limitTypes = ['Server', 'Namespace', 'User', 'SourceAndObject'] as const;
const usualCacheSize = 4096;

function eventLimitsOf(of: Fields, at: string, refuse: Refuse): readonly EventLimit[] {
  kindIs(of, 'Configuration', /^eventratelimit\.admission\.k8s\.io\/v1alpha1$/, { at, refuse });
  const limits = listOf(of.limits);
  if (limits.length === 0) refuse(`${at}.limits: Invalid value: must not be empty`);
  return limits.map((item, i) => {
    const place = `${at}.limits[${i}]`;
    const { type, qps, burst, cacheSize = 0 } = recordOf(item);
    const known = limitTypes.find((one) => one === type);
    if (!known) return refuse(`${place}.type: Unsupported value: ${JSON.stringify(type)}: wants one of ${limitTypes.join(', ')}`);
    const positive = (field: string, value: unknown): number =>
      typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : refuse(`${place}.${field}: must be positive`);
    if (typeof cacheSize !== 'number' || cacheSize < 0) return refuse(`${place}.cacheSize: must not be negative`);
    return { type: known, qps: positive('qps', qps), burst: positive('burst', burst), cacheSize: cacheSize || usualCacheSize };
  });
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function textsOf(value: unknown, at: string, refuse: Refuse): readonly string[] {
  const texts = listOf(value);
  if (texts.some((text) => typeof text !== 'string' || text === '')) refuse(`${at}: wants a list of texts`);
  return texts as readonly string[];
}
