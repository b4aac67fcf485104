// KubeSchedulerConfiguration, kubescheduler.config.k8s.io/v1: profiles, their plugins and arguments, as the scheduler takes them.
// Source: https://kubernetes.io/docs/reference/scheduling/config/
import { ConfigFields, duplicate, type FieldError, invalidValue, required } from '../../api/mod.ts';
import { type ExtenderConfiguration, readExtenders, withTlsFiles } from './extenders.ts';
import { defaultArgs, type PluginArgs, readPluginArgs } from './plugin-args.ts';

export const extensionPoints = [
  'preEnqueue',
  'queueSort',
  'preFilter',
  'filter',
  'postFilter',
  'preScore',
  'score',
  'reserve',
  'permit',
  'preBind',
  'bind',
  'postBind',
] as const;
export type ExtensionPoint = (typeof extensionPoints)[number];

/** A plugin by name; 0 stands for the weight that it has otherwise. */
export interface PluginRef {
  readonly name: string;
  readonly weight: number;
}

export interface PluginSet {
  readonly enabled: readonly PluginRef[];
  /** Names; `*` is all of the default ones. */
  readonly disabled: readonly string[];
}

export interface ProfileConfiguration {
  readonly schedulerName: string;
  /** Undefined: as for all profiles. */
  readonly percentageOfNodesToScore: number | undefined;
  readonly plugins: Readonly<Partial<Record<ExtensionPoint | 'multiPoint', PluginSet>>>;
  readonly args: PluginArgs;
  /** Where it stands in the configuration: `profiles[0]`. */
  readonly path: string;
}

export interface SchedulerConfiguration {
  /** 0: upstream's share, which falls as the cluster grows. */
  readonly percentageOfNodesToScore: number;
  readonly podInitialBackoffSeconds: number;
  readonly podMaxBackoffSeconds: number;
  readonly profiles: readonly ProfileConfiguration[];
  /** In the order in which they are asked. */
  readonly extenders: readonly ExtenderConfiguration[];
}

export const defaultSchedulerName = 'default-scheduler';

const defaultProfileConfiguration: ProfileConfiguration = {
  schedulerName: defaultSchedulerName,
  percentageOfNodesToScore: undefined,
  plugins: {},
  args: defaultArgs,
  path: 'profiles[0]',
};

export const defaultConfiguration: SchedulerConfiguration = {
  percentageOfNodesToScore: 0,
  podInitialBackoffSeconds: 1,
  podMaxBackoffSeconds: 10,
  profiles: [defaultProfileConfiguration],
  extenders: [],
};

/** The configuration is not one: each error names the field, its value, and what is wanted. */
export class SchedulerConfigurationError extends Error {
  override readonly name = 'SchedulerConfigurationError';
  readonly errors: readonly FieldError[];
  constructor(errors: readonly FieldError[]) {
    super(errors.map((error) => error.text).join('; '));
    this.errors = errors;
  }
}

const apiVersion = 'kubescheduler.config.k8s.io/v1';
const kind = 'KubeSchedulerConfiguration';
const secondsMax = 24 * 60 * 60;

