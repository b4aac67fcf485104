// A server's own change of an object, tried again until the compare-and-swap holds: no admission, no validation.
import { type Draft, draftOf, type KubeObject, notFound } from '../../api/mod.ts';
import { RevisionMismatchError } from '../../store/mod.ts';
import type { Resource } from '../registry/resource.ts';
import type { Encoded, RequestContext } from '../request.ts';
import type { Services } from './services.ts';
import { asObject, encoded } from './write.ts';

export interface Transformation {
  readonly services: Services;
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly dryRun: boolean;
  readonly context: RequestContext;
  /** The draft is a copy of the object's own members alone: `change` puts new objects for what it changes further down. Default false. */
  readonly shallow?: boolean;
  /** Changes the draft in place; throws to refuse. False: there is nothing to change. */
  readonly change: (draft: Draft<KubeObject>, old: KubeObject) => boolean;
}

/** Throws 404 when the object is not there. */
export async function transform(of: Transformation): Promise<Encoded> {
  const { services, resource, namespace, name, context } = of;
  for (let attempt = 1; ; attempt++) {
    if (attempt > 1) context.signal.throwIfAborted();
    const old = resource.get(namespace, name);
    if (!old) throw notFound(resource.subject(name));
    const draft = (of.shallow === true ? { ...old.object } : draftOf(old.object)) as Draft<KubeObject>;
    if (!of.change(draft, old.object)) return old;
    if (of.dryRun) return encoded(asObject(draft));
    try {
      return await services.registry.update(old, draft, context);
    } catch (error) {
      if (!(error instanceof RevisionMismatchError)) throw error;
      if (!error.current) throw notFound(resource.subject(name));
      await services.registry.cache.reach(error.current.revision, context);
    }
  }
}
