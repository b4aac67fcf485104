// Splits a stream of bytes into lines of bounded length: the frames of a watch.

/** A line was longer than allowed, or the stream ended inside one. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

/** Gives each line without its newline; empty lines are left out. Holds at most one line of `limitBytes`. */
export async function* readLines(chunks: AsyncIterable<Uint8Array>, limitBytes: number): AsyncIterable<string> {
  let parts: Uint8Array[] = [];
  let size = 0;
  const take = (last: Uint8Array): string => {
    const line = parts.length === 0 ? asText(last) : Buffer.concat([...parts, last]).toString('utf8');
    parts = [];
    size = 0;
    return line;
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, from)) {
      if (size + end - from > limitBytes) throw new FrameError(`A line is longer than ${limitBytes} bytes`);
      const line = take(chunk.subarray(from, end));
      from = end + 1;
      if (line !== '') yield line;
    }
    if (from === chunk.length) continue;
    parts.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > limitBytes) throw new FrameError(`A line is longer than ${limitBytes} bytes`);
  }
  if (size > 0) throw new FrameError('The stream ended in the middle of a line');
}

const asText = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
