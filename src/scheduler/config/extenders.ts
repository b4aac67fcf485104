// Extenders of a KubeSchedulerConfiguration: webhooks that filter, score, preempt and bind beside the plugins.
// Source: https://kubernetes.io/docs/reference/config-api/kube-scheduler-config.v1/#kubescheduler-config-k8s-io-v1-Extender
import { ConfigFields, type FieldError, invalidValue, qualifiedNameProblems } from '../../api/mod.ts';
import { parseDurationMs } from '../../base/mod.ts';

/** PEM texts, or the files that hold them. */
export interface ExtenderTls {
  readonly insecure: boolean;
  readonly serverName: string | undefined;
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly files: Readonly<Partial<Record<'ca' | 'cert' | 'key', string>>>;
}

export interface ExtenderConfiguration {
  /** Without a slash at its end. */
  readonly urlPrefix: string;
  /** Empty: it does not take part. */
  readonly filterVerb: string;
  readonly prioritizeVerb: string;
  readonly preemptVerb: string;
  readonly bindVerb: string;
  readonly weight: number;
  readonly httpTimeoutMs: number;
  /** It knows the nodes: names are sent and not whole nodes. */
  readonly nodeCacheCapable: boolean;
  /** Names of resources: pods that ask for none of them are none of its business. Empty: every pod is. */
  readonly managedResources: readonly string[];
  /** Those of them that NodeResourcesFit leaves to it. */
  readonly ignoredByScheduler: readonly string[];
  /** Scheduling goes on when it gives no answer. */
  readonly ignorable: boolean;
  /** Undefined: no TLS beyond what the URL asks for. */
  readonly tls: ExtenderTls | undefined;
  /** `extenders[0]` */
  readonly path: string;
}

const timeoutDefaultMs = 5_000;

export function readExtenders(fields: ConfigFields): readonly ExtenderConfiguration[] {
  const { errors } = fields;
  const extenders = fields.list('extenders', (value, path) => readExtender(new ConfigFields(value, path, errors)));
  const binders = extenders.filter(({ bindVerb }) => bindVerb !== '');
  if (binders.length > 1)
    errors.push(invalidValue('extenders', `found ${binders.length} extenders implementing bind`, 'only one extender can implement bind'));
  return extenders;
}

function readExtender(fields: ConfigFields): ExtenderConfiguration {
  const { errors, path } = fields;
  const urlPrefix = fields.requiredText('urlPrefix');
  if (urlPrefix !== '' && !isHttpUrl(urlPrefix))
    errors.push(invalidValue(fields.at('urlPrefix'), urlPrefix, 'must be an http or https URL'));
  const verbs = {
    filterVerb: fields.text('filterVerb') ?? '',
    prioritizeVerb: fields.text('prioritizeVerb') ?? '',
    preemptVerb: fields.text('preemptVerb') ?? '',
    bindVerb: fields.text('bindVerb') ?? '',
  };
  const weight = fields.integer('weight', { min: 0, max: 2 ** 31 - 1, default: 0 });
  if (verbs.prioritizeVerb !== '' && weight <= 0)
    errors.push(invalidValue(fields.at('weight'), weight, 'must have a positive weight applied to it'));
  const https = fields.flag('enableHTTPS');
  const tls = readTls(fields, https);
  const managed = readManaged(fields);
  const extender = {
    urlPrefix: urlPrefix.replace(/\/+$/, ''),
    ...verbs,
    weight,
    httpTimeoutMs: readTimeout(fields),
    nodeCacheCapable: fields.flag('nodeCacheCapable'),
    managedResources: managed.map(({ name }) => name),
    ignoredByScheduler: managed.filter(({ ignored }) => ignored).map(({ name }) => name),
    ignorable: fields.flag('ignorable'),
    tls,
    path,
  };
  fields.end();
  return extender;
}

function isHttpUrl(text: string): boolean {
  try {
    return /^https?:$/.test(new URL(text).protocol);
  } catch {
    return false;
  }
}

