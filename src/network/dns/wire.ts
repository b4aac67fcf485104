// The DNS wire format, as far as a cluster's server needs it: questions in, answers out. Pure.
// RFC 1035 section 4, RFC 6891 (EDNS), RFC 2782 (SRV).

export const recordTypes = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, HINFO: 13, TXT: 16, AAAA: 28, SRV: 33, OPT: 41, ANY: 255 } as const;
export const responseCodes = { noError: 0, formatError: 1, serverFailure: 2, nameError: 3, notImplemented: 4, refused: 5 } as const;
export const classInternet = 1;
const headerBytes = 12;
/** Without EDNS a datagram has at most so many bytes. */
const plainUdpBytes = 512;
/** What travels everywhere in one piece. */
const ednsUdpBytes = 1232;
const labelBytesMax = 63;
const nameBytesMax = 255;
/** A name has at most 127 labels, and each may be reached by a pointer. */
const pointersMax = 127;
const optionDnssec = 0x8000;

export type RecordData =
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  | { readonly type: 'CNAME' | 'PTR' | 'NS'; readonly name: string }
  | { readonly type: 'SRV'; readonly priority: number; readonly weight: number; readonly port: number; readonly target: string }
  | { readonly type: 'TXT'; readonly text: string }
  | { readonly type: 'SOA'; readonly primary: string; readonly mailbox: string; readonly serial: number; readonly minimumSeconds: number };

/** Names are without their last dot, in lower case. */
export interface DnsRecord {
  readonly name: string;
  readonly ttlSeconds: number;
  readonly data: RecordData;
}

export interface Query {
  readonly id: number;
  readonly recursionDesired: boolean;
  /** In lower case, labels joined by dots. A dot within a label is `\.`. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Where the question ends: header and question are given back as they came. */
  readonly questionEnd: number;
  readonly edns: { readonly version: number; readonly udpBytes: number; readonly dnssec: boolean } | undefined;
}

export type ParsedQuery =
  | { readonly is: 'query'; readonly query: Query }
  /** Answered with a code; `questionEnd` 12 when there is no question to give back. */
  | { readonly is: 'bad'; readonly code: number; readonly questionEnd: number }
  /** An answer, or too short to have an id: nobody is told. */
  | { readonly is: 'noise' };

