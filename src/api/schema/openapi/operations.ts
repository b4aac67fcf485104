// The paths and operations of a kind, in both dialects of OpenAPI.
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/ (verbs, query parameters)

import type { KindDefinition } from '../../kind.ts';
import { apiVersionOf } from '../../meta/object.ts';
import { definitionOf, typeOfKind } from '../load.ts';
import { type Dialect, type Json, refTo } from './definitions.ts';

interface Parameter {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'boolean';
  readonly description: string;
}

const text = (name: string, description: string): Parameter => ({ name, type: 'string', description });
const flag = (name: string, description: string): Parameter => ({ name, type: 'boolean', description });
const integer = (name: string, description: string): Parameter => ({ name, type: 'integer', description });

const pretty = text('pretty', 'If "true", the output is indented.');
const dryRun = text(
  'dryRun',
  'When present, modifications are not persisted. The only value is "All": every stage of dry run is processed.',
);
const fieldManager = text('fieldManager', 'The name of the actor that makes the change: at most 128 printable characters.');
const fieldValidation = text(
  'fieldValidation',
  'What happens to unknown and duplicate fields: Ignore drops them, Warn (the default) sends a warning for each, Strict refuses the request.',
);
const force = flag('force', 'Only for apply patches: takes over the fields that another manager owns.');

const writeParameters = [dryRun, fieldManager, fieldValidation];
const listParameters = [
  flag('allowWatchBookmarks', 'Asks for events of type BOOKMARK.'),
  text('continue', 'The token of the chunk of a list that comes next.'),
  text('fieldSelector', 'Restricts the objects by their fields.'),
  text('labelSelector', 'Restricts the objects by their labels.'),
  integer('limit', 'The most objects that one answer may hold.'),
  text('resourceVersion', 'Which state the objects are to be read from.'),
  text('resourceVersionMatch', 'How resourceVersion is meant: Exact or NotOlderThan.'),
  flag('sendInitialEvents', 'Begins a watch with the objects that are there.'),
  integer('timeoutSeconds', 'The longest that the call may take.'),
  flag('watch', 'Streams the changes as events.'),
];
const deleteParameters = [
  dryRun,
  integer('gracePeriodSeconds', 'Seconds before the object is deleted; 0 deletes at once.'),
  flag('orphanDependents', 'Deprecated: use propagationPolicy.'),
  text('propagationPolicy', 'What happens to dependents: Orphan, Background or Foreground.'),
];

const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];
const outputTypes = ['application/json', 'application/yaml'];
const watchTypes = [...outputTypes, 'application/json;stream=watch'];

type Verb = 'get' | 'list' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';
interface Shape {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** x-kubernetes-action. */
  readonly action: string;
  /** The beginning of operation ids. */
  readonly id: string;
  readonly parameters: readonly Parameter[];
  readonly body?: 'object' | 'patch' | 'deleteOptions';
  readonly code: '200' | '201';
}

const shapes: Readonly<Record<Verb, Shape>> = {
  get: { method: 'get', action: 'get', id: 'read', parameters: [], code: '200' },
  list: { method: 'get', action: 'list', id: 'list', parameters: listParameters, code: '200' },
  create: { method: 'post', action: 'post', id: 'create', parameters: writeParameters, body: 'object', code: '201' },
  update: { method: 'put', action: 'put', id: 'replace', parameters: writeParameters, body: 'object', code: '200' },
  patch: { method: 'patch', action: 'patch', id: 'patch', parameters: [...writeParameters, force], body: 'patch', code: '200' },
  delete: { method: 'delete', action: 'delete', id: 'delete', parameters: deleteParameters, body: 'deleteOptions', code: '200' },
  deletecollection: {
    method: 'delete',
    action: 'deletecollection',
    id: 'deleteCollection',
    parameters: [...deleteParameters, ...listParameters],
    body: 'deleteOptions',
    code: '200',
  },
};

