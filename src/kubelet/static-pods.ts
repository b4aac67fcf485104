// Static pods: manifests in a directory of the node, run without asking anybody. The API gets a mirror of each, to look at.
// Source: https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { formatTime, hasReason, loadYaml, type V1Pod } from '../api/mod.ts';
import { type Clock, errorText, type Logger, sleep } from '../base/mod.ts';
import type { FileSystem } from '../base/ports/fs.ts';
import type { Client } from '../client/mod.ts';
import { pods } from './api-resources.ts';
import type { PodSource, StoredPod } from './pod-source.ts';

export const mirrorAnnotation = 'kubernetes.io/config.mirror';
const hashAnnotation = 'kubernetes.io/config.hash';
const sourceAnnotation = 'kubernetes.io/config.source';
const seenAnnotation = 'kubernetes.io/config.seen';
const lookEveryMs = 2000;
const manifestMaxBytes = 1024 * 1024;

export const isStatic = (pod: V1Pod): boolean => pod.metadata?.annotations?.[sourceAnnotation] === 'file';
export const isMirror = (pod: V1Pod): boolean => pod.metadata?.annotations?.[mirrorAnnotation] !== undefined;

export interface StaticPodsOptions {
  readonly nodeName: string;
  readonly nodeUid: () => string | undefined;
  readonly fs: FileSystem;
  readonly directory: string;
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** The node's pods as the API has them. */
  readonly api: PodSource;
}

/** Makes a pod of a manifest. Throws when it is none. Pure but for its time. */
export function staticPod(value: unknown, of: { readonly nodeName: string; readonly path: string; readonly nowMs: number }): StoredPod {
  const { kind, metadata = {}, spec } = (value ?? {}) as V1Pod;
  if (kind !== 'Pod' || !metadata.name || !spec || !Array.isArray(spec.containers))
    throw new Error('it does not hold a Pod with a name and containers');
  const hash = createHash('sha256')
    .update(JSON.stringify([of.nodeName, of.path, metadata, spec]))
    .digest('hex')
    .slice(0, 32);
  const annotations = {
    ...metadata.annotations,
    [hashAnnotation]: hash,
    [sourceAnnotation]: 'file',
    [seenAnnotation]: formatTime(of.nowMs),
  };
  const named = {
    ...metadata,
    name: `${metadata.name}-${of.nodeName}`,
    namespace: metadata.namespace ?? 'default',
    uid: hash,
    annotations,
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...named, creationTimestamp: formatTime(of.nowMs), resourceVersion: '' },
    // They are the node's own: no taint moves them.
    spec: { ...spec, nodeName: of.nodeName, tolerations: [...(spec.tolerations ?? []), { operator: 'Exists', effect: 'NoExecute' }] },
    status: {},
  } as StoredPod;
}

/** What the API is shown of a static pod. */
export function mirrorOf(pod: V1Pod, nodeUid: string | undefined): V1Pod {
  const { name = '', namespace, labels, annotations = {} } = pod.metadata ?? {};
  const owner = { apiVersion: 'v1', kind: 'Node', name: pod.spec?.nodeName ?? '', uid: nodeUid ?? '', controller: true };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      ...(labels ? { labels } : {}),
      annotations: { ...annotations, [mirrorAnnotation]: annotations[hashAnnotation] ?? '' },
      ...(nodeUid ? { ownerReferences: [owner] } : {}),
    },
    ...(pod.spec ? { spec: pod.spec } : {}),
  };
}

export interface StaticPods extends PodSource {
  /** Looks at the directory, and at the mirrors, until the signal fires. */
  run(): Promise<void>;
}

