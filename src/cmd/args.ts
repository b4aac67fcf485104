// The command line: flags to options, with one clear sentence for what does not fit.
import type { LogLevel } from '../base/mod.ts';
import type {
  AccessSettings,
  AdmissionFlags,
  IngressSettings,
  NodeFiles,
  PodNetworkMode,
  StorageSettings,
} from '../cluster/machine/mod.ts';
import { accessFlags, accessOf } from './access-flags.ts';
import { admissionFlags, admissionOf } from './admission-flags.ts';
import { type AgentFlags, addressFlag, parseAgent } from './agent-flags.ts';
import { type ApiServerFlags, parseApiServer } from './apiserver-flags.ts';
import { CommandError, dataDirOf, type Environment, integerFlag, logLevelFlag, parse, podBits, rangesFlag, serviceBits } from './flags.ts';
import { nodeFilesOf, nodeFlags } from './node-flags.ts';
import { storageFlags, storageOf } from './storage-flags.ts';
import type { StoreCommand } from './store.ts';
import { parseToken, type TokenCommand } from './token-flags.ts';
import { parseWhy, type WhyCommand } from './why-flags.ts';

export interface UpOptions {
  readonly dataDir: string;
  /** Undefined: the one the cluster has had, else 6443. */
  readonly port: number | undefined;
  /** Undefined: the one the cluster has had, else loopback. */
  readonly bindAddress: string | undefined;
  /** Undefined: as it has been, else vxlan. */
  readonly podNetwork: PodNetworkMode | undefined;
  readonly detach: boolean;
  readonly node: boolean;
  readonly simulate: number;
  readonly serviceCidr: string | undefined;
  readonly podCidr: string | undefined;
  readonly storage: StorageSettings;
  readonly access: AccessSettings;
  readonly admission: AdmissionFlags;
  readonly ingress: IngressSettings;
  /** The file of a KubeSchedulerConfiguration. */
  readonly schedulerConfig: string | undefined;
  /** What the real node is told. */
  readonly nodeFiles: NodeFiles;
  readonly logLevel: LogLevel;
}

export type Command =
  | { readonly do: 'help'; readonly topic: string | undefined }
  | { readonly do: 'version' }
  | ({ readonly do: 'up' } & UpOptions)
  | ({ readonly do: 'agent' } & AgentFlags)
  | ({ readonly do: 'apiserver' } & ApiServerFlags)
  | { readonly do: 'down'; readonly dataDir: string; readonly clean: boolean }
  | { readonly do: 'status'; readonly dataDir: string }
  | WhyCommand
  | StoreCommand
  | TokenCommand
  | { readonly do: 'checkSecurity'; readonly dataDir: string }
  | { readonly do: 'imageImport'; readonly dataDir: string; readonly file: string }
  | { readonly do: 'imageList'; readonly dataDir: string }
  | { readonly do: 'imageBuild'; readonly dataDir: string; readonly dir: string; readonly tag: string };