function readTimeout(fields: ConfigFields): number {
  const text = fields.text('httpTimeout');
  if (text === undefined) return timeoutDefaultMs;
  const ms = parseDurationMs(text);
  if (ms === undefined || ms < 0) {
    fields.errors.push(invalidValue(fields.at('httpTimeout'), text, 'must be a duration such as "5s"'));
    return timeoutDefaultMs;
  }
  return ms === 0 ? timeoutDefaultMs : ms;
}

function readManaged(fields: ConfigFields): readonly { readonly name: string; readonly ignored: boolean }[] {
  const seen = new Set<string>();
  return fields.list('managedResources', (value, path) => {
    const one = new ConfigFields(value, path, fields.errors);
    const name = one.requiredText('name');
    const ignored = one.flag('ignoredByScheduler');
    one.end();
    for (const problem of resourceProblems(name)) fields.errors.push(invalidValue(one.at('name'), name, problem));
    if (seen.has(name)) fields.errors.push(invalidValue(one.at('name'), name, 'duplicate extender managed resource name'));
    seen.add(name);
    return { name, ignored };
  });
}

/** An extended resource has a domain of its own. */
function resourceProblems(name: string): readonly string[] {
  if (name === '') return [];
  const problems = qualifiedNameProblems(name);
  if (problems.length > 0) return problems;
  const domain = name.includes('/') ? name.slice(0, name.indexOf('/')) : '';
  const isExtended = domain !== '' && domain !== 'kubernetes.io' && !domain.endsWith('.kubernetes.io') && !name.startsWith('requests.');
  return isExtended ? [] : ['is an invalid extended resource name'];
}

function readTls(fields: ConfigFields, https: boolean): ExtenderTls | undefined {
  const given = fields.has('tlsConfig');
  const of = fields.object('tlsConfig');
  const files: Partial<Record<'ca' | 'cert' | 'key', string>> = {};
  const pem = (name: 'ca' | 'cert' | 'key'): string | undefined => {
    const data = of.text(`${name}Data`);
    const file = of.text(`${name}File`);
    if (data) return decoded(of, `${name}Data`, data);
    if (file) files[name] = file;
    return undefined;
  };
  const pems = { ca: pem('ca'), cert: pem('cert'), key: pem('key') };
  const insecure = of.flag('insecure');
  const serverName = of.text('serverName');
  of.end();
  const has = (name: 'ca' | 'cert' | 'key') => pems[name] !== undefined || files[name] !== undefined;
  if (insecure && has('ca')) fields.errors.push(invalidValue(of.at('insecure'), true, 'must not be set together with a CA'));
  if (has('cert') !== has('key')) fields.errors.push(invalidValue(of.path, '', 'a client certificate and its key are given together'));
  if (!given && !https) return undefined;
  // As upstream does: who asks for HTTPS and names no CA trusts any server.
  return { ...pems, files, serverName, insecure: insecure || (https && !has('ca')) };
}

function decoded(fields: ConfigFields, name: string, base64: string): string | undefined {
  const text = Buffer.from(base64, 'base64').toString('utf8');
  if (text.includes('-----BEGIN')) return text;
  fields.errors.push(invalidValue(fields.at(name), `${base64.slice(0, 16)}...`, 'must be PEM in base64'));
  return undefined;
}

/** With what the files of its TLS settings hold. `read` gives undefined where there is no such file. */
export async function withTlsFiles(
  extender: ExtenderConfiguration,
  read: (path: string) => Promise<string | undefined>,
  errors: FieldError[],
): Promise<ExtenderConfiguration> {
  if (!extender.tls) return extender;
  const pems: Partial<Record<'ca' | 'cert' | 'key', string>> = {};
  for (const [name, file] of Object.entries(extender.tls.files) as ['ca' | 'cert' | 'key', string][]) {
    const text = await read(file);
    if (text === undefined) errors.push(invalidValue(`${extender.path}.tlsConfig.${name}File`, file, 'no such file'));
    else pems[name] = text;
  }
  return { ...extender, tls: { ...extender.tls, ...pems, files: {} } };
}
