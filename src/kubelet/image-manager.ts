// Images for containers: presence, pull policy, credentials, back-off, a bounded number of pulls at a time.
import type { V1Container, V1Pod, V1Secret } from '../api/mod.ts';
import { type Clock, errorText, onAbort, sleep } from '../base/mod.ts';
import type { PullSettings } from './configuration/settings.ts';
import { StartError } from './container/errors.ts';
import type { ContainerRuntime, Image, RegistryAuth, SandboxConfig } from './cri/runtime.ts';
import { type ImageName, parseImageName, pullCredentials } from './image-name.ts';
import { goDuration } from './pod/restart-delay.ts';

export const pullBackoffBaseMs = 10_000;
export const pullBackoffMaxMs = 300_000;
/** How soon after a failed pull its state turns from ErrImagePull into ImagePullBackOff. */
const showErrorMs = 1500;
/** Pods and images whose pulls have failed; the oldest is forgotten when there are more. */
const backoffsMax = 2000;
const pullDeadlineMs = 3600_000;
const callDeadlineMs = 30_000;

/** Names that `minke image` gives to images of the node's own. */
const localImagePrefix = 'minke.local/';

/** What registries are told besides a pod's pull secrets, in the order in which it is tried. Does not reject. */
export type ImageKeyring = (name: ImageName, of: { readonly pod: V1Pod; readonly signal: AbortSignal }) => Promise<readonly RegistryAuth[]>;

export interface ImageManagerOptions {
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  readonly secret: (key: string) => V1Secret | undefined;
  readonly settings: PullSettings;
  /** Of the node itself. */
  readonly keyring?: ImageKeyring | undefined;
}

export type EmitEvent = (type: 'Normal' | 'Warning', reason: string, message: string) => void;

export interface ImageRequest {
  readonly pod: V1Pod;
  readonly container: V1Container;
  readonly sandbox: SandboxConfig | undefined;
  readonly emit: EmitEvent;
  readonly signal: AbortSignal;
}

export interface ImageManager {
  /** Gives the image, pulled if the policy says so. Rejects with StartError. */
  ensure(request: ImageRequest): Promise<Image>;
}

interface PullBackoff {
  readonly delayMs: number;
  readonly sinceMs: number;
  readonly error: string;
}

export const createImageManager = (options: ImageManagerOptions): ImageManager => new Images(options);

class Images implements ImageManager {
  readonly #options: ImageManagerOptions;
  readonly #backoffs = new Map<string, PullBackoff>();
  readonly #bucket: (signal: AbortSignal) => Promise<void>;
  readonly #gate: (signal: AbortSignal) => Promise<() => void>;

  constructor(options: ImageManagerOptions) {
    this.#options = options;
    this.#gate = createGate(options.settings.atOnce);
    this.#bucket = createBucket(options.settings, options.clock);
  }

  async ensure(request: ImageRequest): Promise<Image> {
    const image = request.container.image ?? '';
    const name = parseImageName(image);
    if (!name) {
      const message = `Failed to apply default image tag "${image}": couldn't parse image name "${image}": invalid reference format`;
      request.emit('Warning', 'InspectFailed', message);
      throw new StartError('InvalidImageName', message);
    }
    const policy = request.container.imagePullPolicy ?? (name.reference.endsWith(':latest') ? 'Always' : 'IfNotPresent');
    // No registry has the node's own images: Always means what is here.
    const isKept = policy !== 'Always' || name.reference.startsWith(localImagePrefix);
    const found = isKept ? await this.#kept(name.reference, request) : undefined;
    if (found) return found;
    if (policy === 'Never') {
      const message = `Container image "${image}" is not present with pull policy of Never`;
      request.emit('Warning', 'ErrImageNeverPull', message);
      throw new StartError('ErrImageNeverPull', message);
    }
    return this.#pull(name, request, isKept);
  }

