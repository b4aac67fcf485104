// Whether volumes are attached to this node. The node says which ones it uses before it touches them, and until it has let go of
// them: the attach/detach controller detaches no volume that is in use. The node's object is where the two meet.
import { attachmentNameOf, type CsiVolumeId, csiUniqueName, hasReason, type V1Node, volumeattachments } from '../../api/mod.ts';
import { type Clock, onAbort, raceAbort } from '../../base/mod.ts';
import type { Client } from '../../client/mod.ts';
import { nodes } from '../api-resources.ts';
import { VolumeError } from '../volumes/payload.ts';

export interface Attachments {
  /** Volumes that an earlier run had in use: told as such from the first report on. */
  begin(inUse: Iterable<CsiVolumeId>, signal: AbortSignal): Promise<void>;
  /**
   * Says that the node uses the volume, waits until it is attached, and gives what the driver's controller has said of it.
   * Rejects with VolumeError.
   */
  attached(id: CsiVolumeId, signal: AbortSignal | undefined): Promise<Readonly<Record<string, string>>>;
  /** The node has let go of the volume. */
  release(id: CsiVolumeId): Promise<void>;
}

export interface AttachmentsOptions {
  readonly client: Client;
  readonly nodeName: string;
  readonly clock: Clock;
  /** Calls the handler when the node's object has changed. Returns what removes it. */
  readonly onNodeChange: (handler: () => void) => () => void;
  /** How long a volume may take to be attached. Default: as upstream's, 2 min 3 s. */
  readonly waitMs?: number | undefined;
}

const waitMsDefault = 123_000;

const isAttached = (node: V1Node, name: string): boolean => node.status?.volumesAttached?.some((each) => each.name === name) === true;

export const createAttachments = (options: AttachmentsOptions): Attachments => new NodeAttachments(options);

class NodeAttachments implements Attachments {
  readonly #options: AttachmentsOptions;
  readonly #inUse = new Set<string>();
  readonly #ready: Promise<void>;
  #begun = () => {};
  #reported = '';
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: AttachmentsOptions) {
    this.#options = options;
    this.#ready = new Promise((resolve) => {
      this.#begun = resolve;
    });
  }

  async begin(standing: Iterable<CsiVolumeId>, signal: AbortSignal): Promise<void> {
    const { client, nodeName } = this.#options;
    for (const id of standing) this.#inUse.add(csiUniqueName(id));
    const node = await client.get(nodes, { name: nodeName }, { signal });
    this.#reported = JSON.stringify([...(node.status?.volumesInUse ?? [])].sort());
    await this.#report(signal);
    this.#begun();
  }

  async attached(id: CsiVolumeId, signal: AbortSignal | undefined): Promise<Readonly<Record<string, string>>> {
    const { client, nodeName } = this.#options;
    await raceAbort(this.#ready, signal);
    const name = csiUniqueName(id);
    this.#inUse.add(name);
    await this.#report(signal);
    await this.#untilAttached(name, signal);
    const attachment = attachmentNameOf(id, nodeName);
    try {
      const { metadata, status } = await client.get(volumeattachments, { name: attachment }, { signal });
      if (metadata.deletionTimestamp !== undefined) throw new VolumeError('volume attachment is being deleted');
      if (status?.attached !== true)
        throw new VolumeError(status?.attachError?.message ?? `volume attachment ${attachment} is not attached yet`);
      return status.attachmentMetadata ?? {};
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
      throw new VolumeError(`volumeattachments.storage.k8s.io "${attachment}" not found`);
    }
  }

  async release(id: CsiVolumeId): Promise<void> {
    this.#inUse.delete(csiUniqueName(id));
    await this.#report();
  }

  /** Tells the node's volumes in use, where they are others than were told last. */
  #report(signal?: AbortSignal): Promise<void> {
    const { client, nodeName } = this.#options;
    const work = async () => {
      const volumesInUse = [...this.#inUse].sort();
      const text = JSON.stringify(volumesInUse);
      if (text === this.#reported) return;
      const patch = { status: { volumesInUse: volumesInUse.length > 0 ? volumesInUse : null } };
      await client.patch(nodes, { name: nodeName }, 'application/merge-patch+json', patch, { subresource: 'status', signal });
      this.#reported = text;
    };
    const mine = this.#turn.then(work, work);
    this.#turn = mine.catch(() => {});
    return mine;
  }

  /** The cache tells when to look; what is true is asked of the server, as the cache may be behind. */
  async #untilAttached(name: string, signal: AbortSignal | undefined): Promise<void> {
    const { client, nodeName, clock, onNodeChange, waitMs = waitMsDefault } = this.#options;
    const endMs = clock.monotonicMs() + waitMs;
    let changed = () => {};
    const off = onNodeChange(() => changed());
    try {
      for (;;) {
        const next = new Promise<void>((resolve) => {
          changed = resolve;
        });
        if (isAttached(await client.get(nodes, { name: nodeName }, { signal }), name)) return;
        const leftMs = endMs - clock.monotonicMs();
        if (leftMs <= 0) throw new VolumeError('context deadline exceeded');
        const timer = clock.after(leftMs, changed);
        const offAbort = onAbort(signal, changed);
        await next;
        timer.cancel();
        offAbort();
        signal?.throwIfAborted();
      }
    } finally {
      off();
    }
  }
}
