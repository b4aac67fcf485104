// CONNECT: what leaves the verbs to the proxies (exec, attach, port-forward, proxy) is judged by admission first.
import type { Draft, KindDefinition, KubeObject } from '../../api/mod.ts';
import { allOf, firstOf, isTrue, type Query } from '../http/request-info.ts';
import type { RequestContext } from '../request.ts';
import type { Services } from './services.ts';

/** The options of a connection as an object: its kind, and which parameters of the query are its fields. */
interface ConnectOptions {
  readonly kind: string;
  readonly flags?: readonly string[];
  readonly texts?: readonly string[];
  readonly lists?: readonly string[];
  readonly numbers?: readonly string[];
}

const streams = ['stdin', 'stdout', 'stderr', 'tty'];
const byPath: Readonly<Record<string, ConnectOptions>> = {
  'pods/exec': { kind: 'PodExecOptions', flags: streams, texts: ['container'], lists: ['command'] },
  'pods/attach': { kind: 'PodAttachOptions', flags: streams, texts: ['container'] },
  'pods/portforward': { kind: 'PodPortForwardOptions', numbers: ['ports'] },
  'pods/proxy': { kind: 'PodProxyOptions', texts: ['path'] },
  'services/proxy': { kind: 'ServiceProxyOptions', texts: ['path'] },
  'nodes/proxy': { kind: 'NodeProxyOptions', texts: ['path'] },
};

export interface ConnectRequest {
  readonly kind: KindDefinition;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly subresource: string;
  readonly query: Query;
}

/** Throws what admission says against it. Other subresources (logs) are reads. */
export async function admitConnect(services: Services, request: ConnectRequest, context: RequestContext): Promise<void> {
  const { kind, namespace, name, subresource, query } = request;
  const path = `${kind.resource}/${subresource}`;
  const options = kind.group === '' && Object.hasOwn(byPath, path) ? byPath[path] : undefined;
  if (!options) return;
  const attributes = {
    operation: 'CONNECT',
    kind,
    body: { group: '', version: 'v1', kind: options.kind },
    subresource,
    namespace,
    name,
    old: undefined,
    user: context.user,
    dryRun: false,
    warn: context.warn,
    annotate: context.annotate,
    signal: context.signal,
  } as const;
  const body = optionsObject(options, query);
  await services.admission.mutate(attributes, body);
  await services.admission.validate(attributes, body as KubeObject);
}

function optionsObject({ kind, flags = [], texts = [], lists = [], numbers = [] }: ConnectOptions, query: Query): Draft<KubeObject> {
  const fields: [string, unknown][] = [
    ...flags.filter((name) => isTrue(query, name)).map((name): [string, unknown] => [name, true]),
    ...texts.map((name): [string, unknown] => [name, firstOf(query, name)]),
    ...lists.map((name): [string, unknown] => [name, allOf(query, name)]),
    ...numbers.map((name): [string, unknown] => [name, allOf(query, name).flatMap((text) => text.split(',').map(Number))]),
  ];
  const given = fields.filter(([, value]) => value !== undefined && (!Array.isArray(value) || value.length > 0));
  return { kind, apiVersion: 'v1', ...Object.fromEntries(given) };
}
