// Selectors of lists and watches, compiled once per request into a scope that caches can serve.
import {
  badRequest,
  compileSelector,
  type FieldSelector,
  type KindDefinition,
  type KubeObject,
  matchesFields,
  parseFieldSelector,
  parseSelector,
  requiredFieldValue,
} from '../../api/mod.ts';
import type { ResourceRequest } from '../request.ts';
import type { Scope } from '../watch-cache/mod.ts';
import { type ConvertedFields, convertedFields } from './converted-fields.ts';
import { parameter } from './options.ts';

export interface Selection {
  readonly scope: Scope;
  /** A selector beyond the name and namespace of the path was given. */
  readonly selective: boolean;
  /** What the scope leaves open, because it takes the converted object to tell. */
  readonly converted?: ConvertedFields | undefined;
}

/** Throws 400 for malformed selectors and for fields that the kind cannot select by. */
export function selectionOf(request: ResourceRequest): Selection {
  const { kind, query, namespace } = request;
  const labelText = parameter(query, 'labelSelector');
  const fieldText = parameter(query, 'fieldSelector');
  if (labelText === undefined && fieldText === undefined && request.name === undefined) return { scope: { namespace }, selective: false };
  const labels = labelText === undefined ? undefined : parseSelector(labelText);
  const fields = fieldText === undefined ? [] : parseFieldSelector(fieldText);
  for (const { field } of fields) checkField(kind, field);
  const selective = (labels !== undefined && labels.requirements.length > 0) || fields.length > 0;
  const matchLabels = labels && labels.requirements.length > 0 ? compileSelector(labels) : undefined;
  const asked = kind.namespaced ? requiredFieldValue(fields, 'metadata.namespace') : undefined;
  const inNamespace = namespace ?? (asked === '' ? undefined : asked);
  const name = request.name ?? requiredFieldValue(fields, 'metadata.name');
  const reader = fieldReader(kind);
  const converted = convertedFields(kind, fields, reader);
  const matches = predicate(matchLabels, converted ? fields.filter(({ field }) => field.startsWith('metadata.')) : fields, reader);
  return {
    selective,
    converted,
    scope: {
      namespace: inNamespace,
      // Without its namespace a name is not a key: then the predicate alone decides.
      name: name !== undefined && name !== '' && (!kind.namespaced || inNamespace !== undefined) ? name : undefined,
      field: indexedField(kind, fields),
      matches,
    },
  };
}

function predicate(
  matchLabels: ((labels: Readonly<Record<string, string>> | undefined) => boolean) | undefined,
  fields: FieldSelector,
  reader: (object: KubeObject, field: string) => string,
): Scope['matches'] {
  if (fields.length === 0) return matchLabels && ((object) => matchLabels(object.metadata?.labels));
  const matchFields = (object: KubeObject) => matchesFields(fields, (field) => reader(object, field));
  return matchLabels ? (object) => matchFields(object) && matchLabels(object.metadata?.labels) : matchFields;
}

/** Watches are indexed by what the stored kind calls its fields. */
function indexedField(kind: KindDefinition, fields: FieldSelector): Scope['field'] {
  if (kind.storage) return undefined;
  for (const name of Object.keys(kind.selectableFields ?? {})) {
    const value = requiredFieldValue(fields, name);
    if (value !== undefined) return { name, value };
  }
  return undefined;
}

function fieldReader(kind: KindDefinition): (object: KubeObject, field: string) => string {
  const own = kind.selectableFields ?? {};
  return (object, field) => {
    if (field === 'metadata.name') return object.metadata?.name ?? '';
    if (field === 'metadata.namespace') return object.metadata?.namespace ?? '';
    return own[field]?.(object) ?? '';
  };
}

/** Two of upstream's wordings: kinds with selectable fields of their own, and those without. */
function checkField(kind: KindDefinition, field: string): void {
  if (field === 'metadata.name' || field === 'metadata.namespace') return;
  const own = kind.selectableFields;
  if (own && Object.hasOwn(own, field)) return;
  throw badRequest(
    own && Object.keys(own).length > 0
      ? `field label not supported: ${field}`
      : `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
  );
}