/** Reads a decoded document, but for which plugins there are. Throws {@link SchedulerConfigurationError}. */
export function parseSchedulerConfiguration(value: unknown): SchedulerConfiguration {
  const errors: FieldError[] = [];
  const fields = new ConfigFields(value, '', errors);
  if (fields.text('apiVersion') !== apiVersion) errors.push(invalidValue('apiVersion', fields.raw('apiVersion'), `must be ${apiVersion}`));
  if (fields.text('kind') !== kind) errors.push(invalidValue('kind', fields.raw('kind'), `must be ${kind}`));
  // How upstream's process connects, elects and debugs: there is nothing of the kind to set here.
  fields.ignore(
    'clientConnection',
    'leaderElection',
    'parallelism',
    'enableProfiling',
    'enableContentionProfiling',
    'delayCacheUntilActive',
  );
  const extenders = readExtenders(fields);
  const profiles = fields.list('profiles', (one, path) => readProfile(one, path, errors));
  profiles.forEach(({ schedulerName }, i) => {
    if (schedulerName !== '' && profiles.findIndex((one) => one.schedulerName === schedulerName) < i)
      errors.push(duplicate(`profiles[${i}].schedulerName`, schedulerName));
  });
  const podInitialBackoffSeconds = fields.integer('podInitialBackoffSeconds', { min: 1, max: secondsMax, default: 1 });
  const podMaxBackoffSeconds = fields.integer('podMaxBackoffSeconds', { min: 1, max: secondsMax, default: 10 });
  if (podMaxBackoffSeconds < podInitialBackoffSeconds)
    errors.push(invalidValue('podMaxBackoffSeconds', podMaxBackoffSeconds, 'must be greater than or equal to PodInitialBackoffSeconds'));
  const percentageOfNodesToScore = fields.integer('percentageOfNodesToScore', { min: 0, max: 100, default: 0 });
  fields.end();
  if (errors.length > 0) throw new SchedulerConfigurationError(errors);
  return {
    percentageOfNodesToScore,
    podInitialBackoffSeconds,
    podMaxBackoffSeconds,
    profiles: (profiles.length > 0 ? profiles : defaultConfiguration.profiles).map((profile) => leaving(profile, extenders)),
    extenders,
  };
}

/** What an extender looks after alone is none of NodeResourcesFit's business. */
function leaving(profile: ProfileConfiguration, extenders: readonly ExtenderConfiguration[]): ProfileConfiguration {
  const ignored = extenders.flatMap(({ ignoredByScheduler }) => ignoredByScheduler);
  if (ignored.length === 0) return profile;
  const fit = profile.args.NodeResourcesFit;
  const NodeResourcesFit = { ...fit, ignoredResources: [...new Set([...fit.ignoredResources, ...ignored])] };
  return { ...profile, args: { ...profile.args, NodeResourcesFit } };
}

function readProfile(value: unknown, path: string, errors: FieldError[]): ProfileConfiguration {
  const fields = new ConfigFields(value, path, errors);
  const schedulerName = fields.text('schedulerName') ?? '';
  if (schedulerName === '') errors.push(required(fields.at('schedulerName')));
  const percentage = fields.integer('percentageOfNodesToScore', { min: 0, max: 100, default: 0 });
  const plugins = fields.object('plugins');
  const sets: Partial<Record<ExtensionPoint | 'multiPoint', PluginSet>> = {};
  for (const point of [...extensionPoints, 'multiPoint'] as const) if (plugins.has(point)) sets[point] = readSet(plugins.object(point));
  plugins.end();
  const args = readPluginArgs(fields);
  const given = fields.has('percentageOfNodesToScore');
  fields.end();
  return { schedulerName, percentageOfNodesToScore: given ? percentage : undefined, plugins: sets, args, path };
}

function readSet(fields: ConfigFields): PluginSet {
  const read = (value: unknown, path: string): PluginRef => {
    const one = new ConfigFields(value, path, fields.errors);
    const ref = { name: one.requiredText('name'), weight: one.integer('weight', { min: 0, max: 2 ** 31 - 1, default: 0 }) };
    one.end();
    return ref;
  };
  const set = { enabled: fields.list('enabled', read), disabled: fields.list('disabled', (one, path) => read(one, path).name) };
  fields.end();
  return set;
}

/** With what the files hold that it names. `read` gives undefined where there is no such file. Throws {@link SchedulerConfigurationError}. */
export async function withFiles(
  configuration: SchedulerConfiguration,
  read: (path: string) => Promise<string | undefined>,
): Promise<SchedulerConfiguration> {
  const errors: FieldError[] = [];
  const extenders = await Promise.all(configuration.extenders.map((extender) => withTlsFiles(extender, read, errors)));
  if (errors.length > 0) throw new SchedulerConfigurationError(errors);
  return { ...configuration, extenders };
}
