// ComponentStatuses: made up for every read. The parts of the control plane are in this process, so that whoever gets an answer knows that they run.
import { apiVersionOf, type KindDefinition, type KubeObject, type V1ComponentStatus } from '../../api/mod.ts';
import type { Encoded, ResourceRequest, Result } from '../request.ts';
import { plainError } from './options.ts';
import { selectionOf } from './selection.ts';
import type { Services } from './services.ts';
import { encoded } from './write.ts';

const components = ['etcd-0', 'scheduler', 'controller-manager'];

export async function getComponentStatus(_services: Services, request: ResourceRequest): Promise<Result> {
  const { kind, name = '' } = request;
  if (!components.includes(name)) throw plainError(`Component not found: ${name}`);
  return { as: 'object', code: 200, kind, entry: statusOf(kind, name) };
}

export async function listComponentStatuses(_services: Services, request: ResourceRequest): Promise<Result> {
  const { kind } = request;
  const { name, matches } = selectionOf(request).scope;
  const entries = components
    .map((component) => statusOf(kind, component))
    .filter(({ object }) => (name === undefined || object.metadata?.name === name) && (matches?.(object) ?? true));
  // They have no revision.
  return { as: 'list', kind, entries, resourceVersion: '' };
}

function statusOf(kind: KindDefinition, name: string): Encoded {
  const status: V1ComponentStatus & KubeObject = {
    kind: kind.kind,
    apiVersion: apiVersionOf(kind),
    metadata: { name },
    conditions: [{ type: 'Healthy', status: 'True', message: 'ok' }],
  };
  return encoded(status);
}
