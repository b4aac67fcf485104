// Requests that no friendly client sends, each from one seed: odd paths, queries, headers and bodies at every endpoint.
import { readFileSync } from 'node:fs';
import { apiVersionOf, type KindDefinition, schemaOf } from '../../api/mod.ts';
import { type Dice, diceOf, hostileBodies, inheritedKeys, nearlyValue, spoil } from './hostile-values.ts';

export interface HostileRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
const oddMethods = ['HEAD', 'OPTIONS', 'TRACE', 'CONNECT', 'PROPFIND', '__proto__', ''] as const;
const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
] as const;
const contentTypes = [
  ...['application/json', 'application/json', 'application/json;charset=utf-8', 'application/yaml', 'application/vnd.kubernetes.protobuf'],
  ...[
    'text/plain',
    'application/cbor',
    '',
    ';',
    'application/json;;;',
    '*/*',
    'APPLICATION/JSON',
    'multipart/form-data; boundary=--',
    ...patchTypes,
  ],
];
const accepts = [
  ...[
    '',
    '*/*',
    'application/json',
    'application/yaml',
    'application/vnd.kubernetes.protobuf',
    'application/*',
    ',',
    ';q=x',
    'application/json;q=2',
  ],
  ...[
    'application/json;as=Table;v=v1;g=meta.k8s.io',
    'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
    'application/json;as=__proto__',
  ],
  ...[
    'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
    'application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io',
    'a/b, , c',
  ],
  ...['application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json', 'text/html'],
];
const names = [
  ...[
    'a',
    'web',
    'default',
    'kube-system',
    'nope',
    '%00',
    '%2e%2e',
    '%2F',
    'a%2Fb',
    'é',
    '%ff',
    '%',
    '%zz',
    '..',
    '.',
    'x'.repeat(300),
    '*',
    ' ',
  ],
  ...inheritedKeys,
];
const subresources = [
  'status',
  'scale',
  'log',
  'exec',
  'binding',
  'eviction',
  'token',
  'finalize',
  'approval',
  'resize',
  'proxy',
  'ephemeralcontainers',
];
const paths = [
  ...[
    '/',
    '//',
    '',
    '/api',
    '/api/',
    '/apis',
    '/api/v1',
    '/apis/apps',
    '/apis/apps/v1',
    '/api/v9',
    '/apis/nope',
    '/apis/nope/v1/x',
    '/nope',
    '/.',
  ],
  ...[
    '/version',
    '/healthz',
    '/livez?verbose',
    '/readyz?exclude=ping&exclude=',
    '/readyz/ping',
    '/healthz/nope',
    '/livez/__proto__',
    '/metrics',
  ],
  ...[
    '/openapi/v2',
    '/openapi/v3',
    '/openapi/v3/api/v1',
    '/openapi/v3/apis/apps/v1?hash=zz',
    '/openapi/v3/apis/__proto__',
    '/openapi/v3/..%2f..',
  ],
  ...[
    '/.well-known/openid-configuration',
    '/openid/v1/jwks',
    '/api/v1/namespaces',
    '/api/v1/watch/pods',
    '/api/v1/watch',
    '/api/v1/namespaces/a/b/c/d/e/f',
  ],
  ...[
    '/apis/constructor/v1/x',
    '/api/__proto__/pods',
    '/api/v1/__proto__',
    '/api/v1/namespaces/default/constructor',
    '/apis/apps/toString/deployments',
  ],
  ...[
    '*',
    'http://evil/api/v1/pods',
    '/api/v1/pods?',
    '/api/v1/pods?=&&==',
    '/api/v1/pods#x',
    '/api/v1/namespaces/default/pods/a/proxy/b/c?d=e',
  ],
];
const selectors = [
  ...[
    'a=b',
    'a in (b,c)',
    'a notin (b)',
    '!a',
    'a',
    'a>1',
    'a<x',
    '',
    ',',
    '=',
    '!=',
    'a=b,',
    '(',
    'a in',
    'a in (',
    '__proto__=x',
    'a==b==c',
  ],
  ...[
    'x'.repeat(5000),
    `a in (${'b,'.repeat(3000)}b)`,
    '\u0000',
    'é=b',
    'metadata.name=a',
    'metadata.name!=',
    'spec.nodeName=n',
    'status.phase=x',
  ],
  ...[
    'metadata.namespace=default,metadata.name=x',
    'a\\,b=c',
    'a\\',
    'metadata.name=a\\=b',
    'spec.constructor=x',
    'toString=x',
    '!',
    '!=,!',
  ],
];
const integers = ['0', '1', '-1', '3', 'abc', '', '99999999999999999999', '1.5', '0x1', ' 1', '9007199254740993', 'NaN'];
const parameters: Readonly<Record<string, readonly string[]>> = {
  labelSelector: selectors,
  fieldSelector: selectors,
  limit: integers,
  resourceVersion: integers,
  timeoutSeconds: integers,
  gracePeriodSeconds: integers,
  continue: ['', 'abc', 'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiIuLi8uLi8ifQ', 'e30', 'bnVsbA', '%%%', 'eyJydiI6LTF9', 'W10'],
  resourceVersionMatch: ['Exact', 'NotOlderThan', 'nope', ''],
  watch: ['true', 'false', '1', '', 'x'],
  sendInitialEvents: ['true', 'false', 'x'],
  allowWatchBookmarks: ['true', 'x'],
  fieldManager: ['m', '', 'x'.repeat(200), '\u0000', 'é', '__proto__'],
  fieldValidation: ['Strict', 'Warn', 'Ignore', 'nope', '__proto__'],
  force: ['true', 'false', 'x'],
  dryRun: ['All', 'None', '', '__proto__'],
  propagationPolicy: ['Orphan', 'Background', 'Foreground', 'x', '__proto__'],
  orphanDependents: ['true', 'x'],
  timeout: ['1s', '0', '-1s', 'x', '1h', `${'9'.repeat(400)}s`],
  pretty: ['true'],
  includeObject: ['Object', 'None', 'Metadata', 'x'],
  container: ['a', ''],
  tailLines: integers,
  ignoreStoreReadErrorWithClusterBreakingPotential: ['true'],
  __proto__x: ['1'],
};

