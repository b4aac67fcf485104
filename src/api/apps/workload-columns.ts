// The columns that workloads share: what their template runs and whom they select.
import type { V1LabelSelector, V1PodTemplateSpec } from '../generated/types.gen.ts';
import type { Column } from '../kind.ts';
import { selectorCell } from '../meta/columns.ts';
import type { KubeObject } from '../meta/object.ts';

interface Workload extends KubeObject {
  readonly spec?: { readonly template?: V1PodTemplateSpec | undefined; readonly selector?: V1LabelSelector | undefined } | undefined;
}

const containersOf = (workload: Workload) => workload.spec?.template?.spec?.containers ?? [];

export const workloadColumns: readonly Column<Workload>[] = [
  {
    name: 'Containers',
    type: 'string',
    priority: 1,
    description: 'Names of each container in the template.',
    cell: (workload) =>
      containersOf(workload)
        .map((container) => container.name)
        .join(','),
  },
  {
    name: 'Images',
    type: 'string',
    priority: 1,
    description: 'Images referenced by each container in the template.',
    cell: (workload) =>
      containersOf(workload)
        .map((container) => container.image ?? '')
        .join(','),
  },
  { name: 'Selector', type: 'string', priority: 1, cell: (workload) => selectorCell(workload.spec?.selector) },
];