/** Reads what a client sent. Total: any bytes give one of the three. */
export function parseQuery(bytes: Uint8Array): ParsedQuery {
  const view = viewOf(bytes);
  if (bytes.length < headerBytes) return { is: 'noise' };
  const flags = view.getUint16(2);
  if ((flags & 0x8000) !== 0) return { is: 'noise' };
  if (((flags >> 11) & 0xf) !== 0) return { is: 'bad', code: responseCodes.notImplemented, questionEnd: headerBytes };
  const bad: ParsedQuery = { is: 'bad', code: responseCodes.formatError, questionEnd: headerBytes };
  if (view.getUint16(4) !== 1 || view.getUint16(6) !== 0) return bad;
  const name = readName(bytes, headerBytes);
  if (!name || name.end + 4 > bytes.length) return bad;
  const questionEnd = name.end + 4;
  const additional = readAdditional(bytes, questionEnd, view.getUint16(8) + view.getUint16(10));
  if (additional === 'bad') return bad;
  const query: Query = {
    id: view.getUint16(0),
    recursionDesired: (flags & 0x100) !== 0,
    name: name.text,
    type: view.getUint16(name.end),
    class: view.getUint16(name.end + 2),
    questionEnd,
    edns: additional,
  };
  return { is: 'query', query };
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The OPT record among `count` records, of which nothing else matters. */
function readAdditional(bytes: Uint8Array, from: number, count: number): Query['edns'] | 'bad' {
  const view = viewOf(bytes);
  let edns: Query['edns'];
  let at = from;
  for (let i = 0; i < count; i++) {
    const record = readRecord(bytes, at);
    if (!record) return 'bad';
    if (record.type === recordTypes.OPT) {
      if (edns) return 'bad';
      const flags = view.getUint32(record.fields + 4);
      edns = { udpBytes: record.class, version: (flags >> 16) & 0xff, dnssec: (flags & optionDnssec) !== 0 };
    }
    at = record.end;
  }
  return edns;
}

interface RawRecord {
  readonly type: number;
  readonly class: number;
  /** Where type, class, TTL (at 4) and length (at 8) stand. */
  readonly fields: number;
  readonly data: number;
  readonly end: number;
}

function readRecord(bytes: Uint8Array, at: number): RawRecord | undefined {
  const name = readName(bytes, at);
  if (!name || name.end + 10 > bytes.length) return undefined;
  const view = viewOf(bytes);
  const fields = name.end;
  const data = fields + 10;
  const end = data + view.getUint16(fields + 8);
  if (end > bytes.length) return undefined;
  return { type: view.getUint16(fields), class: view.getUint16(fields + 2), fields, data, end };
}

/** Follows pointers, backwards only, so that it ends. Undefined for what is no name. */
export function readName(bytes: Uint8Array, at: number): { readonly text: string; readonly end: number } | undefined {
  const labels: string[] = [];
  let end: number | undefined;
  let position = at;
  let lengthBytes = 1;
  for (let pointers = 0; ; ) {
    const length = bytes[position];
    if (length === undefined) return undefined;
    if (length === 0) return { text: labels.join('.'), end: end ?? position + 1 };
    if ((length & 0xc0) === 0xc0) {
      const low = bytes[position + 1];
      if (low === undefined || ++pointers > pointersMax) return undefined;
      const target = ((length & 0x3f) << 8) | low;
      if (target >= position) return undefined;
      end ??= position + 2;
      position = target;
      continue;
    }
    if (length > labelBytesMax || position + 1 + length > bytes.length) return undefined;
    lengthBytes += length + 1;
    if (lengthBytes > nameBytesMax) return undefined;
    labels.push(labelText(bytes, position + 1, length));
    position += 1 + length;
  }
}

const dot = 0x2e;
const backslash = 0x5c;

/** Lower case; bytes as Latin-1. A dot or backslash is escaped: such a name is nobody's in the cluster, and stays distinct. */
function labelText(bytes: Uint8Array, start: number, length: number): string {
  let text = '';
  for (let i = start; i < start + length; i++) {
    const byte = bytes[i] as number;
    if (byte === dot || byte === backslash) text += '\\';
    text += String.fromCharCode(byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte);
  }
  return text;
}

export interface Answer {
  readonly code: number;
  readonly authoritative: boolean;
  readonly recursionAvailable: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authority: readonly DnsRecord[];
  readonly additional: readonly DnsRecord[];
}

/** How large an answer this query allows over UDP. */
export function udpBytesFor({ edns }: Pick<Query, 'edns'>): number {
  return edns ? Math.min(Math.max(edns.udpBytes, plainUdpBytes), ednsUdpBytes) : plainUdpBytes;
}

/** Writes the answer to `query`, whose bytes are `asked`. What is longer than `maxBytes` goes out without records and marked as cut: the client asks again over TCP. */
export function encodeAnswer(asked: Uint8Array, query: Query, answer: Answer, maxBytes: number): Buffer {
  const optBytes = query.edns ? 11 : 0;
  const writer = new Writer(asked, query.questionEnd);
  const records = [...answer.answers, ...answer.authority];
  for (const record of records) writer.record(record);
  let additionalCount = 0;
  for (const record of answer.additional) {
    const mark = writer.length;
    writer.record(record);
    if (writer.length + optBytes > maxBytes) {
      writer.cut(mark); // Additional records are a courtesy.
      break;
    }
    additionalCount++;
  }
  const truncated = writer.length + optBytes > maxBytes;
  if (truncated) {
    writer.cut(query.questionEnd);
    additionalCount = 0;
  }
  if (query.edns) writer.opt(query.edns.dnssec);
  const flags =
    0x8000 |
    (answer.authoritative ? 0x400 : 0) |
    (truncated ? 0x200 : 0) |
    (query.recursionDesired ? 0x100 : 0) |
    (answer.recursionAvailable ? 0x80 : 0) |
    answer.code;
  const counts = truncated ? [0, 0] : [answer.answers.length, answer.authority.length];
  return writer.finish(flags, [1, counts[0] ?? 0, counts[1] ?? 0, additionalCount + (query.edns ? 1 : 0)]);
}

/** An answer without records, to what was no good question. */
export function encodeFailure(asked: Uint8Array, code: number, questionEnd: number): Buffer {
  const answer = Buffer.from(asked.subarray(0, questionEnd));
  const wasDesired = ((asked[2] ?? 0) & 1) << 8;
  answer.writeUInt16BE(0x8000 | (((asked[2] ?? 0) & 0x78) * 0x100) | wasDesired | code, 2);
  answer.writeUInt16BE(questionEnd > headerBytes ? 1 : 0, 4);
  answer.fill(0, 6, headerBytes);
  return answer;
}

/** Grows as it is written to; names are compressed. */
class Writer {
  #buffer: Buffer;
  #at: number;
  readonly #names = new Map<string, number>();

  constructor(asked: Uint8Array, questionEnd: number) {
    this.#buffer = Buffer.allocUnsafe(1024);
    this.#buffer.set(asked.subarray(0, questionEnd));
    this.#at = questionEnd;
    const name = readName(asked, headerBytes);
    if (name) this.#remember(name.text, headerBytes);
  }

  get length(): number {
    return this.#at;
  }

  /** Takes away everything from `length` on. */
  cut(length: number): void {
    this.#at = length;
    for (const [name, at] of this.#names) if (at >= length) this.#names.delete(name);
  }

  record({ name, ttlSeconds, data }: DnsRecord): void {
    this.#name(name);
    this.#u16(recordTypes[data.type]);
    this.#u16(classInternet);
    this.#u32(ttlSeconds);
    const lengthAt = this.#at;
    this.#u16(0);
    this.#data(data);
    this.#buffer.writeUInt16BE(this.#at - lengthAt - 2, lengthAt);
  }

  opt(dnssec: boolean): void {
    this.#room(11);
    this.#buffer[this.#at++] = 0;
    this.#u16(recordTypes.OPT);
    this.#u16(ednsUdpBytes);
    this.#u32(dnssec ? optionDnssec : 0);
    this.#u16(0);
  }

  finish(flags: number, counts: readonly number[]): Buffer {
    this.#buffer.writeUInt16BE(flags, 2);
    for (const [i, count] of counts.entries()) this.#buffer.writeUInt16BE(count, 4 + 2 * i);
    return this.#buffer.subarray(0, this.#at);
  }

  #data(data: RecordData): void {
    switch (data.type) {
      case 'A':
        for (const part of data.address.split('.')) this.#u8(Number(part));
        return;
      case 'AAAA':
        for (const part of ipv6Groups(data.address)) this.#u16(part);
        return;
      case 'CNAME':
      case 'PTR':
      case 'NS':
        this.#name(data.name);
        return;
      case 'SRV':
        this.#u16(data.priority);
        this.#u16(data.weight);
        this.#u16(data.port);
        this.#name(data.target, false); // RFC 2782: not compressed.
        return;
      case 'TXT': {
        const text = Buffer.from(data.text, 'latin1').subarray(0, 255);
        this.#u8(text.length);
        for (const byte of text) this.#u8(byte);
        return;
      }
      case 'SOA':
        this.#name(data.primary);
        this.#name(data.mailbox);
        for (const value of [data.serial, 7200, 1800, 86_400, data.minimumSeconds]) this.#u32(value);
    }
  }

  #name(name: string, compress = true): void {
    let rest = name;
    while (rest !== '') {
      const known = compress ? this.#names.get(rest) : undefined;
      if (known !== undefined) {
        this.#u16(0xc000 | known);
        return;
      }
      if (this.#at < 0x3fff) this.#names.set(rest, this.#at);
      const cut = rest.indexOf('.');
      const label = cut < 0 ? rest : rest.slice(0, cut);
      rest = cut < 0 ? '' : rest.slice(cut + 1);
      this.#room(label.length + 1);
      this.#buffer[this.#at] = label.length;
      this.#buffer.write(label, this.#at + 1, 'latin1');
      this.#at += label.length + 1;
    }
    this.#u8(0);
  }

  /** The question's own name and each of its ends. */
  #remember(name: string, at: number): void {
    if (name.includes('\\')) return;
    let position = at;
    for (let rest = name; rest !== ''; ) {
      this.#names.set(rest, position);
      const cut = rest.indexOf('.');
      position += (cut < 0 ? rest.length : cut) + 1;
      rest = cut < 0 ? '' : rest.slice(cut + 1);
    }
  }

  #u8(value: number): void {
    this.#room(1);
    this.#buffer[this.#at++] = value;
  }

  #u16(value: number): void {
    this.#room(2);
    this.#at = this.#buffer.writeUInt16BE(value, this.#at);
  }

  #u32(value: number): void {
    this.#room(4);
    this.#at = this.#buffer.writeUInt32BE(value, this.#at);
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + bytes));
    larger.set(this.#buffer.subarray(0, this.#at));
    this.#buffer = larger;
  }
}