  /** The image that is here, told as such. */
  async #kept(reference: string, request: ImageRequest): Promise<Image | undefined> {
    const found = await this.#present(reference, request);
    const image = request.container.image ?? '';
    if (found) request.emit('Normal', 'Pulled', `Container image "${image}" already present on machine and can be accessed by the pod`);
    return found;
  }

  async #present(reference: string, request: ImageRequest): Promise<Image | undefined> {
    try {
      return await this.#options.runtime.imageStatus(reference, { signal: request.signal, deadlineMs: callDeadlineMs });
    } catch (error) {
      const message = `Failed to inspect image "${reference}": ${errorText(error)}`;
      request.emit('Warning', 'InspectFailed', message);
      throw new StartError('ImageInspectError', message, { cause: error });
    }
  }

  async #pull(name: ImageName, request: ImageRequest, isKept: boolean): Promise<Image> {
    const { pod, container, emit, signal } = request;
    const { clock } = this.#options;
    const image = container.image ?? '';
    const key = `${pod.metadata?.uid ?? ''}_${image}`;
    const backoff = this.#backoffs.get(key);
    const leftMs = backoff ? backoff.sinceMs + backoff.delayMs - clock.nowMs() : 0;
    if (backoff && leftMs > 0) {
      const message = `Back-off pulling image "${image}"`;
      emit('Normal', 'BackOff', message);
      throw new StartError('ImagePullBackOff', `${message}: ${backoff.error}`, { retryInMs: leftMs });
    }
    const queuedMs = clock.monotonicMs();
    const leave = await this.#gate(signal);
    try {
      // Another pod may have pulled it meanwhile.
      const found = isKept ? await this.#kept(name.reference, request) : undefined;
      return found ?? (await this.#pullNow(name, { request, key, queuedMs }));
    } catch (error) {
      if (signal.aborted || error instanceof StartError) throw error;
      const message = errorText(error);
      emit('Warning', 'Failed', `Failed to pull image "${image}": ${message}`);
      this.#fail(key, `ErrImagePull: ${message}`);
      throw new StartError('ErrImagePull', message, { retryInMs: showErrorMs, cause: error });
    } finally {
      leave();
    }
  }

  async #pullNow(name: ImageName, of: { readonly request: ImageRequest; readonly key: string; readonly queuedMs: number }): Promise<Image> {
    const { request, key, queuedMs } = of;
    const { clock } = this.#options;
    const image = request.container.image ?? '';
    request.emit('Normal', 'Pulling', `Pulling image "${image}"`);
    await this.#bucket(request.signal);
    const beganMs = clock.monotonicMs();
    await this.#pullWithCredentials(name, request);
    const doneMs = clock.monotonicMs();
    this.#backoffs.delete(key);
    const pulled = await this.#present(name.reference, request);
    if (!pulled) throw new Error(`the runtime does not know the image "${image}" that it has pulled`);
    const spent = (ms: number) => goDuration(Math.round(ms));
    const times = `in ${spent(doneMs - beganMs)} (${spent(doneMs - queuedMs)} including waiting)`;
    request.emit('Normal', 'Pulled', `Successfully pulled image "${image}" ${times}. Image size: ${pulled.sizeBytes} bytes.`);
    return pulled;
  }

  async #pullWithCredentials(name: ImageName, request: ImageRequest): Promise<void> {
    const { runtime, keyring } = this.#options;
    const own = (await keyring?.(name, request)) ?? [];
    const credentials = [...pullCredentials(name, pullSecrets(this.#options, request)), ...own];
    let last: unknown;
    for (const auth of credentials.length > 0 ? credentials : [undefined]) {
      try {
        await runtime.pullImage(name.reference, auth, request.sandbox, { signal: request.signal, deadlineMs: pullDeadlineMs });
        return;
      } catch (error) {
        if (request.signal.aborted) throw error;
        last = error;
      }
    }
    throw last;
  }

  #fail(key: string, error: string): void {
    const backoffs = this.#backoffs;
    const nowMs = this.#options.clock.nowMs();
    const old = backoffs.get(key);
    const fresh = !old || nowMs - old.sinceMs > 2 * pullBackoffMaxMs;
    backoffs.delete(key);
    backoffs.set(key, { delayMs: fresh ? pullBackoffBaseMs : Math.min(pullBackoffMaxMs, old.delayMs * 2), sinceMs: nowMs, error });
    const oldest = backoffs.keys().next().value;
    if (backoffs.size > backoffsMax && oldest !== undefined) backoffs.delete(oldest);
  }
}

function pullSecrets(options: ImageManagerOptions, { pod, emit }: ImageRequest): V1Secret[] {
  const found: V1Secret[] = [];
  const missing: string[] = [];
  for (const { name = '' } of pod.spec?.imagePullSecrets ?? []) {
    const secret = options.secret(`${pod.metadata?.namespace ?? ''}/${name}`);
    if (secret) found.push(secret);
    else missing.push(name);
  }
  if (missing.length > 0) {
    const message = `Unable to retrieve some image pull secrets (${missing.join(', ')}); attempting to pull the image may not succeed.`;
    emit('Warning', 'FailedToRetrieveImagePullSecret', message);
  }
  return found;
}

/** Lets in so many per second, and `burst` at once after a pause, in order. Rejects when the signal fires first. */
function createBucket({ perSecond, burst }: PullSettings, clock: Clock): (signal: AbortSignal) => Promise<void> {
  let tokens = burst;
  let atMs = clock.monotonicMs();
  return async (signal) => {
    if (perSecond === 0) return;
    const nowMs = clock.monotonicMs();
    tokens = Math.min(burst, tokens + ((nowMs - atMs) * perSecond) / 1000) - 1;
    atMs = nowMs;
    // Below zero are those who wait.
    if (tokens < 0) await sleep(clock, Math.ceil((-tokens * 1000) / perSecond), signal);
  };
}

/** Lets `max` in at a time, in order; whoever is stopped leaves the queue. Gives what the holder calls when it leaves. */
function createGate(max: number): (signal: AbortSignal) => Promise<() => void> {
  let inside = 0;
  const waiting = new Set<() => void>();
  const leave = () => {
    const next = waiting.values().next().value;
    if (next) next();
    else inside--;
  };
  return async (signal) => {
    signal.throwIfAborted();
    if (inside < max) {
      inside++;
      return leave;
    }
    await new Promise<void>((resolve, reject) => {
      const enter = () => {
        waiting.delete(enter);
        off();
        resolve();
      };
      waiting.add(enter);
      const off = onAbort(signal, (reason) => {
        waiting.delete(enter);
        reject(reason);
      });
    });
    return leave;
  };
}
