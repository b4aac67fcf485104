// The forms that `kubectl get` and metadata-only clients ask for: Table and PartialObjectMetadata of meta.k8s.io/v1.
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
import type { V1ObjectMeta } from '../generated/types.gen.ts';
import type { Column, KindDefinition } from '../kind.ts';
import type { KubeObject } from '../meta/object.ts';
import { humanDuration, parseTime } from '../meta/time.ts';
import { hasSchema } from '../schema/mod.ts';

/** What each row carries besides its cells. Clients that say nothing get `Metadata`. */
export type TableInclude = 'None' | 'Metadata' | 'Object';

export interface TableColumnDefinition {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
}

export type TableCell = string | number | boolean | null;

export interface TableRow {
  readonly cells: readonly TableCell[];
  readonly object: PartialObjectMetadata | KubeObject | null;
}

/** A Table without its kind, apiVersion and metadata. */
export interface TableContent {
  readonly columnDefinitions: readonly TableColumnDefinition[];
  readonly rows: readonly TableRow[];
}

export interface TableSettings {
  /** Ages are relative to it. */
  readonly nowMs: number;
  readonly includeObject: TableInclude;
}

export interface PartialObjectMetadata {
  readonly kind: 'PartialObjectMetadata';
  readonly apiVersion: 'meta.k8s.io/v1';
  readonly metadata: V1ObjectMeta;
}

/** The object's metadata alone. */
export const partialObjectMetadata = (object: KubeObject): PartialObjectMetadata => ({
  kind: 'PartialObjectMetadata',
  apiVersion: 'meta.k8s.io/v1',
  metadata: object.metadata ?? {},
});

/** Built-in kinds print ages on the server and call them strings; only the columns of custom resources are of type `date`. */
const isBuiltIn = (kind: KindDefinition): boolean => hasSchema(kind.schema);

/** A kind's columns as a Table lists them. */
export function tableColumns(kind: KindDefinition): TableColumnDefinition[] {
  const dateType = isBuiltIn(kind) ? 'string' : 'date';
  return kind.columns.map((column) => ({
    name: column.name,
    type: column.type === 'date' && !column.verbatim ? dateType : column.type,
    format: column.format ?? '',
    description: column.description ?? '',
    priority: column.priority ?? 0,
  }));
}

/** One object as a row; of a kind that is stored as another, the stored object. */
export function tableRow(kind: KindDefinition, object: KubeObject, settings: TableSettings): TableRow {
  const noTime = isBuiltIn(kind) ? '<unknown>' : null;
  return {
    cells: kind.columns.map((column) => cellOf(column, object, settings.nowMs, noTime)),
    object: rowObject(kind, object, settings.includeObject),
  };
}

/** Objects of one kind as the columns and rows of a Table. */
export function tableOf(kind: KindDefinition, objects: readonly KubeObject[], settings: TableSettings): TableContent {
  return { columnDefinitions: tableColumns(kind), rows: objects.map((object) => tableRow(kind, object, settings)) };
}

function cellOf(column: Column, object: KubeObject, nowMs: number, noTime: string | null): TableCell {
  const value = column.cell(object, nowMs) ?? null;
  if (column.type !== 'date' || column.verbatim) return value;
  if (value === null || value === '') return noTime;
  const at = parseTime(String(value));
  return at === undefined ? '<invalid>' : humanDuration(nowMs - at);
}

const servedForm = (kind: KindDefinition, object: KubeObject): KubeObject => kind.storage?.fromStorage(object) ?? object;

function rowObject(kind: KindDefinition, object: KubeObject, include: TableInclude): TableRow['object'] {
  switch (include) {
    case 'None':
      return null;
    case 'Metadata':
      return partialObjectMetadata(servedForm(kind, object));
    case 'Object':
      return servedForm(kind, object);
  }
}
