// What the edge needs of the core: which kinds are served, and the verbs on them.
import type { GroupVersionResource, KindDefinition } from '../../api/mod.ts';
import type { RequestContext, ResourceRequest, Result } from '../request.ts';
import type { ConnectRequest } from '../verbs/mod.ts';

export interface ResourceCore {
  /** Every kind that is served now, in discovery order. A new list when custom resources come or go. */
  readonly kinds: readonly KindDefinition[];
  find(of: GroupVersionResource): KindDefinition | undefined;
  /** Carries out one verb. Throws StatusError. */
  execute(request: ResourceRequest, context: RequestContext): Promise<Result>;
  /** Asks admission about what a proxy is about to connect to. Throws StatusError. */
  admitConnect(request: ConnectRequest, context: RequestContext): Promise<void>;
}
