// Questions that several plugins ask of a request.
import type { AdmissionAttributes } from './chain.ts';

export const isNewPod = ({ kind, operation, subresource }: AdmissionAttributes): boolean =>
  operation === 'CREATE' && subresource === undefined && kind.group === '' && kind.resource === 'pods';

/** True for the object itself, as opposed to a subresource. */
export const isOf = ({ kind, subresource }: AdmissionAttributes, group: string, resource: string): boolean =>
  subresource === undefined && kind.group === group && kind.resource === resource;
