// Binding: puts a pod on a node. The old way of what pods/binding does; nothing of it is stored.
import type { V1Binding } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { type FieldError, notSupported, required } from '../meta/field-error.ts';

function validate({ target }: V1Binding): FieldError[] {
  const errors: FieldError[] = [];
  const kind = target?.kind ?? '';
  if (kind !== '' && kind !== 'Node') errors.push(notSupported('target.kind', kind, ['Node', '<empty>']));
  if ((target?.name ?? '') === '') errors.push(required('target.name'));
  return errors;
}

export const bindings: KindDefinition<V1Binding> = {
  group: '',
  version: 'v1',
  kind: 'Binding',
  resource: 'bindings',
  singular: 'binding',
  verbs: ['create'],
  namespaced: true,
  schema: 'V1Binding',
  hasGeneration: false,
  columns: [],
  validateCreate: validate,
  virtual: true,
};
