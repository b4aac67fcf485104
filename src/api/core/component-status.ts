// ComponentStatus: whether the scheduler, the controllers and the store answer. Made up when asked for; deprecated since v1.19.
import type { V1ComponentStatus } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { nameColumn } from '../meta/columns.ts';

const healthOf = ({ conditions }: V1ComponentStatus) => conditions?.find(({ type }) => type === 'Healthy');

function statusCell(component: V1ComponentStatus): string {
  const health = healthOf(component);
  if (health === undefined) return 'Unknown';
  return health.status === 'True' ? 'Healthy' : 'Unhealthy';
}

export const componentstatuses: KindDefinition<V1ComponentStatus> = {
  group: '',
  version: 'v1',
  kind: 'ComponentStatus',
  resource: 'componentstatuses',
  singular: 'componentstatus',
  shortNames: ['cs'],
  verbs: ['get', 'list'],
  namespaced: false,
  schema: 'V1ComponentStatus',
  hasGeneration: false,
  columns: [
    nameColumn,
    { name: 'Status', type: 'string', description: 'Status of the component conditions', cell: statusCell },
    {
      name: 'Message',
      type: 'string',
      description: 'Message of the component conditions',
      cell: (component) => healthOf(component)?.message ?? '',
    },
    {
      name: 'Error',
      type: 'string',
      description: 'Error of the component conditions',
      cell: (component) => healthOf(component)?.error ?? '',
    },
  ],
  deprecation: 'v1 ComponentStatus is deprecated in v1.19+',
  virtual: true,
};
