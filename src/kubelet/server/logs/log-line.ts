// The runtime's log format: `2026-11-20T10:00:00.123456789Z stdout F text`, where `P` marks a part of a longer line.
// Source: https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md

const space = 0x20;
const newline = 0x0a;

export interface LogLine {
  /** As the runtime wrote it: RFC 3339 with nanoseconds. */
  readonly time: string;
  readonly stream: 'stdout' | 'stderr';
  /** Without the newline, unless the line is whole: then the newline is part of it. */
  readonly text: Uint8Array;
}

/** Parses one line of the file, given without its newline. Undefined when it is not in the format. */
export function parseLogLine(line: Uint8Array): LogLine | undefined {
  const timeEnd = line.indexOf(space);
  const streamEnd = timeEnd < 0 ? -1 : line.indexOf(space, timeEnd + 1);
  const tagEnd = streamEnd < 0 ? -1 : line.indexOf(space, streamEnd + 1);
  if (tagEnd < 0) return undefined;
  const stream = ascii(line, timeEnd + 1, streamEnd);
  const tag = ascii(line, streamEnd + 1, tagEnd);
  if (stream !== 'stdout' && stream !== 'stderr') return undefined;
  // The tag may be followed by others, joined by colons.
  const partial = tag === 'P' || tag.startsWith('P:');
  const text = line.subarray(tagEnd + 1);
  return { time: ascii(line, 0, timeEnd), stream, text: partial ? text : withNewline(text) };
}

function withNewline(text: Uint8Array): Uint8Array {
  const whole = new Uint8Array(text.length + 1);
  whole.set(text);
  whole[text.length] = newline;
  return whole;
}

const ascii = (bytes: Uint8Array, from: number, to: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1');
