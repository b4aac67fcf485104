// The files that a volume made from API objects holds: path below the volume -> content and mode.
import type { V1ConfigMap, V1KeyToPath, V1Secret } from '../../api/mod.ts';
import { decodeBase64 } from '../container/env.ts';

export interface PayloadFile {
  readonly data: Uint8Array;
  readonly mode: number;
}
/** Paths are relative, with `/`, and have no `..` in them. */
export type Payload = Map<string, PayloadFile>;

/** Why a volume could not be set up: goes into the event after `MountVolume.SetUp failed for volume "x" : `. */
export class VolumeError extends Error {
  override readonly name = 'VolumeError';
}

/** One volume that could not be set up. `message` is upstream's, for the event FailedMount. */
export class MountError extends Error {
  override readonly name = 'MountError';
}

export const defaultFileMode = 0o644;

/** A relative path that stays below the volume, as validation wants it. */
export function checkPath(path: string): string {
  const parts = path.split('/');
  if (path === '' || path.startsWith('/') || parts.includes('..') || parts.includes('')) {
    throw new VolumeError(`invalid path "${path}": must be relative and may not contain '..'`);
  }
  return path;
}

export function configMapContent(object: V1ConfigMap): Map<string, Uint8Array> {
  const content = new Map<string, Uint8Array>();
  for (const [key, text] of Object.entries(object.data ?? {})) content.set(key, new Uint8Array(Buffer.from(text, 'utf8')));
  for (const [key, base64] of Object.entries(object.binaryData ?? {})) content.set(key, decodeBase64(base64));
  return content;
}

export function secretContent(object: V1Secret): Map<string, Uint8Array> {
  return new Map(Object.entries(object.data ?? {}).map(([key, base64]) => [key, decodeBase64(base64)]));
}

/** `items` picks keys and names their files; without it every key is a file. A key that is missing fails unless `optional`. */
export function pickItems(
  content: ReadonlyMap<string, Uint8Array>,
  options: {
    readonly items?: readonly V1KeyToPath[] | undefined;
    readonly mode: number;
    readonly optional: boolean;
    readonly what: string;
  },
): Payload {
  const { items, mode, optional, what } = options;
  const payload: Payload = new Map();
  if (!items || items.length === 0) {
    for (const [key, data] of content) payload.set(checkPath(key), { data, mode });
    return payload;
  }
  for (const item of items) {
    const data = content.get(item.key);
    if (data) payload.set(checkPath(item.path), { data, mode: item.mode ?? mode });
    else if (!optional)
      throw new VolumeError(`${what} references non-existent ${what === 'configmap' ? 'config' : 'secret'} key: ${item.key}`);
  }
  return payload;
}
