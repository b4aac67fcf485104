// The kinds that a CustomResourceDefinition defines, made of it: what built-in kinds say in their own files.
import type { V1CustomResourceDefinition, V1CustomResourceDefinitionVersion } from '../generated/types.gen.ts';
import type { Column, CustomShape, KindDefinition, StorageConversion } from '../kind.ts';
import { equalValues } from '../merge/apply/values.ts';
import { nameColumn } from '../meta/columns.ts';
import { isConditionTrue } from '../meta/conditions.ts';
import { keepStatus } from '../meta/endpoint-rules.ts';
import type { FieldError } from '../meta/field-error.ts';
import { apiVersionOf, type Draft, type KubeObject } from '../meta/object.ts';
import { conformCustom, type JsonSchema, objectSchemaOf, type Values, withDefaults } from '../schema/structural/mod.ts';
import { customColumns } from './custom-columns.ts';
import { scaleRulesOf } from './custom-scale.ts';
import { selectableFieldsOf } from './custom-selectors.ts';
import { errorsOf, inVersion, schemaOfVersion } from './custom-version.ts';
import { type ConvertObjects, webhookConversion } from './webhook-conversion.ts';

export interface CustomKinds {
  /** Objects are stored in this version. Clients reach it only when it is among those that are served. */
  readonly stored: KindDefinition;
  /** In the order of preference: v2, v1, v2beta1, v1alpha1. */
  readonly served: readonly KindDefinition[];
  /** An object from the store, as the definition wants it now. The very same object where it is so already. */
  readonly read: (object: KubeObject) => KubeObject;
  /** Where a webhook converts: an object that was stored in an older version, in the one that is stored now. */
  readonly current?: ((object: KubeObject) => Promise<KubeObject>) | undefined;
}

const noWebhooks: ConvertObjects = () => Promise.reject(new Error('there are no conversion webhooks here'));

type Custom = KubeObject & { readonly status?: unknown };

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

export function customKindsOf(definition: V1CustomResourceDefinition, convert: ConvertObjects = noWebhooks): CustomKinds {
  const { versions } = definition.spec;
  const storage = versions.find((version) => version.storage) ?? versions[0];
  if (!storage) throw new Error(`Cannot serve "${definition.metadata?.name ?? ''}": it has no version`);
  const stored = kindOf(definition, storage);
  const converts = definition.spec.conversion?.strategy !== 'Webhook';
  const served = [...versions]
    .filter((version) => version.served)
    .sort((a, b) => compareVersions(a.name, b.name))
    .map((version) => {
      if (!converts) return { ...kindOf(definition, version), storage: webhookConversion(definition, version, { stored, convert }) };
      return version === storage ? stored : { ...kindOf(definition, version), storage: plainConversion(version, stored) };
    });
  const schema = schemaOfVersion(storage);
  // Of a field that another version has, the stored one must not lose what it does not know.
  const prunes = versions.every((version) => equalValues(schemaOfVersion(version), schema));
  const apiVersion = apiVersionOf(stored);
  return {
    stored,
    served,
    read(object) {
      if (object.apiVersion !== apiVersion && !converts) return object;
      return inVersion(object, apiVersion, prunes ? schema : undefined, schema);
    },
    current: converts
      ? undefined
      : async (object) => {
          if (object.apiVersion === apiVersion) return object;
          const [converted = object] = await convert(definition, [object], apiVersion);
          return inVersion(converted, apiVersion, undefined, schema);
        },
  };
}

