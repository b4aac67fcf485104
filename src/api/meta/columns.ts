// The columns that nearly every kind has, and the pieces that cells are made of.
import type { V1LabelSelector } from '../generated/types.gen.ts';
import type { Column } from '../kind.ts';
import type { KubeObject } from './object.ts';
import { formatLabelSelector } from './selectors.ts';
import { StatusError } from './status.ts';
import { humanAge } from './time.ts';

export const nameColumn: Column<KubeObject> = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description:
    'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically.',
  cell: (object) => object.metadata?.name ?? '',
};

/** How long ago the object was created: `5m`. Counted anew for each table. */
export const ageColumn: Column<KubeObject> = {
  name: 'Age',
  type: 'string',
  description: 'CreationTimestamp is a timestamp representing the server time when this object was created.',
  cell: (object, nowMs) => humanAge(object.metadata?.creationTimestamp, nowMs),
};

/** What an empty cell shows. */
export const none = '<none>';
export const orNone = (text: string | undefined): string => (text === undefined || text === '' ? none : text);

/** The labels or `<none>`, as a cell of an exact selector. */
export function selectorCell(selector: V1LabelSelector | undefined): string {
  try {
    return orNone(formatLabelSelector(selector));
  } catch (error) {
    if (error instanceof StatusError) return '<error>';
    throw error;
  }
}