/** The pods of the API without mirrors, and those of the directory. */
export function createStaticPods(options: StaticPodsOptions): StaticPods {
  const { api, clock, signal } = options;
  const mirrors = new Map<string, StoredPod>();
  const current = new Map<string, StoredPod>();
  const handlers = new Set<(pod: StoredPod, gone: boolean) => void>();
  const keyOf = ({ metadata }: V1Pod) => `${metadata?.namespace}/${metadata?.name}`;
  let looked = () => {};
  const first = new Promise<void>((resolve) => {
    looked = resolve;
  });
  const tell = (pod: StoredPod, gone: boolean) => {
    for (const handler of handlers) handler(pod, gone);
  };

  async function look(): Promise<void> {
    const found = new Map((await readManifests(options, current)).map((pod) => [pod.metadata.uid, pod]));
    for (const [uid, pod] of current) {
      if (found.has(uid)) continue;
      current.delete(uid);
      tell(pod, true);
    }
    for (const [uid, pod] of found) {
      if (current.has(uid)) continue;
      current.set(uid, pod);
      tell(pod, false);
    }
  }

  async function mirror(): Promise<void> {
    const wanted = new Map([...current.values()].map((pod) => [keyOf(pod), pod]));
    for (const [key, seen] of mirrors) {
      const hash = wanted.get(key)?.metadata.annotations?.[hashAnnotation];
      if (hash !== seen.metadata.annotations?.[mirrorAnnotation] || seen.metadata.deletionTimestamp) await removeMirror(options, seen);
    }
    for (const [key, pod] of wanted) {
      if (mirrors.has(key)) continue;
      await createMirror(options, pod);
      tell(pod, false);
    }
  }

  return {
    synced: Promise.all([api.synced, first]).then(() => {}),
    onChange(handler) {
      handlers.add(handler);
      for (const pod of current.values()) handler(pod, false);
      const off = api.onChange((pod, gone) => {
        if (!isMirror(pod)) handler(pod, gone);
        else if (gone) mirrors.delete(keyOf(pod));
        else mirrors.set(keyOf(pod), pod);
      });
      return () => {
        handlers.delete(handler);
        off();
      };
    },
    async run() {
      await api.synced;
      while (!signal.aborted) {
        await attempt(options, [look, mirror]);
        looked();
        await sleep(clock, lookEveryMs, signal).catch(() => {});
      }
      looked();
    },
  };
}

/** One part that fails keeps the others from nothing, and comes again. */
async function attempt({ log, signal }: StaticPodsOptions, parts: readonly (() => Promise<void>)[]): Promise<void> {
  for (const part of parts) {
    try {
      await part();
    } catch (error) {
      if (!signal.aborted) log.warn('Cannot keep static pods', { error: errorText(error) });
    }
  }
}

/** Reads every manifest. One that cannot be read leaves the others alone. */
async function readManifests(options: StaticPodsOptions, known: ReadonlyMap<string, StoredPod>): Promise<readonly StoredPod[]> {
  const { fs, directory, nodeName, clock, log } = options;
  const found: StoredPod[] = [];
  for (const { name, kind } of await fs.list(directory)) {
    if (kind !== 'file' || name.startsWith('.') || !/\.(ya?ml|json)$/.test(name)) continue;
    const path = join(directory, name);
    try {
      const bytes = await fs.readAt(path, 0, manifestMaxBytes);
      const { parseYamlDocuments } = await loadYaml();
      for (const value of parseYamlDocuments(Buffer.from(bytes ?? []).toString('utf8'))) {
        const pod = staticPod(value, { nodeName, path, nowMs: clock.nowMs() });
        found.push(known.get(pod.metadata.uid) ?? pod);
      }
    } catch (error) {
      log.warn('Cannot use a static pod manifest', { path, error: errorText(error) });
    }
  }
  return found;
}

async function createMirror({ client, nodeUid, signal }: StaticPodsOptions, pod: V1Pod): Promise<void> {
  try {
    await client.create(pods, mirrorOf(pod, nodeUid()), { signal });
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
  }
}

async function removeMirror({ client, signal }: StaticPodsOptions, seen: StoredPod): Promise<void> {
  const { namespace, name, uid } = seen.metadata;
  try {
    await client.delete(pods, { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid }, signal });
  } catch (error) {
    if (!hasReason(error, 'NotFound', 'Conflict')) throw error;
  }
}