/** `2001:db8::1` -> 8 numbers. */
export function ipv6Groups(address: string): readonly number[] {
  const [head = '', tail] = address.split('::');
  const read = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const [left, right] = [read(head), read(tail ?? '')];
  const missing = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  return [...left, ...Array.from({ length: missing }, () => 0), ...right].slice(0, 8);
}

/** Reads the answer of another server as far as a cache needs it. Undefined for what is none. */
export function readAnswer(bytes: Uint8Array): ForeignAnswer | undefined {
  const view = viewOf(bytes);
  if (bytes.length < headerBytes || (view.getUint16(2) & 0x8000) === 0 || view.getUint16(4) !== 1) return undefined;
  const question = readName(bytes, headerBytes);
  if (!question || question.end + 4 > bytes.length) return undefined;
  const flags = view.getUint16(2);
  const ttls: number[] = [];
  const addresses: { type: 'A' | 'AAAA'; address: string; ttlSeconds: number }[] = [];
  let negativeSeconds: number | undefined;
  let at = question.end + 4;
  const answers = view.getUint16(6);
  const count = answers + view.getUint16(8) + view.getUint16(10);
  for (let i = 0; i < count; i++) {
    const record = readRecord(bytes, at);
    if (!record) return undefined;
    at = record.end;
    if (record.type === recordTypes.OPT) continue;
    ttls.push(record.fields + 4);
    const ttlSeconds = view.getUint32(record.fields + 4);
    if (record.type === recordTypes.SOA && record.end - record.data >= 20)
      negativeSeconds = Math.min(ttlSeconds, view.getUint32(record.end - 4));
    const address = i < answers ? readAddress(bytes, record) : undefined;
    if (address) addresses.push({ ...address, ttlSeconds });
  }
  return {
    name: question.text,
    type: view.getUint16(question.end),
    code: flags & 0xf,
    truncated: (flags & 0x200) !== 0,
    ttls,
    ttlSeconds: ttls.length === 0 ? 0 : Math.min(...ttls.map((offset) => view.getUint32(offset))),
    hasAnswers: answers > 0,
    negativeSeconds,
    addresses,
  };
}

