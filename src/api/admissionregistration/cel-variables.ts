// The variables of admission expressions, as types: what policies and match conditions may name.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#validation-expression
import {
  authorizerType,
  boolType,
  type CelEnvironment,
  type CelField,
  type CelObjectType,
  type CelType,
  dynType,
  escapeName,
  intType,
  listOf,
  mapOf,
  objectOf,
  resourceCheckType,
  stringType,
  timestampType,
} from '../cel/mod.ts';

const texts = (...names: readonly string[]): Record<string, CelType> => Object.fromEntries(names.map((name) => [name, stringType]));
const textList = listOf(stringType);

const kindType = objectOf('kubernetes.GroupVersionKind', texts('group', 'version', 'kind'));
const resourceType = objectOf('kubernetes.GroupVersionResource', texts('group', 'version', 'resource'));
const userType = objectOf('kubernetes.UserInfo', {
  ...texts('username', 'uid'),
  groups: textList,
  extra: mapOf(stringType, textList),
});

const requestType = objectOf('kubernetes.AdmissionRequest', {
  kind: kindType,
  resource: resourceType,
  requestKind: kindType,
  requestResource: resourceType,
  ...texts('subResource', 'requestSubResource', 'name', 'namespace', 'operation'),
  userInfo: userType,
  dryRun: boolType,
  options: dynType,
});

const conditionType = objectOf('kubernetes.NamespaceCondition', {
  ...texts('status', 'type', 'message', 'reason'),
  lastTransitionTime: timestampType,
});

/** What of a namespace expressions see: not who manages or owns it. */
export const namespaceType: CelObjectType = {
  kind: 'object',
  name: 'kubernetes.Namespace',
  fields: escaped({
    metadata: objectOf('kubernetes.NamespaceMetadata', {
      ...texts('name', 'generateName', 'namespace', 'resourceVersion', 'uid'),
      labels: mapOf(stringType, stringType),
      annotations: mapOf(stringType, stringType),
      creationTimestamp: timestampType,
      deletionTimestamp: timestampType,
      deletionGracePeriodSeconds: intType,
      generation: intType,
      finalizers: textList,
    }),
    spec: objectOf('kubernetes.NamespaceSpec', { finalizers: textList }),
    status: objectOf('kubernetes.NamespaceStatus', { conditions: listOf(conditionType), phase: stringType }),
  }),
};

function escaped(fields: Readonly<Record<string, CelType>>): ReadonlyMap<string, CelField> {
  return new Map(Object.entries(fields).map(([name, type]) => [escapeName(name) ?? name, { type, jsonName: name }]));
}

export interface AdmissionVariables {
  /** Types of `object` and `oldObject`, and of `params`, where they are known. Default: any. */
  readonly object?: CelType;
  /** Absent: the expression has no parameters. */
  readonly params?: CelType;
  readonly authorizer: boolean;
  /** The policy's own variables so far, by name. Absent: there are none. */
  readonly variables?: ReadonlyMap<string, CelType>;
  /** The expression makes patches: it may construct objects. */
  readonly patches?: boolean;
}

/** What an expression of this kind may name. */
export function admissionEnvironment({ object = dynType, params, authorizer, variables, patches }: AdmissionVariables): CelEnvironment {
  return {
    variables: {
      object,
      oldObject: object,
      request: requestType,
      namespaceObject: namespaceType,
      ...(params ? { params } : {}),
      ...(authorizer ? { authorizer: authorizerType, 'authorizer.requestResource': resourceCheckType } : {}),
      ...(variables ? { variables: { kind: 'object', name: 'kubernetes.variables', fields: escaped(Object.fromEntries(variables)) } } : {}),
    },
    ...(patches ? { structType: patchTypeOf } : {}),
  };
}

/** Every field that there could be: what an apply configuration may say is for the schema of its object to judge. */
const none: ReadonlyMap<string, CelField> = new Map();
const anyFields: ReadonlyMap<string, CelField> = {
  size: 0,
  get: (name) => ({ type: dynType, jsonName: unescaped(name) }),
  has: () => true,
  entries: () => none.entries(),
  keys: () => none.keys(),
  values: () => none.values(),
  forEach: () => {},
  [Symbol.iterator]: () => none[Symbol.iterator](),
};

/** `__namespace__` is `namespace`, `a__dash__b` is `a-b`. */
const unescaped = (name: string): string =>
  name
    .replaceAll('__dash__', '-')
    .replaceAll('__dot__', '.')
    .replaceAll('__slash__', '/')
    .replaceAll('__underscores__', '\u0000')
    .replace(/^__(\w+)__$/, '$1')
    .replaceAll('\u0000', '__');

export const patchOperationType = objectOf('JSONPatch', { ...texts('op', 'path', 'from'), value: dynType });
export const applyConfigurationType: CelObjectType = { kind: 'object', name: 'Object', fields: anyFields };

function patchTypeOf(name: string): CelObjectType | undefined {
  if (name === 'JSONPatch') return patchOperationType;
  if (name === 'Object') return applyConfigurationType;
  return name.startsWith('Object.') ? { kind: 'object', name, fields: anyFields } : undefined;
}
