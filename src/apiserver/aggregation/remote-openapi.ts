// OpenAPI of aggregated servers: fetched when somebody asks for the documents, kept for a while, merged into this server's own.
import type { Clock } from '../../base/mod.ts';
import { withDeadline } from '../../base/mod.ts';
import type { RemoteApi } from './api-services.ts';
import { type Json, ownPart } from './merge-openapi.ts';
import { documentTimeoutMs, type RemoteServers } from './remote-servers.ts';

/** How long a server's documents are taken as they are. */
const keptMs = 60_000;

export interface RemoteOpenApi {
  /** Entries for the index of /openapi/v3, by path: `apis/wardle.example.com/v1alpha1`. */
  index(): Promise<Readonly<Record<string, unknown>>>;
  /** The parts of Swagger 2.0 documents that are about the servers' own group versions. */
  v2(): Promise<readonly Json[]>;
  /** True when there is anything to merge. */
  any(): boolean;
}

export interface RemoteOpenApiOptions {
  readonly remotes: () => ReadonlyMap<string, RemoteApi>;
  readonly servers: RemoteServers;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

interface Kept {
  readonly document: Json | undefined;
  readonly etag: string | undefined;
  readonly untilMs: number;
}

export function createRemoteOpenApi({ remotes, servers, clock, signal }: RemoteOpenApiOptions): RemoteOpenApi {
  const kept = new Map<string, Promise<Kept>>();
  const available = () => [...remotes().values()].filter((remote) => remote.available);
  const fetchOnce = async (remote: RemoteApi, path: string, before: Kept | undefined): Promise<Kept> => {
    const untilMs = clock.monotonicMs() + keptMs;
    try {
      const answer = await withDeadline({ clock, ms: documentTimeoutMs, what: `GET ${path} of ${remote.serverName}`, signal }, (own) =>
        servers.get(remote, { path, signal: own, etag: before?.etag }),
      );
      if (!answer) return { document: before?.document, etag: before?.etag, untilMs };
      const document: unknown = JSON.parse(Buffer.from(answer.bytes).toString('utf8'));
      return { document: isObject(document) ? document : undefined, etag: answer.etag, untilMs };
    } catch {
      // A server without such documents has none to merge; the last that it had still describes it.
      return { document: before?.document, etag: before?.etag, untilMs };
    }
  };
  const documentOf = async (remote: RemoteApi, path: string): Promise<Json | undefined> => {
    const key = `${remote.name} ${path}`;
    const before = await kept.get(key);
    if (before && before.untilMs > clock.monotonicMs()) return before.document;
    const asked = fetchOnce(remote, path, before);
    kept.set(key, asked);
    return (await asked).document;
  };
  const forget = () => {
    const names = new Set([...remotes().values()].map(({ name }) => name));
    for (const key of kept.keys()) if (!names.has(key.slice(0, key.indexOf(' ')))) kept.delete(key);
  };
  return {
    any: () => available().length > 0,
    async index() {
      forget();
      const entries = await Promise.all(
        available().map(async (remote) => {
          const path = `apis/${remote.group}/${remote.version}`;
          const paths = (await documentOf(remote, '/openapi/v3'))?.paths;
          return isObject(paths) && isObject(paths[path]) ? [[path, paths[path]] as const] : [];
        }),
      );
      return Object.fromEntries(entries.flat());
    },
    async v2() {
      forget();
      const documents = await Promise.all(
        available().map(async (remote) => {
          const document = await documentOf(remote, '/openapi/v2');
          return document ? [ownPart(document, `/apis/${remote.group}/${remote.version}`)] : [];
        }),
      );
      return documents.flat();
    },
  };
}

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
