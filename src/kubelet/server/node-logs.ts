// GET /logs/: the machine's own log files, read-only, and never anything beside them.
import { join } from 'node:path';
import type { FileSystem } from '../../base/ports/fs.ts';
import { StreamError } from './streams/serve-stream.ts';

/** Read and sent at once. */
const chunkBytes = 256 * 1024;

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&#34;');

export interface NodeLog {
  readonly type: string;
  readonly bytes: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** A directory as a page of links, as web servers list one; a file as it is at the moment. Throws {@link StreamError} 404. */
export async function openNodeLog(fs: FileSystem, root: string, path: string): Promise<NodeLog> {
  const wanted = join(root, path);
  // Links may lead anywhere; what they lead to must be below the root as well.
  const [real, realRoot] = await Promise.all([fs.realPath(wanted), fs.realPath(root)]);
  const inside = real !== undefined && realRoot !== undefined && (real === realRoot || real.startsWith(`${realRoot}/`));
  const stat = inside ? await fs.stat(real) : undefined;
  if (!real || !stat || (stat.kind !== 'file' && stat.kind !== 'directory')) throw new StreamError(404, '404 page not found');
  if (stat.kind === 'directory') {
    const page = Buffer.from(await listing(fs, real));
    return { type: 'text/html; charset=utf-8', bytes: page.length, chunks: one(page) };
  }
  return { type: 'text/plain; charset=utf-8', bytes: stat.sizeBytes, chunks: content(fs, real, stat.sizeBytes) };
}

async function listing(fs: FileSystem, path: string): Promise<string> {
  const names = (await fs.list(path)).map(({ name, kind }) => (kind === 'directory' ? `${name}/` : name)).sort();
  const links = names.map((name) => `<a href="${encodeURI(name)}">${escaped(name)}</a>\n`);
  return `<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n${links.join('')}</pre>\n`;
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** A file that shrinks meanwhile is filled up, since its length has been promised. */
async function* content(fs: FileSystem, path: string, sizeBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < sizeBytes; ) {
    const length = Math.min(chunkBytes, sizeBytes - at);
    const read = await fs.readAt(path, at, length);
    const chunk = read && read.length > 0 ? read : new Uint8Array(length);
    yield chunk;
    at += chunk.length;
  }
}
