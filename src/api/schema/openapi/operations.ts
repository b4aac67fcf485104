// The paths and operations of a kind, in both dialects of OpenAPI.
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/ (verbs)
import type { KindDefinition } from '../../kind.ts';
import { apiVersionOf } from '../../meta/object.ts';
import { type Subresource, subresourcesOf } from '../../subresources.ts';
import { definitionOf, hasSchema, typeOfKind } from '../load.ts';
import { customDefinition, customListDefinition } from './custom.ts';
import { type Dialect, type Json, refTo } from './definitions.ts';
import {
  connectParameters,
  deleteCollectionParameters,
  deleteParameters,
  listParameters,
  type Parameter,
  parameterJson,
  patchParameters,
  pathParameters,
  pretty,
  writeParameters,
} from './parameters.ts';

/** Nothing says how lists of custom resources merge: clients that read so send merge patches. */
const customPatchTypes = ['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml'];
const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];
const protobuf = 'application/vnd.kubernetes.protobuf';
const outputTypes = ['application/json', 'application/yaml', protobuf];
const watchTypes = [...outputTypes, 'application/json;stream=watch', `${protobuf};stream=watch`];
const anyType = ['*/*'];

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete' | 'head' | 'options';
type Verb = 'get' | 'list' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';

/** One operation, before it is written in a dialect. */
interface Operation {
  readonly method: Method;
  /** x-kubernetes-action. */
  readonly action: string;
  readonly id: string;
  readonly description: string;
  readonly parameters: readonly Parameter[];
  /** The type name of the body, or that it is a patch. */
  readonly body?: { readonly type: string; readonly optional?: boolean } | 'patch';
  /** The type name of the answer; undefined: text. */
  readonly answer: string | undefined;
  readonly codes: readonly (keyof typeof codeTexts)[];
  readonly produces: readonly string[];
  readonly consumes?: readonly string[];
}

const codeTexts = { 200: 'OK', 201: 'Created', 202: 'Accepted' };

