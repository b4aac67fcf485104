// What most kinds say alike of their endpoints and tables.
import type { Column } from '../kind.ts';
import type { KubeObject } from './object.ts';

/** Writes of an object itself leave its status as it stands. */
export function keepStatus(draft: { status?: unknown }, old: { readonly status?: unknown }): void {
  if (old.status === undefined) delete draft.status;
  else draft.status = old.status;
}

/** The column of kinds that upstream has given no columns of their own: the timestamp itself. */
export const createdAtColumn: Column<KubeObject> = {
  name: 'Created At',
  type: 'date',
  verbatim: true,
  description: 'CreationTimestamp is a timestamp representing the server time when this object was created.',
  cell: (object) => object.metadata?.creationTimestamp ?? '',
};

/** `True`, `False` or `<none>`, as optional booleans are printed. */
export const booleanCell = (value: boolean | undefined): string => (value === undefined ? '<none>' : value ? 'True' : 'False');