export interface ForeignAnswer {
  readonly name: string;
  readonly type: number;
  readonly code: number;
  readonly truncated: boolean;
  /** Where the TTL of each record stands. */
  readonly ttls: readonly number[];
  readonly ttlSeconds: number;
  readonly hasAnswers: boolean;
  /** How long it may be remembered that there is nothing. */
  readonly negativeSeconds: number | undefined;
  readonly addresses: readonly { readonly type: 'A' | 'AAAA'; readonly address: string; readonly ttlSeconds: number }[];
}

function readAddress(bytes: Uint8Array, { type, data, end }: RawRecord): { type: 'A' | 'AAAA'; address: string } | undefined {
  const part = bytes.subarray(data, end);
  if (type === recordTypes.A && part.length === 4) return { type: 'A', address: part.join('.') };
  if (type !== recordTypes.AAAA || part.length !== 16) return undefined;
  const view = viewOf(part);
  return { type: 'AAAA', address: Array.from({ length: 8 }, (_, i) => view.getUint16(2 * i).toString(16)).join(':') };
}

/** A plain question, for Minke's own use. */
export function encodeQuestion(id: number, name: string, type: number): Buffer {
  const labels = name.split('.').filter((label) => label !== '');
  const parts = labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')]));
  const head = Buffer.from([id >> 8, id & 0xff, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([head, ...parts, Buffer.from([0, type >> 8, type & 0xff, 0, classInternet])]);
}
