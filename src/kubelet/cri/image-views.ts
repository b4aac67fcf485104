// What an image holds, as something to mount: a read-only snapshot of it, from containerd's own snapshot service.
// CRI mounts images itself only from containerd 2.1 on; this service is the same in every version.
// https://github.com/containerd/containerd/blob/main/api/services/snapshots/v1/snapshots.proto
import { type Clock, onAbort } from '../../base/mod.ts';
import { bool, field, message, repeated, string, stringMap } from '../../base/protobuf/mod.ts';
import { openChannel } from './channel.ts';
import { containerdNamespace } from './events.ts';
import type { Method } from './messages.ts';
import { type RuntimeCall, RuntimeError } from './runtime.ts';

/** As mount(2) takes it: `overlay` with its layers, or `bind`. */
export interface FileSystemMount {
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export interface ImageViews {
  /** How to mount the image, which must be present. A second view under the same key is the first one. Rejects with {@link RuntimeError}. */
  open(key: string, imageId: string, call?: RuntimeCall): Promise<FileSystemMount>;
  /** Nothing under this key is no error. */
  close(key: string, call?: RuntimeCall): Promise<void>;
}

export interface ImageViewsOptions {
  readonly socketPath: string;
  readonly snapshotter: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const deadlineMs = 30_000;
/** containerd's garbage collector leaves what carries this label, and what it stands on. */
const rootLabel = 'containerd.io/gc.root';

const mounts = message({
  mounts: repeated(1, message({ type: field(1, string), source: field(2, string), options: repeated(4, string) })),
});
const service = '/containerd.services.snapshots.v1.Snapshots';
const keyed = message({ snapshotter: field(1, string), key: field(2, string) });
const viewRequest = message({ snapshotter: field(1, string), key: field(2, string), parent: field(3, string), labels: stringMap(4) });
/** CRI's ImageStatus with all that the runtime knows: JSON in `info.info`. */
const imageInfo = {
  path: '/runtime.v1.ImageService/ImageStatus',
  request: message({ image: field(1, message({ image: field(1, string) })), verbose: field(2, bool) }),
  response: message({ info: stringMap(2) }),
};
const snapshots = {
  mounts: { path: `${service}/Mounts`, request: keyed, response: mounts } satisfies Method<typeof keyed, typeof mounts>,
  view: { path: `${service}/View`, request: viewRequest, response: mounts } satisfies Method<typeof viewRequest, typeof mounts>,
  remove: { path: `${service}/Remove`, request: keyed, response: message({}) },
};

const isNotFound = (error: unknown): boolean => error instanceof RuntimeError && error.code === 'notFound';

export function createImageViews({ socketPath, snapshotter, clock, signal }: ImageViewsOptions): ImageViews {
  const channel = openChannel({ socketPath, clock });
  onAbort(signal, () => channel.close());
  const timing = (call: RuntimeCall | undefined) => ({
    deadlineMs: call?.deadlineMs ?? deadlineMs,
    signal: call?.signal,
    headers: { 'containerd-namespace': containerdNamespace },
  });

  async function chainOf(imageId: string, call: RuntimeCall | undefined): Promise<string> {
    const { info } = await channel.unary(imageInfo, { image: { image: imageId }, verbose: true }, timing(call));
    const { chainID } = JSON.parse(info.info ?? '{}') as { chainID?: unknown };
    if (typeof chainID === 'string' && chainID !== '') return chainID;
    throw new RuntimeError('notFound', `The container runtime does not say which layers image "${imageId}" has`);
  }

  return {
    async open(key, imageId, call) {
      let found = await channel.unary(snapshots.mounts, { snapshotter, key }, timing(call)).catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      });
      if (!found) {
        const parent = await chainOf(imageId, call);
        const labels = { [rootLabel]: new Date(clock.nowMs()).toISOString() };
        found = await channel.unary(snapshots.view, { snapshotter, key, parent, labels }, timing(call));
      }
      const [first, ...rest] = found.mounts;
      if (!first || rest.length > 0) throw new RuntimeError('unknown', `The snapshot "${key}" has ${found.mounts.length} mounts, not one`);
      return first;
    },
    async close(key, call) {
      try {
        await channel.unary(snapshots.remove, { snapshotter, key }, timing(call));
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    },
  };
}
