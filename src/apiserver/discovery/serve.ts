// Answers discovery requests: the legacy documents, or the aggregated one for clients that ask for it.
import type { KindDefinition, KubeObject } from '../../api/mod.ts';
import type { RemoteVersion } from '../aggregation/remote-discovery.ts';
import { bytesResponse, type EdgeRequest, type EdgeResponse, headerOf } from '../http/exchange.ts';
import { notAcceptable, parseAccept } from '../http/negotiate.ts';
import { protobufType } from '../http/protobuf-body.ts';
import { loadProtobufForms } from '../http/protobuf-forms.ts';
import { aggregatedType, type DiscoveryDocuments, discoveryDocuments } from './documents.ts';

export interface Discovery {
  /** Undefined when the path is no discovery document. */
  serve(request: EdgeRequest, path: string): EdgeResponse | Promise<EdgeResponse> | undefined;
  hasVersion(group: string, version: string): boolean;
}

export interface DiscoveryOptions {
  /** Asked on every request; documents are made anew when the list is another one. */
  readonly kinds: () => readonly KindDefinition[];
  readonly serverAddress: string;
  /** What other servers serve; another list when that changes. */
  readonly remotes?: (() => readonly RemoteVersion[]) | undefined;
}

const noRemotes: readonly RemoteVersion[] = [];

export function createDiscovery(options: DiscoveryOptions): Discovery {
  let made:
    | { readonly from: readonly KindDefinition[]; readonly remotes: readonly RemoteVersion[]; readonly documents: DiscoveryDocuments }
    | undefined;
  const documents = (): DiscoveryDocuments => {
    const kinds = options.kinds();
    const remotes = options.remotes?.() ?? noRemotes;
    if (made?.from !== kinds || made.remotes !== remotes)
      made = { from: kinds, remotes, documents: discoveryDocuments(kinds, options.serverAddress, remotes) };
    return made.documents;
  };
  return {
    serve(request, path) {
      const plain = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
      const { legacy, aggregated } = documents();
      const bytes = legacy.get(plain);
      if (!bytes) return undefined;
      const tagged = aggregated.get(plain);
      const wanted = wantedForm(headerOf(request.headers, 'accept'), tagged !== undefined);
      if (wanted === 'protobuf') return protobufDocument(bytes);
      if (wanted === 'legacy' || !tagged) return { ...withVary(bytesResponse(200, 'application/json', bytes)) };
      const headers = { etag: tagged.etag, vary: 'Accept', 'cache-control': 'public' };
      if (headerOf(request.headers, 'if-none-match') === tagged.etag) return { status: 304, headers, body: { as: 'none' } };
      const response = bytesResponse(200, aggregatedType, tagged.bytes);
      return { ...response, headers: { ...response.headers, ...headers } };
    },
    hasVersion: (group, version) => documents().hasVersion(group, version),
  };
}

const withVary = (response: EdgeResponse): EdgeResponse => ({ ...response, headers: { ...response.headers, vary: 'Accept' } });

/** The legacy documents alone have a protobuf form. */
async function protobufDocument(json: Uint8Array): Promise<EdgeResponse> {
  const forms = await loadProtobufForms();
  const document = JSON.parse(Buffer.from(json).toString('utf8')) as KubeObject;
  // In JSON the oldest of them have none.
  const bytes = forms.object({ ...document, apiVersion: 'v1' });
  return withVary(bytes ? bytesResponse(200, protobufType, bytes) : bytesResponse(200, 'application/json', json));
}

/** The first clause that can be served decides. Throws 406 when none can. */
function wantedForm(accept: string | undefined, canAggregate: boolean): 'legacy' | 'aggregated' | 'protobuf' {
  if (accept === undefined || accept === '') return 'legacy';
  for (const { type, parameters } of parseAccept(accept)) {
    if (type === '*/*') return 'legacy';
    if (type === protobufType && parameters.as === undefined) return 'protobuf';
    if (type !== 'application/json') continue;
    if (parameters.as === undefined) return 'legacy';
    const { as, g, v } = parameters;
    if (canAggregate && as === 'APIGroupDiscoveryList' && g === 'apidiscovery.k8s.io' && v === 'v2') return 'aggregated';
  }
  throw notAcceptable(['application/json', protobufType]);
}