const collectionVerbs: readonly Verb[] = ['list', 'create', 'deletecollection'];
const itemVerbs: readonly Verb[] = ['get', 'update', 'patch', 'delete'];
const subresourceVerbs: readonly Verb[] = ['get', 'update', 'patch'];
const allVerbs: readonly string[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** What an operation is on: its type, and what clients find it by. */
interface Target {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly typeName: string;
}

interface Place {
  readonly path: string;
  readonly verbs: readonly Verb[];
  readonly target: Target;
  /** The end of operation ids: `CoreV1NamespacedPodStatus`. */
  readonly idEnd: string;
}

/** `api/v1`, `apis/apps/v1`. */
export const rootOf = (kind: { readonly group: string; readonly version: string }): string =>
  kind.group === '' ? `api/${kind.version}` : `apis/${apiVersionOf(kind)}`;

const capitalize = (word: string): string => `${word.charAt(0).toUpperCase()}${word.slice(1)}`;

/** The type names that a kind's operations mention: itself, its list, its scale. */
export function typesOfKind(kind: KindDefinition): string[] {
  const list = typeOfKind({ ...kind, kind: `${kind.kind}List` });
  return [kind.schema, ...(list === undefined ? [] : [list]), ...(kind.scale ? ['V1Scale'] : [])];
}

/** Types that every kind's operations mention. */
export const sharedTypes = ['V1Status', 'V1DeleteOptions'];

/** Path items by path, for one kind. */
export function pathsOf(kind: KindDefinition, dialect: Dialect): Json {
  const paths: Json = {};
  for (const place of placesOf(kind)) {
    const operations = place.verbs.map((verb) => [shapes[verb].method, operation(kind, place, verb, dialect)] as const);
    if (operations.length === 0) continue;
    paths[place.path] = {
      ...Object.fromEntries(operations),
      parameters: [...pathParameters(place.path), pretty].map((parameter) =>
        parameterJson(parameter, place.path.includes(`{${parameter.name}}`) ? 'path' : 'query', dialect),
      ),
    };
  }
  return paths;
}

function placesOf(kind: KindDefinition): Place[] {
  const served = kind.verbs ?? allVerbs;
  const has = (verbs: readonly Verb[]): Verb[] => verbs.filter((verb) => served.includes(verb));
  const root = `/${rootOf(kind)}`;
  const collection = kind.namespaced ? `${root}/namespaces/{namespace}/${kind.resource}` : `${root}/${kind.resource}`;
  const target: Target = { group: kind.group, version: kind.version, kind: kind.kind, typeName: kind.schema };
  const group = capitalize((kind.group === '' ? 'core' : kind.group).split('.')[0] ?? '');
  const start = `${group}${capitalize(kind.version)}`;
  const idEnd = `${start}${kind.namespaced ? 'Namespaced' : ''}${kind.kind}`;
  const places: Place[] = [
    { path: collection, verbs: has(collectionVerbs), target, idEnd },
    { path: `${collection}/{name}`, verbs: has(itemVerbs), target, idEnd },
  ];
  if (kind.namespaced)
    places.push({ path: `${root}/${kind.resource}`, verbs: has(['list']), target, idEnd: `${start}${kind.kind}ForAllNamespaces` });
  const scale: Target = { group: 'autoscaling', version: 'v1', kind: 'Scale', typeName: 'V1Scale' };
  const subresources: (readonly [string, Target])[] = [
    ...(kind.status ? [['status', target] as const] : []),
    ...(kind.scale ? [['scale', scale] as const] : []),
    ...Object.keys(kind.subresources ?? {}).map((name) => [name, target] as const),
  ];
  for (const [name, of] of subresources) {
    places.push({ path: `${collection}/{name}/${name}`, verbs: [...subresourceVerbs], target: of, idEnd: `${idEnd}${capitalize(name)}` });
  }
  return places;
}

function pathParameters(path: string): Parameter[] {
  return [
    ...(path.includes('{name}') ? [text('name', 'name of the object')] : []),
    ...(path.includes('{namespace}') ? [text('namespace', 'object name and auth scope, such as for teams and projects')] : []),
  ];
}

function operation(kind: KindDefinition, place: Place, verb: Verb, dialect: Dialect): Json {
  const shape = shapes[verb];
  const { target } = place;
  const answer = answerType(kind, place, verb);
  const consumes = shape.body === 'patch' ? patchTypes : ['*/*'];
  const parameters = shape.parameters.map((parameter) => parameterJson(parameter, 'query', dialect));
  const body = bodySchema(shape, target, dialect);
  const produces = verb === 'list' ? watchTypes : outputTypes;
  const schema = answer === undefined ? undefined : refTo(definitionOf(answer), dialect);
  const head = {
    description: `${shape.id} ${verb === 'list' || verb === 'deletecollection' ? 'objects of' : 'the specified'} kind ${target.kind}`,
    tags: [`${(kind.group === '' ? 'core' : kind.group).split('.')[0]}_${kind.version}`],
    operationId: `${shape.id}${place.idEnd}`,
  };
  const tail = {
    'x-kubernetes-action': shape.action,
    'x-kubernetes-group-version-kind': { group: target.group, kind: target.kind, version: target.version },
  };
  const responses = {
    [shape.code]: { description: shape.code === '201' ? 'Created' : 'OK', ...answerBody(schema, produces, dialect) },
    401: { description: 'Unauthorized' },
  };
  if (dialect === 'v2') {
    const all = body
      ? [{ name: 'body', in: 'body', ...(shape.body === 'deleteOptions' ? {} : { required: true }), schema: body }, ...parameters]
      : parameters;
    return { ...head, consumes, produces, schemes: ['https'], parameters: all, responses, ...tail };
  }
  const content = (schemaOfBody: Json): Json => Object.fromEntries(consumes.map((type) => [type, { schema: schemaOfBody }]));
  return {
    ...head,
    parameters,
    ...(body ? { requestBody: { content: content(body), ...(shape.body === 'deleteOptions' ? {} : { required: true }) } } : {}),
    responses,
    ...tail,
  };
}

function answerType(kind: KindDefinition, place: Place, verb: Verb): string | undefined {
  if (verb === 'list') return typeOfKind({ ...kind, kind: `${kind.kind}List` });
  if (verb === 'deletecollection' || (verb === 'delete' && kind.deleteReturnsObject !== true)) return 'V1Status';
  return place.target.typeName;
}

function answerBody(schema: Json | undefined, produces: readonly string[], dialect: Dialect): Json {
  if (!schema) return {};
  return dialect === 'v2' ? { schema } : { content: Object.fromEntries(produces.map((type) => [type, { schema }])) };
}

function bodySchema(shape: Shape, target: Target, dialect: Dialect): Json | undefined {
  switch (shape.body) {
    case 'object':
      return refTo(definitionOf(target.typeName), dialect);
    case 'patch':
      return refTo(patchDefinition, dialect);
    case 'deleteOptions':
      return refTo(definitionOf('V1DeleteOptions'), dialect);
    case undefined:
      return undefined;
  }
}

export const patchDefinition = 'io.k8s.apimachinery.pkg.apis.meta.v1.Patch';

function parameterJson({ name, type, description }: Parameter, place: 'path' | 'query', dialect: Dialect): Json {
  const head = { name, in: place, description, ...(place === 'path' ? { required: true } : {}) };
  return dialect === 'v2' ? { ...head, type, uniqueItems: true } : { ...head, schema: { type, uniqueItems: true } };
}
