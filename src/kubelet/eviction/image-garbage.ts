// Which images go when the disk fills. Pure.
// Source: https://kubernetes.io/docs/concepts/architecture/garbage-collection/#container-image-garbage-collection
import type { Image } from '../cri/runtime.ts';

export interface ImageGarbageInput {
  readonly images: readonly Image[];
  /** Ids and references of the images that containers have. */
  readonly used: ReadonlySet<string>;
  /** When an image was first seen, and last seen in use. */
  readonly seen: ReadonlyMap<string, { readonly firstMs: number; readonly usedMs: number }>;
  readonly bytesToFree: number;
  readonly minAgeMs: number;
  /** Unused for longer, an image goes though there is room; 0: none does. */
  readonly maxAgeMs: number;
  readonly nowMs: number;
}

/** The images to remove, the longest unused first, until enough is freed. */
export function imagesToRemove(input: ImageGarbageInput): readonly Image[] {
  const { images, used, seen, bytesToFree, minAgeMs, maxAgeMs, nowMs } = input;
  const isUsed = (image: Image) => [image.id, ...image.repoTags, ...image.repoDigests].some((name) => used.has(name));
  // An image that no registry has given cannot be got again: it was built or loaded here.
  const mayGo = images.filter(
    (image) => image.repoDigests.length > 0 && !image.repoTags.some((tag) => tag.startsWith('minke.local/')) && !isUsed(image),
  );
  const known = (image: Image) => seen.get(image.id) ?? { firstMs: nowMs, usedMs: nowMs };
  const sorted = mayGo
    .filter((image) => nowMs - known(image).firstMs >= minAgeMs)
    .sort((a, b) => known(a).usedMs - known(b).usedMs || known(a).firstMs - known(b).firstMs);
  const out: Image[] = [];
  let freed = 0;
  for (const image of sorted) {
    const tooOld = maxAgeMs > 0 && nowMs - Math.max(known(image).usedMs, known(image).firstMs) > maxAgeMs;
    if (freed >= bytesToFree && !tooOld) continue;
    out.push(image);
    freed += image.sizeBytes;
  }
  return out;
}
