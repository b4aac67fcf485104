// The fields by which custom resources can be selected.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#crd-selectable-fields
import type { V1SelectableField } from '../generated/types.gen.ts';
import type { KubeObject } from '../meta/object.ts';
import { findValue, parseJsonPath } from '../schema/structural/mod.ts';

/** `spec.color`: its path without the dot in front. A field that is not there counts as empty text. */
export function selectableFieldsOf(
  fields: readonly V1SelectableField[] | undefined,
): Readonly<Record<string, (object: KubeObject) => string>> | undefined {
  if (fields === undefined || fields.length === 0) return undefined;
  return Object.fromEntries(
    fields.map(({ jsonPath }) => {
      const path = parseJsonPath(jsonPath);
      return [jsonPath.replace(/^\./, ''), (object: KubeObject) => textOf(findValue(object, path))];
    }),
  );
}

const textOf = (value: unknown): string => (value === undefined || value === null || typeof value === 'object' ? '' : String(value));
