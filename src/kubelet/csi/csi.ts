// Storage drivers on a node: puts the parts together, and runs the plugin registry that they come by.
import { join } from 'node:path';
import { csidrivers, hasReason, persistentvolumeclaims, type V1PersistentVolumeClaim } from '../../api/mod.ts';
import { Backoff, type Clock, childController, errorText, type Logger, StoppedError, sleep, Tasks } from '../../base/mod.ts';
import type { DirectoryWatcher } from '../../base/ports/directory-watch.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { Mounts } from '../../base/ports/mounts.ts';
import { type ChangeHandler, type Client, type EventRecorder, type Informer, referenceTo } from '../../client/mod.ts';
import { pods, secrets } from '../api-resources.ts';
import { runPluginRegistry } from '../plugins/registry.ts';
import { createTokenSource } from '../volumes/tokens.ts';
import { type Attachments, createAttachments } from './attachments.ts';
import { createDrivers, type Drivers } from './drivers.ts';
import { createExpansion, type ExpansionOptions } from './expansion.ts';
import { createDriverRecords, type DriverRecords } from './node-info.ts';
import { type FoundRecords, findRecords } from './records.ts';
import { createVolumeUsers } from './users.ts';
import { type CsiVolumes, createCsiVolumes } from './volumes.ts';

export interface CsiOptions {
  readonly nodeName: string;
  /** Acts as the node. */
  readonly client: Client;
  readonly recorder: Pick<EventRecorder, 'record'>;
  readonly fs: FileSystem;
  readonly mounts: Mounts;
  readonly watcher: DirectoryWatcher;
  readonly clock: Clock;
  readonly log: Logger;
  /** The kubelet's root: `pods`, `plugins` and `plugins_registry` are below it. */
  readonly root: string;
  /** Calls the handler when the node's object has changed, with its uid. Returns what removes it. */
  readonly onNodeChange: (handler: (uid: string) => void) => () => void;
  /** Everybody's claims, where this node may see them: without it, claims are asked about once in a while. */
  readonly claims?: Informer<V1PersistentVolumeClaim> | undefined;
  /** Of each call of a driver. */
  readonly deadlineMs?: number | undefined;
}

/** What has changed for pods: a driver has come, or a volume of this pod has grown. */
export type CsiNews = { readonly is: 'driver' } | { readonly is: 'volume'; readonly podUid: string };

export interface Csi {
  readonly volumes: CsiVolumes;
  onNews(handler: (news: CsiNews) => void): () => void;
  /** Runs until the signal fires. Rejects when the node's object is another one than before: it is to be told everything again. */
  run(signal: AbortSignal): Promise<void>;
}

const retry = { baseMs: 200, maxMs: 7_000 } as const;
/** The node has the last word where the driver of the storage has had its own. */
const waitsForNode = ({ status }: V1PersistentVolumeClaim): boolean =>
  status?.allocatedResourceStatuses?.storage === 'NodeResizePending' ||
  (status?.conditions ?? []).some(({ type, status: is }) => type === 'FileSystemResizePending' && is === 'True');