/** What the operations of a path are on: what clients find them by. */
interface Target {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

interface Place {
  readonly path: string;
  readonly target: Target;
  readonly operations: readonly Operation[];
  /** Parameters of every operation of the path, besides those in it. */
  readonly shared: readonly Parameter[];
}

interface Shape {
  readonly method: Method;
  readonly action: string;
  readonly id: string;
  readonly parameters: readonly Parameter[];
  readonly codes: Operation['codes'];
}

const shapes: Readonly<Record<Verb, Shape>> = {
  get: { method: 'get', action: 'get', id: 'read', parameters: [], codes: [200] },
  list: { method: 'get', action: 'list', id: 'list', parameters: listParameters, codes: [200] },
  create: { method: 'post', action: 'post', id: 'create', parameters: writeParameters, codes: [200, 201, 202] },
  update: { method: 'put', action: 'put', id: 'replace', parameters: writeParameters, codes: [200, 201] },
  patch: { method: 'patch', action: 'patch', id: 'patch', parameters: patchParameters, codes: [200, 201] },
  delete: { method: 'delete', action: 'delete', id: 'delete', parameters: deleteParameters, codes: [200, 202] },
  deletecollection: { method: 'delete', action: 'deletecollection', id: 'delete', parameters: deleteCollectionParameters, codes: [200] },
};

const collectionVerbs: readonly Verb[] = ['list', 'create', 'deletecollection'];
const itemVerbs: readonly Verb[] = ['get', 'update', 'patch', 'delete'];
const allVerbs: readonly string[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const connectMethods: Readonly<Record<string, readonly Method[]>> = {
  create: ['post'],
  delete: ['delete'],
  get: ['get'],
  patch: ['patch'],
  update: ['put'],
};
/** What passes on takes these besides. */
const passedOn: readonly Method[] = ['head', 'options'];

/** `api/v1`, `apis/apps/v1`. */
export const rootOf = (kind: { readonly group: string; readonly version: string }): string =>
  kind.group === '' ? `api/${kind.version}` : `apis/${apiVersionOf(kind)}`;

const capitalize = (word: string): string => `${word.charAt(0).toUpperCase()}${word.slice(1)}`;
/** `RbacAuthorization` for `rbac.authorization.k8s.io`, `Core` for the core group. */
const groupName = (group: string): string => (group === '' ? 'core' : group.replace(/\.k8s\.io$/, '')).split('.').map(capitalize).join('');
const tagOf = ({ group, version }: KindDefinition): string => {
  const name = groupName(group);
  return `${name.charAt(0).toLowerCase()}${name.slice(1)}_${version}`;
};

/** The name of a kind's type; of a custom kind that of its definition, which no generated type has. */
const typeNameOf = ({ custom, schema }: KindDefinition): string => (custom ? customDefinition(custom) : schema);
const definitionNameOf = (type: string): string => (hasSchema(type) ? definitionOf(type) : type);

const listTypeOf = (kind: KindDefinition): string | undefined =>
  kind.custom ? customListDefinition(kind.custom) : typeOfKind({ ...kind, kind: `${kind.kind}List` });

/** The type name of what a subresource takes and gives, where it is an object. */
function subresourceType(kind: KindDefinition, { kind: of, group = kind.group, version = kind.version }: Subresource): string | undefined {
  return of === kind.kind ? typeNameOf(kind) : typeOfKind({ group, version, kind: of });
}

/** The names of the generated types that a kind's operations mention: itself, its list, those of its subresources. */
export function typesOfKind(kind: KindDefinition): string[] {
  const acting = subresourcesOf(kind).filter(({ connects }) => connects !== true);
  const all = [
    typeNameOf(kind),
    listTypeOf(kind),
    ...(kind.custom ? ['V1ObjectMeta', 'V1ListMeta'] : []),
    ...acting.map((one) => subresourceType(kind, one)),
  ];
  return [...new Set(all.filter((type): type is string => type !== undefined && hasSchema(type)))];
}

/** Types that every kind's operations mention. */
export const sharedTypes = ['V1Status', 'V1DeleteOptions', 'V1WatchEvent', 'V1APIResourceList'];

/** Path items by path, for one kind. */
export function* pathsOf(kind: KindDefinition, dialect: Dialect): Generator<readonly [string, Json]> {
  for (const { path, target, operations, shared } of placesOf(kind)) {
    if (operations.length === 0) continue;
    const parameters = [...pathParameters(path), ...shared, ...(shared.includes(pretty) ? [] : [pretty])];
    yield [
      path,
      {
        ...Object.fromEntries(operations.map((operation) => [operation.method, operationJson(operation, tagOf(kind), target, dialect)])),
        parameters: parameters.map((parameter) =>
          parameterJson(parameter, path.includes(`{${parameter.name}}`) ? 'path' : 'query', dialect),
        ),
      },
    ];
  }
}

/** What a group version has: the path of its discovery document. */
export function discoveryPath(kind: KindDefinition, dialect: Dialect): readonly [string, Json] {
  const operation: Operation = {
    method: 'get',
    action: '',
    id: `get${groupName(kind.group)}${capitalize(kind.version)}APIResources`,
    description: 'get available resources',
    parameters: [],
    answer: 'V1APIResourceList',
    codes: [200],
    produces: outputTypes,
  };
  return [`/${rootOf(kind)}/`, { get: operationJson(operation, tagOf(kind), undefined, dialect) }];
}

function* placesOf(kind: KindDefinition): Generator<Place> {
  const root = `/${rootOf(kind)}`;
  const below = kind.namespaced ? `namespaces/{namespace}/${kind.resource}` : kind.resource;
  const start = `${groupName(kind.group)}${capitalize(kind.version)}`;
  const name = `${kind.namespaced ? 'Namespaced' : ''}${kind.kind}`;
  const target: Target = { group: kind.group, version: kind.version, kind: kind.kind };
  const served = kind.verbs ?? allVerbs;
  const operations = (verbs: readonly Verb[], id: (verb: Verb) => string) =>
    verbs.filter((verb) => served.includes(verb)).map((verb) => operationOf(verb, kind, id(verb)));
  const plain = (verb: Verb) => (verb === 'deletecollection' ? `delete${start}Collection${name}` : `${shapes[verb].id}${start}${name}`);
  yield { path: `${root}/${below}`, target, operations: operations(collectionVerbs, plain), shared: [] };
  yield { path: `${root}/${below}/{name}`, target, operations: operations(itemVerbs, plain), shared: [] };
  if (kind.namespaced) {
    yield {
      path: `${root}/${kind.resource}`,
      target,
      operations: operations(['list'], () => `list${start}${kind.kind}ForAllNamespaces`),
      shared: [],
    };
  }
  for (const subresource of subresourcesOf(kind))
    yield* subresourcePlaces(kind, subresource, { path: `${root}/${below}/{name}`, start, name });
  if (!served.includes('watch')) return;
  const watched = (path: string, action: string, id: string): Place => ({
    path: `${root}/watch/${path}`,
    target,
    operations: [watchOperation(kind, action, `watch${start}${id}`)],
    shared: [...listParameters, pretty],
  });
  yield watched(below, 'watchlist', `${name}List`);
  yield watched(`${below}/{name}`, 'watch', name);
  if (kind.namespaced) yield watched(kind.resource, 'watchlist', `${kind.kind}ListForAllNamespaces`);
}

function operationOf(verb: Verb, kind: KindDefinition, id: string, type: string | undefined = typeNameOf(kind), of = kind.kind): Operation {
  const shape = shapes[verb];
  const many = verb === 'list' || verb === 'deletecollection';
  const deletes = verb === 'delete' || verb === 'deletecollection';
  return {
    ...shape,
    id,
    description: `${shape.id} ${many ? 'objects of' : 'the specified'} kind ${of}`,
    answer:
      verb === 'list'
        ? listTypeOf(kind)
        : verb === 'deletecollection' || (deletes && kind.deleteReturnsObject !== true)
          ? 'V1Status'
          : type,
    produces: verb === 'list' ? watchTypes : outputTypes,
    ...(deletes ? { body: { type: 'V1DeleteOptions', optional: true } } : {}),
    ...(verb === 'patch' ? { body: 'patch', consumes: kind.custom ? customPatchTypes : patchTypes } : {}),
    ...((verb === 'create' || verb === 'update') && type !== undefined ? { body: { type } } : {}),
  };
}

const watchOperation = (kind: KindDefinition, action: string, id: string): Operation => ({
  method: 'get',
  action,
  id,
  description: `watch changes to kind ${kind.kind}. Deprecated: use the "watch" parameter with a list operation instead`,
  parameters: [],
  answer: 'V1WatchEvent',
  codes: [200],
  produces: watchTypes,
});

interface Item {
  /** Of the object. */
  readonly path: string;
  /** Beginning and end of operation ids, the verb before the first. */
  readonly start: string;
  readonly name: string;
}

function* subresourcePlaces(kind: KindDefinition, subresource: Subresource, item: Item): Generator<Place> {
  const { name, connects, passesOn, verbs } = subresource;
  const { group = kind.group, version = kind.version } = subresource;
  const target: Target = { group, version, kind: subresource.kind };
  const path = `${item.path}/${name}`;
  const end = `${item.name}${capitalize(name)}`;
  if (connects !== true) {
    const type = subresourceType(kind, subresource);
    const operations = (['get', 'create', 'update', 'patch'] as const)
      .filter((verb) => verbs.includes(verb))
      .map((verb) => operationOf(verb, kind, `${shapes[verb].id}${item.start}${end}`, type, subresource.kind));
    yield { path, target, operations, shared: [] };
    return;
  }
  const shared = connectParameters[subresource.kind] ?? [];
  if (name === 'log') {
    const read: Operation = {
      ...operationOf('get', kind, `read${item.start}${end}`),
      answer: undefined,
      produces: ['text/plain', ...outputTypes],
    };
    yield { path, target, operations: [read], shared };
    return;
  }
  const methods = [...verbs.flatMap((verb) => connectMethods[verb] ?? []), ...(passesOn ? passedOn : [])].sort();
  const connect = (suffix: string) =>
    methods.map((method) => connectOperation(kind, name, method, `${item.start}${capitalize(method)}${end}${suffix}`));
  yield { path, target, operations: connect(''), shared };
  if (passesOn) yield { path: `${path}/{path}`, target, operations: connect('WithPath'), shared: [] };
}

const connectOperation = (kind: KindDefinition, name: string, method: Method, idEnd: string): Operation => ({
  method,
  action: 'connect',
  id: `connect${idEnd}`,
  description: `connect ${method.toUpperCase()} requests to ${name} of ${kind.kind}`,
  parameters: [],
  answer: undefined,
  codes: [200],
  produces: anyType,
});

function operationJson(operation: Operation, tag: string, target: Target | undefined, dialect: Dialect): Json {
  const { body, codes, produces, answer, consumes = anyType } = operation;
  const schema = answer === undefined ? { type: 'string' } : refTo(definitionNameOf(answer), dialect);
  const given = dialect === 'v2' ? { schema } : { content: Object.fromEntries(produces.map((type) => [type, { schema }])) };
  const responses = {
    ...Object.fromEntries(codes.map((code) => [code, { description: codeTexts[code], ...given }])),
    401: { description: 'Unauthorized' },
  };
  const parameters = operation.parameters.map((parameter) => parameterJson(parameter, 'query', dialect));
  const taken = body && refTo(body === 'patch' ? patchDefinition : definitionNameOf(body.type), dialect);
  const required = body !== undefined && (body === 'patch' || body.optional !== true) ? { required: true } : {};
  const head = { description: operation.description, tags: [tag], operationId: operation.id };
  const tail = {
    ...(operation.action === '' ? {} : { 'x-kubernetes-action': operation.action }),
    ...(target ? { 'x-kubernetes-group-version-kind': { group: target.group, kind: target.kind, version: target.version } } : {}),
  };
  if (dialect === 'v2') {
    const all = taken ? [{ name: 'body', in: 'body', ...required, schema: taken }, ...parameters] : parameters;
    return { ...head, consumes, produces, schemes: ['https'], parameters: all, responses, ...tail };
  }
  const content = Object.fromEntries(consumes.map((type) => [type, { schema: taken }]));
  return { ...head, parameters, ...(taken ? { requestBody: { content, ...required } } : {}), responses, ...tail };
}

export const patchDefinition = 'io.k8s.apimachinery.pkg.apis.meta.v1.Patch';