const flag = {
  dataDir: { 'data-dir': { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  up: {
    port: { type: 'string' },
    'bind-address': { type: 'string' },
    'pod-network': { type: 'string' },
    detach: { type: 'boolean' },
    'no-node': { type: 'boolean' },
    simulate: { type: 'string' },
    'service-cidr': { type: 'string' },
    'pod-cidr': { type: 'string' },
    'no-ingress': { type: 'boolean' },
    'ingress-http-port': { type: 'string' },
    'ingress-https-port': { type: 'string' },
    ...storageFlags,
    ...accessFlags,
    ...admissionFlags,
    'scheduler-config': { type: 'string' },
    ...nodeFlags,
    'log-level': { type: 'string' },
  },
} as const;

/** Parses the words after `minke`. Throws {@link CommandError}. */
export function parseCommand(words: readonly string[], environment: Environment): Command {
  const [verb, ...rest] = words;
  switch (verb) {
    case undefined:
    case 'help':
    case '--help':
    case '-h':
      return { do: 'help', topic: rest[0] };
    case 'version':
    case '--version':
      return { do: 'version' };
    case 'up':
      return parseUp(rest, environment);
    case 'apiserver': {
      const flags = parseApiServer(rest, environment);
      return flags ? { do: 'apiserver', ...flags } : { do: 'help', topic: verb };
    }
    case 'agent': {
      const flags = parseAgent(rest, environment);
      return flags ? { do: 'agent', ...flags } : { do: 'help', topic: verb };
    }
    case 'down':
      return parseDown(rest, environment);
    case 'status': {
      const { values } = parse(verb, rest, flag.dataDir, 0);
      return values.help ? { do: 'help', topic: verb } : { do: 'status', dataDir: dataDirOf(values['data-dir'], environment) };
    }
    case 'why':
      return parseWhy(rest, environment) ?? { do: 'help', topic: verb };
    case 'image':
      return parseImage(rest, environment);
    case 'store':
      return parseStore(rest, environment);
    case 'check':
      return parseCheck(rest, environment);
    case 'token':
      return parseToken(rest, environment) ?? { do: 'help', topic: verb };
    default:
      throw new CommandError(
        `Unknown command "${verb}". Commands are: up, agent, apiserver, down, status, why, token, check, image, store, version. Try \`minke help\`.`,
      );
  }
}

function parseUp(rest: readonly string[], environment: Environment): Command {
  const { values } = parse('up', rest, { ...flag.dataDir, ...flag.up }, 0);
  if (values.help) return { do: 'help', topic: 'up' };
  const simulate = values.simulate === undefined ? 0 : integerFlag('--simulate', values.simulate, 0, 20_000);
  return {
    do: 'up',
    dataDir: dataDirOf(values['data-dir'], environment),
    port: values.port === undefined ? undefined : integerFlag('--port', values.port, 1, 65535),
    bindAddress: values['bind-address'] === undefined ? undefined : addressFlag('--bind-address', values['bind-address']),
    podNetwork: podNetworkFlag(values['pod-network']),
    detach: values.detach ?? false,
    // A real node needs root; whoever has none and asks for simulated nodes gets those alone.
    node: !(values['no-node'] ?? false) && (environment.isRoot || simulate === 0),
    simulate,
    serviceCidr: rangesFlag('--service-cidr', values['service-cidr'], serviceBits),
    podCidr: rangesFlag('--pod-cidr', values['pod-cidr'], podBits),
    ingress: ingressOf(values),
    storage: storageOf(values),
    access: accessOf(values),
    admission: admissionOf(values),
    schedulerConfig: values['scheduler-config'],
    nodeFiles: nodeFilesOf(values),
    logLevel: logLevelFlag(values['log-level']),
  };
}

function ingressOf(values: Readonly<Record<string, unknown>>): IngressSettings {
  const portOf = (name: string) => integerFlag(`--${name}`, String(values[name] ?? 0), 0, 65_535);
  return { enabled: values['no-ingress'] !== true, httpPort: portOf('ingress-http-port'), httpsPort: portOf('ingress-https-port') };
}

function podNetworkFlag(mode: string | undefined): PodNetworkMode | undefined {
  if (mode !== undefined && mode !== 'vxlan' && mode !== 'routes')
    throw new CommandError(`--pod-network: got "${mode}", wants vxlan or routes.`);
  return mode;
}

function parseDown(rest: readonly string[], environment: Environment): Command {
  const { values } = parse('down', rest, { ...flag.dataDir, clean: { type: 'boolean' } }, 0);
  if (values.help) return { do: 'help', topic: 'down' };
  return { do: 'down', dataDir: dataDirOf(values['data-dir'], environment), clean: values.clean ?? false };
}

function parseCheck([what, ...words]: readonly string[], environment: Environment): Command {
  if (what === undefined || what === '--help' || what === '-h') return { do: 'help', topic: 'check' };
  if (what !== 'security') throw new CommandError(`Unknown command "check ${what}". There is: check security.`);
  const { values } = parse('check security', words, flag.dataDir, 0);
  return values.help ? { do: 'help', topic: 'check' } : { do: 'checkSecurity', dataDir: dataDirOf(values['data-dir'], environment) };
}

function parseStore(rest: readonly string[], environment: Environment): Command {
  const [verb, ...words] = rest;
  if (verb === undefined || verb === '--help' || verb === '-h') return { do: 'help', topic: 'store' };
  if (verb !== 'check' && verb !== 'backup' && verb !== 'restore') {
    throw new CommandError(`Unknown command "store ${verb}". Commands are: store check, store backup, store restore.`);
  }
  const { values, positionals } = parse(`store ${verb}`, words, flag.dataDir, verb === 'check' ? 0 : 1);
  const dataDir = dataDirOf(values['data-dir'], environment);
  if (values.help) return { do: 'help', topic: 'store' };
  if (verb === 'check') return { do: 'storeCheck', dataDir };
  const [file] = positionals;
  if (file === undefined) throw new CommandError(`\`minke store ${verb}\` wants the path of a file: minke store ${verb} FILE`);
  return { do: verb === 'backup' ? 'storeBackup' : 'storeRestore', dataDir, file };
}

function parseImage(rest: readonly string[], environment: Environment): Command {
  const [verb, ...words] = rest;
  switch (verb) {
    case 'import': {
      const { values, positionals } = parse('image import', words, flag.dataDir, 1);
      const [file] = positionals;
      if (file === undefined)
        throw new CommandError('`minke image import` wants the path of a docker or OCI archive: minke image import FILE.tar');
      return { do: 'imageImport', dataDir: dataDirOf(values['data-dir'], environment), file };
    }
    case 'list': {
      const { values } = parse('image list', words, flag.dataDir, 0);
      return { do: 'imageList', dataDir: dataDirOf(values['data-dir'], environment) };
    }
    case 'build': {
      const { values, positionals } = parse('image build', words, { ...flag.dataDir, tag: { type: 'string', short: 't' } }, 1);
      const [dir] = positionals;
      const { tag } = values;
      if (dir === undefined || tag === undefined) {
        throw new CommandError('`minke image build` wants a directory and a name: minke image build DIR -t NAME');
      }
      return { do: 'imageBuild', dataDir: dataDirOf(values['data-dir'], environment), dir, tag };
    }
    case undefined:
    case '--help':
    case '-h':
      return { do: 'help', topic: 'image' };
    default:
      throw new CommandError(`Unknown command "image ${verb}". Commands are: image import, image list, image build.`);
  }
}