export function createCsi(options: CsiOptions): Csi {
  const { nodeName, client, clock, fs, mounts, root } = options;
  const handlers = new Set<(news: CsiNews) => void>();
  const tell = (news: CsiNews) => {
    for (const handler of handlers) handler(news);
  };
  const paths = { pods: join(root, 'pods'), staging: join(root, 'plugins', 'kubernetes.io', 'csi') };
  const records = createDriverRecords({ client, nodeName });
  const drivers = createDrivers({ clock, records, deadlineMs: options.deadlineMs });
  const attachments = createAttachments({ client, nodeName, clock, onNodeChange: (handler) => options.onNodeChange(() => handler()) });
  const users = createVolumeUsers();
  const found = findRecords(fs, paths).then((all) => {
    for (const { record, folder } of all.published) users.add(record, folder);
    return all;
  });
  // It is awaited by whoever needs it, and tells them.
  found.catch(() => {});
  const secret = (namespace: string, name: string) => readSecret(client, namespace, name);
  const record: ExpansionOptions['record'] = ({ pod, claim }, type, reason, message) => {
    options.recorder.record(referenceTo(pods, pod), type, reason, message);
    options.recorder.record(referenceTo(persistentvolumeclaims, claim), type, reason, message);
  };
  const nowMs = () => clock.nowMs();
  const expansion = createExpansion({ api: client, nodeName, nowMs, told: options.claims !== undefined, secret, record });
  const tokens = createTokenSource({ client, clock });
  const claimUsers = createClaimUsers();
  const inner = createCsiVolumes({
    fs,
    mounts,
    paths,
    drivers,
    attachments,
    expansion,
    users,
    tokens,
    nowMs,
    found,
    secret,
    driverObject: (name) => orUndefined(() => client.get(csidrivers, { name })),
    onPublished: claimUsers.add,
  });
  const volumes: CsiVolumes = {
    ...bound(inner),
    async tearDown(podUid) {
      claimUsers.forget(podUid);
      tokens.forget(podUid);
      await inner.tearDown(podUid);
    },
  };
  const onClaim: ChangeHandler<V1PersistentVolumeClaim> = ({ next }) => {
    if (next && waitsForNode(next)) for (const podUid of claimUsers.of(next)) tell({ is: 'volume', podUid });
  };
  return {
    volumes,
    onNews(handler) {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
    run: (signal) => runDrivers({ options, records, attachments, drivers, found, inner, tell, onClaim }, signal),
  };
}

interface Running {
  readonly options: CsiOptions;
  readonly records: DriverRecords;
  readonly attachments: Attachments;
  readonly drivers: Drivers;
  readonly found: Promise<FoundRecords>;
  readonly inner: CsiVolumes;
  readonly tell: (news: CsiNews) => void;
  readonly onClaim: ChangeHandler<V1PersistentVolumeClaim>;
}

async function runDrivers(of: Running, signal: AbortSignal): Promise<void> {
  const { options, records, attachments, drivers, inner, tell, onClaim } = of;
  const { staged } = await of.found;
  await untilDone({ ...options, signal }, async () => {
    await records.begin(signal);
    await attachments.begin(
      staged.filter(({ record }) => record.attached).map(({ record }) => record),
      signal,
    );
  });
  const { controller, unlink } = childController(signal);
  const stop = controller.signal;
  const tasks = new Tasks(options.log);
  let uid: string | undefined;
  const offs = [
    drivers.onRegistered((name) => {
      tell({ is: 'driver' });
      tasks.run(`volumes that an earlier run has left, of ${name}`, stop, () => inner.sweep(name, stop));
    }),
    options.claims?.onChange(onClaim) ?? (() => {}),
    options.onNodeChange((now) => {
      uid ??= now;
      if (now !== uid) controller.abort(new StoppedError('the node is another object than before'));
    }),
  ];
  try {
    const directory = join(options.root, 'plugins_registry');
    await runPluginRegistry({ ...options, directory, handlers: { CSIPlugin: drivers.handler }, signal: stop });
  } finally {
    for (const off of offs) off();
    unlink();
    await tasks.settled();
  }
  if (!signal.aborted) throw new Error('the node is another object than before: its drivers are told anew');
}

const bound = (volumes: CsiVolumes): CsiVolumes => ({
  setUp: (wanted, signal) => volumes.setUp(wanted, signal),
  tearDown: (podUid) => volumes.tearDown(podUid),
  figures: (podUid) => volumes.figures(podUid),
  sweep: (driver, signal) => volumes.sweep(driver, signal),
});

interface ClaimUsers {
  add(podUid: string, claim: V1PersistentVolumeClaim): void;
  of(claim: V1PersistentVolumeClaim): readonly string[];
  forget(podUid: string): void;
}

/** The pods of this node that have a claim's volume. */
function createClaimUsers(): ClaimUsers {
  const users = new Map<string, Set<string>>();
  return {
    add(podUid, { metadata }) {
      const uid = metadata?.uid ?? '';
      users.set(uid, (users.get(uid) ?? new Set()).add(podUid));
    },
    of: ({ metadata }) => [...(users.get(metadata?.uid ?? '') ?? [])],
    forget(podUid) {
      for (const [uid, own] of users) if (own.delete(podUid) && own.size === 0) users.delete(uid);
    },
  };
}

async function orUndefined<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined;
    throw error;
  }
}

async function readSecret(client: Client, namespace: string, name: string): Promise<Record<string, string> | undefined> {
  const found = await orUndefined(() => client.get(secrets, { namespace, name }));
  const texts = Object.entries(found?.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]);
  return found && Object.fromEntries(texts);
}

/** Until the node is there, and the API answers. */
async function untilDone({ clock, log, signal }: Pick<CsiOptions, 'clock' | 'log'> & { signal: AbortSignal }, work: () => Promise<void>) {
  const backoff = new Backoff(retry);
  while (!signal.aborted) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) return;
      log.debug('The node cannot tell of its storage yet', { error: errorText(error) });
    }
    await sleep(clock, backoff.nextMs(), signal).catch(() => {});
  }
}
