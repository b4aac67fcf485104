// The forms in which objects go out besides their own JSON: Table, metadata only, YAML. Functions of api/'s codec, as a parameter.
import { type KindDefinition, type KubeObject, loadYaml, partialObjectMetadata, tableOf } from '../../api/mod.ts';
import type { Result } from '../request.ts';

/** What each row of a Table carries besides its cells. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableOptions {
  readonly nowMs: number;
  readonly includeObject: IncludeObject;
}

/** A Table of meta.k8s.io/v1 without kind, apiVersion and metadata. */
export interface TableParts {
  readonly columnDefinitions: readonly unknown[];
  readonly rows: readonly unknown[];
}

export interface Forms {
  table(kind: KindDefinition, objects: readonly KubeObject[], options: TableOptions): TableParts;
  /** PartialObjectMetadata of meta.k8s.io/v1. */
  metadataOnly(object: KubeObject): object;
  yaml(object: unknown): string | Promise<string>;
}

/** Those of api/. */
export const apiForms: Forms = {
  table: tableOf,
  metadataOnly: partialObjectMetadata,
  yaml: async (object) => (await loadYaml()).toYaml(object),
};

export interface ListMetadata {
  /** Absent of what has no revision. */
  readonly resourceVersion?: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** That of a list as it is sent. */
export const listMetadataOf = (list: Result & { readonly as: 'list' }): ListMetadata => ({
  ...(list.resourceVersion === '' ? {} : { resourceVersion: list.resourceVersion }),
  ...(list.continue === undefined ? {} : { continue: list.continue }),
  ...(list.remainingItemCount === undefined ? {} : { remainingItemCount: list.remainingItemCount }),
});

export const tableObject = (metadata: ListMetadata, parts: TableParts): object => ({
  kind: 'Table',
  apiVersion: 'meta.k8s.io/v1',
  metadata,
  columnDefinitions: parts.columnDefinitions,
  rows: parts.rows,
});

export const metadataList = (metadata: ListMetadata, items: readonly object[]): object => ({
  kind: 'PartialObjectMetadataList',
  apiVersion: 'meta.k8s.io/v1',
  metadata,
  items,
});
