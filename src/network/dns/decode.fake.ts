// Reads whole DNS answers, as a client would: for tests, and written apart from the server's own code.

export interface DecodedRecord {
  readonly name: string;
  readonly type: number;
  readonly ttl: number;
  /** A and AAAA: the address; CNAME, PTR, NS: the name; SRV: `priority weight port target`; others: hexadecimal. */
  readonly data: string;
}

export interface Decoded {
  readonly id: number;
  readonly code: number;
  readonly isAnswer: boolean;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly question: string | undefined;
  readonly answers: readonly DecodedRecord[];
  readonly authority: readonly DecodedRecord[];
  readonly additional: readonly DecodedRecord[];
}

/** Throws on anything that is not well formed to the last byte. */
export function decode(message: Buffer): Decoded {
  let at = 12;
  const name = (from: number): [string, number] => {
    const labels: string[] = [];
    let position = from;
    let end = -1;
    for (let steps = 0; steps < 300; steps++) {
      const length = message.readUInt8(position);
      if (length === 0) return [labels.join('.'), end < 0 ? position + 1 : end];
      if (length >= 0xc0) {
        if (end < 0) end = position + 2;
        const target = message.readUInt16BE(position) & 0x3fff;
        if (target >= position) throw new Error('a pointer forwards');
        position = target;
      } else {
        if (length > 63) throw new Error('a label too long');
        labels.push(message.toString('latin1', position + 1, position + 1 + length));
        position += length + 1;
      }
    }
    throw new Error('a name without an end');
  };
  const record = (): DecodedRecord => {
    const [owner, fields] = name(at);
    const type = message.readUInt16BE(fields);
    const length = message.readUInt16BE(fields + 8);
    const start = fields + 10;
    if (start + length > message.length) throw new Error('a record too long');
    at = start + length;
    const bytes = message.subarray(start, at);
    const text = () => {
      if (type === 1) return [...bytes].join('.');
      if (type === 28) return Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16)).join(':');
      if (type === 2 || type === 5 || type === 12) return name(start)[0];
      if (type === 33) return `${bytes.readUInt16BE(0)} ${bytes.readUInt16BE(2)} ${bytes.readUInt16BE(4)} ${name(start + 6)[0]}`;
      return type === 16 ? bytes.toString('latin1', 1) : bytes.toString('hex');
    };
    return { name: owner, type, ttl: message.readUInt32BE(fields + 4), data: text() };
  };
  const flags = message.readUInt16BE(2);
  let question: string | undefined;
  if (message.readUInt16BE(4) === 1) {
    const [asked, end] = name(at);
    question = `${asked} ${message.readUInt16BE(end)}`;
    at = end + 4;
  }
  const section = (offset: number) => Array.from({ length: message.readUInt16BE(offset) }, record);
  const [answers, authority, additional] = [section(6), section(8), section(10)];
  if (at !== message.length) throw new Error(`${message.length - at} bytes too many`);
  return {
    id: message.readUInt16BE(0),
    code: flags & 0xf,
    isAnswer: (flags & 0x8000) !== 0,
    authoritative: (flags & 0x400) !== 0,
    truncated: (flags & 0x200) !== 0,
    question,
    answers,
    authority,
    additional,
  };
}
