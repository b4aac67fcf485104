// Which combinations of list and watch parameters are allowed, in upstream's words.
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
import { type FieldError, forbiddenField, notSupported } from '../../api/mod.ts';
import type { ResourceRequest } from '../request.ts';
import { invalidOptions, parameter } from './options.ts';

const match = 'resourceVersionMatch';

/** Throws 422 on ListOptions. */
export function checkListOptions(query: ResourceRequest['query'], verb: 'list' | 'watch'): void {
  const asked = parameter(query, match);
  const initial = parameter(query, 'sendInitialEvents');
  if (asked === undefined && initial === undefined) return;
  const errors = verb === 'watch' ? watchErrors(query, asked, initial) : listErrors(query, asked, initial);
  if (errors.length > 0) throw invalidOptions('ListOptions', errors);
}

function listErrors(query: ResourceRequest['query'], asked: string | undefined, initial: string | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const revision = parameter(query, 'resourceVersion');
  if (asked !== undefined) {
    if (revision === undefined) errors.push(forbiddenField(match, 'resourceVersionMatch is forbidden unless resourceVersion is provided'));
    if (parameter(query, 'continue') !== undefined) {
      errors.push(forbiddenField(match, 'resourceVersionMatch is forbidden when continue is provided'));
    }
    if (asked !== 'Exact' && asked !== 'NotOlderThan') errors.push(notSupported(match, asked, ['Exact', 'NotOlderThan', '']));
    if (asked === 'Exact' && revision === '0') {
      errors.push(forbiddenField(match, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
    }
  }
  if (initial !== undefined) errors.push(forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  return errors;
}

function watchErrors(query: ResourceRequest['query'], asked: string | undefined, initial: string | undefined): FieldError[] {
  const errors: FieldError[] = [];
  if (initial !== undefined && asked !== 'NotOlderThan') {
    errors.push(forbiddenField(match, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'));
  }
  if (asked === undefined) return errors;
  if (initial === undefined)
    errors.push(forbiddenField(match, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'));
  if (asked !== 'NotOlderThan') errors.push(notSupported(match, asked, ['NotOlderThan']));
  if (parameter(query, 'continue') !== undefined)
    errors.push(forbiddenField(match, 'resourceVersionMatch is forbidden when continue is provided'));
  return errors;
}