function kindOf(definition: V1CustomResourceDefinition, version: V1CustomResourceDefinitionVersion): KindDefinition {
  const { spec, status } = definition;
  // What has been accepted is served, whatever the definition has come to wish since.
  const names = { ...spec.names, ...(status?.acceptedNames?.kind ? status.acceptedNames : {}) };
  const schema = schemaOfVersion(version);
  const type = { group: spec.group, version: version.name, kind: names.kind };
  const hasStatus = version.subresources?.status !== undefined && version.subresources.status !== null;
  const scale = version.subresources?.scale;
  const validate = (object: KubeObject, old?: KubeObject): FieldError[] => errorsOf(version, object, old);
  const selectableFields = selectableFieldsOf(version.selectableFields);
  const isTerminating = isConditionTrue(status?.conditions, 'Terminating');
  return {
    ...type,
    resource: spec.names.plural,
    singular: names.singular ?? names.kind.toLowerCase(),
    namespaced: spec.scope === 'Namespaced',
    schema: '',
    custom: shapeOf(schema, type, names.listKind ?? `${names.kind}List`),
    ...(names.shortNames ? { shortNames: names.shortNames } : {}),
    ...(names.categories ? { categories: names.categories } : {}),
    verbs: isTerminating ? verbs.filter((verb) => verb !== 'create') : verbs,
    hasGeneration: true,
    requiresResourceVersion: true,
    columns: [nameColumn as Column, ...customColumns(version.additionalPrinterColumns)],
    ...(selectableFields ? { selectableFields } : {}),
    setDefaults: (draft) => setDefaults(draft, schema),
    prepareCreate: (draft: Draft<Custom>) => {
      if (hasStatus) delete draft.status;
    },
    validateCreate: (object) => validate(object),
    update: { prepare: hasStatus ? keepStatus : countStatus, validate },
    ...(hasStatus ? { status: { validate } } : {}),
    ...(scale ? { scale: scaleRulesOf(scale) } : {}),
    ...deprecationOf(definition, version),
  };
}

/** Without an endpoint of its own the status is a field like any other. */
function countStatus(draft: Draft<Custom>, old: Custom): void {
  if (!draft.metadata || equalValues(draft.status, old.status)) return;
  draft.metadata.generation = (old.metadata?.generation ?? 0) + 1;
}

function setDefaults(draft: Draft<KubeObject>, schema: JsonSchema): void {
  const made = withDefaults(draft as Values, schema);
  if (made === draft) return;
  for (const key of Object.keys(draft)) if (!Object.hasOwn(made, key)) delete (draft as Record<string, unknown>)[key];
  Object.assign(draft, made);
}

function shapeOf(schema: JsonSchema, groupVersionKind: CustomShape['groupVersionKind'], listKind: string): CustomShape {
  let fields: CustomShape['fields'];
  return {
    groupVersionKind,
    goName: groupVersionKind.kind,
    listKind,
    schema,
    get fields() {
      fields ??= objectSchemaOf(schema, groupVersionKind);
      return fields;
    },
    conform: (tree) => conformCustom(tree, schema),
  };
}

/** The versions differ in their apiVersion alone. */
function plainConversion(version: V1CustomResourceDefinitionVersion, stored: KindDefinition): StorageConversion<KubeObject, KubeObject> {
  const schema = schemaOfVersion(version);
  const ofStored = apiVersionOf(stored);
  const ofServed = apiVersionOf({ group: stored.group, version: version.name });
  return {
    kind: stored,
    toStorage: (draft) => {
      draft.apiVersion = ofStored;
      return draft;
    },
    fromStorage: (object) => inVersion(object, ofServed, schema, schema),
    validateCreate: (object) => errorsOf(version, object),
    validateUpdate: (next, old) => errorsOf(version, next, old),
  };
}

function deprecationOf({ spec }: V1CustomResourceDefinition, version: V1CustomResourceDefinitionVersion): { deprecation?: string } {
  if (version.deprecated !== true) return {};
  const { group, names, versions } = spec;
  const newer = versions.find((other) => other.served && other.deprecated !== true && compareVersions(other.name, version.name) < 0);
  const use = newer ? `; use ${group}/${newer.name} ${names.kind}` : '';
  return { deprecation: version.deprecationWarning ?? `${group}/${version.name} ${names.kind} is deprecated${use}` };
}

const versionForm = /^v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?$/;
const stages = [undefined, 'beta', 'alpha'];

/** Negative when `a` comes first: released versions, then beta, then alpha, the higher number first; all other names after, by their letters. */
export function compareVersions(a: string, b: string): number {
  const left = versionForm.exec(a);
  const right = versionForm.exec(b);
  if (!left || !right) return left ? -1 : right ? 1 : a < b ? -1 : a > b ? 1 : 0;
  const byStage = stages.indexOf(left[2]) - stages.indexOf(right[2]);
  return byStage || Number(right[1]) - Number(left[1]) || Number(right[3] ?? 0) - Number(left[3] ?? 0);
}