/** The endpoints of one kind, without their prefix's being looked at. */
export const collectionPath = (kind: KindDefinition, namespace = 'default'): string =>
  `${kind.group === '' ? '/api' : `/apis/${kind.group}`}/${kind.version}/${kind.namespaced ? `namespaces/${namespace}/` : ''}${kind.resource}`;

function queryOf(dice: Dice): string {
  const all = Object.keys(parameters);
  const pairs = Array.from({ length: dice.pick([0, 0, 1, 1, 2, 4]) }, () => {
    const name = dice.pick(all);
    const value = dice.pick(parameters[name] ?? ['']);
    return `${encodeURIComponent(name)}=${dice.once(20) ? dice.pick(['%', '%ff', '%00', '+']) : encodeURIComponent(Buffer.from(value).toString())}`;
  });
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

function cut(bytes: Uint8Array, dice: Dice): Uint8Array {
  if (bytes.length === 0 || !dice.once(20)) return bytes;
  const at = dice.upTo(bytes.length);
  if (dice.once(2)) return bytes.subarray(0, at);
  const changed = Uint8Array.from(bytes);
  changed[at] = dice.upTo(256);
  return changed;
}

interface Example {
  readonly group?: string;
  readonly groupVersion?: string;
  readonly resource: string;
  readonly sent: object;
}
/** Objects that are right, by group and resource: to be spoilt. */
const examples = new Map<string, object[]>();
for (const name of ['defaulting', 'other-defaulting']) {
  const read = readFileSync(new URL(`../../api/testdata/${name}.json`, import.meta.url), 'utf8');
  for (const { group, groupVersion = 'v1', resource, sent } of JSON.parse(read) as readonly Example[]) {
    const key = `${group ?? (groupVersion.includes('/') ? groupVersion.split('/')[0] : '')}/${resource}`;
    examples.set(key, [...(examples.get(key) ?? []), sent]);
  }
}

/** JSON as a hostile client writes it: `__proto__` is a key like any other, texts need not be well-formed. */
const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

/** Objects of this kind that are right. */
export const examplesOf = (kind: KindDefinition): readonly Record<string, unknown>[] =>
  (examples.get(`${kind.group}/${kind.resource}`) ?? []).map((sent) => ({ apiVersion: apiVersionOf(kind), kind: kind.kind, ...sent }));

function bodyFor(kind: KindDefinition, name: string, dice: Dice): Uint8Array {
  if (dice.once(6)) return cut(dice.pick(hostileBodies)(), dice);
  const known = examples.get(`${kind.group}/${kind.resource}`);
  const schema = schemaOf(kind.schema);
  let object: Record<string, unknown>;
  if (known && !dice.once(4)) {
    object = structuredClone(dice.pick(known)) as Record<string, unknown>;
    for (let times = dice.upTo(4); times > 0; times--) spoil(object, schema, dice);
  } else {
    const whole = { kind: 'object', object: schema, element: undefined, format: undefined, goType: '', mapType: undefined } as const;
    const made = nearlyValue(whole, dice);
    if (typeof made !== 'object' || made === null || Array.isArray(made)) return json(made);
    object = made as Record<string, unknown>;
  }
  // Most have the right kind and a name that fits, so that they get as far as validation and beyond.
  if (!dice.once(20)) Object.assign(object, { apiVersion: apiVersionOf(kind), kind: kind.kind });
  if (!dice.once(10))
    object.metadata = {
      ...(dice.once(3) ? (object.metadata as object) : {}),
      name,
      ...(dice.once(20) ? { resourceVersion: '1' } : { resourceVersion: undefined }),
    };
  return cut(json(object), dice);
}

function jsonPatchFor(dice: Dice): Uint8Array {
  const places = [
    '',
    '/metadata',
    '/metadata/labels',
    '/metadata/name',
    '/spec',
    '/spec/containers/0',
    '/spec/containers/-',
    '/status',
    '/data/a',
    '/__proto__/x',
    '/kind',
    '/metadata/managedFields',
    '/metadata/finalizers/0',
    '/a~1b',
    '/~',
    'x',
    '/spec/replicas',
  ];
  const values: readonly unknown[] = [null, {}, [], 'x', 1, true, { a: null }, [null]];
  return json(
    Array.from({ length: dice.upTo(4) }, () => ({
      op: dice.pick(['add', 'remove', 'replace', 'move', 'copy', 'test', 'nope', '__proto__', null]),
      path: dice.pick(places),
      from: dice.pick(places),
      value: dice.pick(values),
    })),
  );
}

/** One request from one seed. */
export function hostileRequest(seed: number, kinds: readonly KindDefinition[]): HostileRequest {
  const dice = diceOf(seed);
  const accept = dice.once(5) ? dice.pick(accepts) : undefined;
  const headers: Record<string, string> = {
    ...(accept === undefined ? {} : { accept }),
    ...(dice.once(10) ? { 'accept-encoding': dice.pick(['gzip', 'gzip;q=0', 'br', '*', ';']) } : {}),
    ...(dice.once(20) ? { 'impersonate-user': dice.pick(['x', '', '\u0000', 'system:serviceaccount:a']) } : {}),
    ...(dice.once(30) ? { 'impersonate-group': 'a,b,,', 'impersonate-extra-%zz': 'x', 'impersonate-uid': '' } : {}),
    ...(dice.once(10) ? { 'user-agent': dice.pick(['', '/', 'é/1', 'x'.repeat(5000), '\u0001', 'kubectl/v1']) } : {}),
    ...(dice.once(30) ? { upgrade: dice.pick(['websocket', 'SPDY/3.1', 'x']), connection: 'Upgrade' } : {}),
  };
  if (dice.once(12)) {
    const method = dice.pick([...methods, ...oddMethods]);
    const target = `${dice.pick(paths)}${dice.once(4) ? queryOf(dice) : ''}`;
    return {
      method,
      target,
      headers: { ...headers, 'content-type': dice.pick(contentTypes) },
      body: dice.once(3) ? dice.pick(hostileBodies)() : new Uint8Array(),
    };
  }
  const kind = dice.pick(kinds);
  const method = dice.once(40) ? dice.pick(oddMethods) : dice.pick(methods);
  // Few names, so that later requests meet what earlier ones have made.
  const name = dice.once(12) ? dice.pick(names) : dice.pick(['a', 'b', 'c']);
  const onObject = method === 'POST' ? dice.once(10) : !dice.once(5);
  const subresource =
    onObject && dice.once(5) ? `/${dice.pick([...subresources, ...Object.keys(kind.subresources ?? {}), ...inheritedKeys])}` : '';
  const collection = collectionPath(kind, dice.once(20) ? dice.pick(names) : 'default');
  const target = `${collection}${onObject ? `/${name}${subresource}` : ''}${queryOf(dice)}`;
  if (method === 'PATCH') {
    const patchType = dice.once(20) ? dice.pick(contentTypes) : dice.pick(patchTypes);
    const forced =
      patchType === 'application/apply-patch+yaml' ? `${target}${target.includes('?') ? '&' : '?'}fieldManager=m${dice.upTo(3)}` : target;
    const body = patchType === 'application/json-patch+json' && !dice.once(4) ? jsonPatchFor(dice) : bodyFor(kind, name, dice);
    return { method, target: forced, headers: { ...headers, 'content-type': patchType }, body };
  }
  const contentType = dice.once(10) ? { 'content-type': dice.pick(contentTypes) } : {};
  const sendsBody = method === 'POST' || method === 'PUT' || dice.once(4);
  return { method, target, headers: { ...headers, ...contentType }, body: sendsBody ? bodyFor(kind, name, dice) : new Uint8Array() };
}
