// DELETE of an object that the store cannot read: nothing of it is known, so that finalizers, preconditions and dependents count for nothing.
// Source: KEP-3926, whose feature gate is on here. Admission is not asked: there is no object to show to it.
import { conflict, forbidden, invalid, invalidValue, notFound } from '../../api/mod.ts';
import { RevisionMismatchError } from '../../store/mod.ts';
import type { Resource } from '../registry/resource.ts';
import type { RequestContext, Result } from '../request.ts';
import { isUnreadable } from '../watch-cache/mod.ts';
import { ignoreReadErrorField } from './delete-options.ts';
import type { Services } from './services.ts';

const verb = 'unsafe-delete-ignore-read-errors';

interface Written {
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly name: string;
}

/** Throws 422 for an object that can be read, and 403 for who may delete and not write off. */
export async function writeOff(services: Services, { resource, namespace, name }: Written, context: RequestContext): Promise<Result> {
  const { group, version, resource: plural } = resource.kind;
  const attributes = { as: 'resource', user: context.user, verb, group, version, resource: plural, subresource: '' } as const;
  const { decision, reason } = await services.authorizer.decide({ ...attributes, namespace: namespace ?? '', name });
  if (decision !== 'allow') {
    throw forbidden({ group, resource: plural, name }, `not permitted to do "${verb}", reason: ${reason ?? ''}`);
  }
  const entry = resource.get(namespace, name);
  if (!entry) throw notFound(resource.subject(name));
  if (!isUnreadable(entry)) {
    const why = 'is exclusively used to delete corrupt object(s), try again by removing this option';
    throw invalid({ group, kind: plural, name }, [invalidValue(ignoreReadErrorField, true, why)]);
  }
  try {
    await services.registry.delete(entry, context);
  } catch (error) {
    if (!(error instanceof RevisionMismatchError)) throw error;
    if (!error.current) throw notFound(resource.subject(name));
    throw conflict(resource.subject(name), 'the object has been written anew meanwhile');
  }
  context.log.warn('An object that could not be read was deleted', { key: entry.key, revision: entry.revision, user: context.user.name });
  const details = { name, ...(group === '' ? {} : { group }), kind: plural };
  return { as: 'other', code: 200, object: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details } };
}
