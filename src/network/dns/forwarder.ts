// Questions about the rest of the world: asked of the machine's own resolvers, remembered for a while.
import { type Clock, type Logger, type Random, withDeadline } from '../../base/mod.ts';
import { dialTcp } from '../../base/ports/tcp.ts';
import { askUdp } from '../../base/ports/udp.ts';
import { encodeQuestion, type Query, readAnswer, recordTypes, responseCodes } from './wire.ts';

/** Questions under way at once; further ones are turned away. */
const underWayMax = 1_000;
const askMs = 2_000;
/** For all tries together: resolvers in pods ask again after 5 s. */
const answerMs = 4_500;
const cacheEntriesMax = 10_000;
const cacheBytesMax = 8 * 1024 * 1024;
const rememberSecondsMax = 30;
const dnsPort = 53;
const messageBytesMax = 65_535;

export interface ForwarderOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Addresses that are this server itself. */
  readonly own: readonly string[];
  /** Of the other servers. Default 53. */
  readonly port?: number;
}

export interface Forwarder {
  /** Replaces whom to ask, in this order. Asks each once whether it asks us back. */
  setUpstreams(addresses: readonly string[], signal: AbortSignal): Promise<void>;
  /** The answer as the client is to get it, undefined when there is nobody to ask or nobody answers. */
  forward(asked: Uint8Array, query: Query, transport: 'udp' | 'tcp', signal: AbortSignal): Promise<Buffer | undefined>;
  /** True when the name is one that Minke itself asked: the question has come back to us. */
  isOwnQuestion(name: string): boolean;
}

interface Remembered {
  readonly answer: Buffer;
  readonly ttls: readonly number[];
  readonly storedMs: number;
  readonly untilMs: number;
}

export function createForwarder(options: ForwarderOptions): Forwarder {
  const { clock, random, log, own } = options;
  let upstreams: readonly string[] = [];
  const probes = new Map<string, string>();
  const cache = createCache(clock);
  const underWay = new Map<string, Promise<Buffer | undefined>>();
  const setUpstreams: Forwarder['setUpstreams'] = async (addresses, signal) => {
    const usable = [...new Set(addresses)].filter((address) => !own.includes(address));
    if (usable.join() === upstreams.join()) return;
    upstreams = usable;
    await Promise.all(
      usable.map(async (address) => {
        const name = `${random.below(2 ** 31)}.${random.below(2 ** 31)}`;
        probes.set(name, address);
        try {
          await ask(options, address, encodeQuestion(random.below(65_536), name, recordTypes.HINFO), 'udp', signal);
        } catch {
          // Whether it answers shows when someone asks.
        } finally {
          probes.delete(name);
        }
      }),
    );
  };
  const resolve = async (key: string, asked: Uint8Array, transport: 'udp' | 'tcp', signal: AbortSignal) => {
    const request = Buffer.from(asked);
    const work = async (stop: AbortSignal) => {
      for (const address of upstreams) {
        try {
          const answer = await ask(options, address, request, transport, stop);
          const read = readAnswer(answer);
          // A server that cannot answer is like one that does not.
          if (!read || read.code === responseCodes.serverFailure || read.code === responseCodes.refused) continue;
          cache.put(key, answer);
          return answer;
        } catch (error) {
          if (stop.aborted) throw error;
        }
      }
      return undefined;
    };
    return withDeadline({ clock, ms: answerMs, what: 'Asking other name servers', signal }, work).catch(() => undefined);
  };
  return {
    setUpstreams,
    isOwnQuestion(name) {
      const address = probes.get(name);
      if (address === undefined) return false;
      if (upstreams.includes(address)) log.error('A name server asks this one back; it is left out', { address });
      upstreams = upstreams.filter((other) => other !== address);
      return true;
    },
    async forward(asked, query, transport, signal) {
      const key = `${transport} ${Buffer.from(asked.buffer, asked.byteOffset + 2, asked.byteLength - 2).toString('latin1')}`;
      const known = cache.get(key);
      if (known) return withId(known, query.id);
      const shared = underWay.get(key);
      if (!shared && underWay.size >= underWayMax) return undefined;
      const answer = shared ?? resolve(key, asked, transport, signal).finally(() => underWay.delete(key));
      if (!shared) underWay.set(key, answer);
      const found = await answer;
      return found && withId(found, query.id);
    },
  };
}

function withId(answer: Buffer, id: number): Buffer {
  const copy = Buffer.from(answer);
  copy.writeUInt16BE(id, 0);
  return copy;
}

/** Under an id that nobody outside can guess; the answer must repeat it and the question. */
async function ask(
  options: ForwarderOptions,
  address: string,
  asked: Buffer,
  transport: 'udp' | 'tcp',
  signal: AbortSignal,
): Promise<Buffer> {
  const { clock, random, port = dnsPort } = options;
  const id = random.below(65_536);
  const data = withId(asked, id);
  const question = questionOf(asked);
  const accept = (answer: Buffer) => answer.length >= 12 && answer.readUInt16BE(0) === id && questionOf(answer) === question;
  const to = { address, port };
  if (transport === 'udp') return askUdp({ to, data, accept, clock, timeoutMs: askMs, signal });
  return withDeadline({ clock, ms: askMs, what: `Asking ${address} over TCP`, signal }, (stop) => askTcp(options, to, data, accept, stop));
}

/** Name, type and class, the name in lower case: a server may give it back in another case. */
function questionOf(message: Buffer): string {
  for (let at = 12; at < message.length; ) {
    const length = message[at] ?? 0;
    if (length === 0)
      return message
        .subarray(12, at + 5)
        .toString('latin1')
        .toLowerCase();
    at += length + 1;
  }
  return '';
}

async function askTcp(
  { clock }: ForwarderOptions,
  to: { address: string; port: number },
  data: Buffer,
  accept: (answer: Buffer) => boolean,
  signal: AbortSignal,
): Promise<Buffer> {
  const socket = await dialTcp({ host: to.address, port: to.port, clock, timeoutMs: askMs, signal });
  try {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(data.length, 0);
    socket.write(Buffer.concat([length, data]));
    let read = Buffer.alloc(0);
    for await (const chunk of socket) {
      read = Buffer.concat([read, chunk as Buffer]);
      const wanted = read.length >= 2 ? read.readUInt16BE(0) + 2 : messageBytesMax + 2;
      if (read.length < wanted) continue;
      const answer = read.subarray(2, wanted);
      if (accept(answer)) return answer;
      break;
    }
    throw new Error(`${to.address} did not answer over TCP`);
  } finally {
    socket.destroy();
  }
}

interface Cache {
  /** With the time that has passed taken off its records. */
  get(key: string): Buffer | undefined;
  put(key: string, answer: Buffer): void;
}

/** The longest unused goes first. */
export function createCache(clock: Clock): Cache {
  const entries = new Map<string, Remembered>();
  let bytes = 0;
  const drop = (key: string, entry: Remembered) => {
    entries.delete(key);
    bytes -= entry.answer.length + key.length;
  };
  return {
    get(key) {
      const entry = entries.get(key);
      if (!entry) return undefined;
      const nowMs = clock.monotonicMs();
      drop(key, entry);
      if (nowMs >= entry.untilMs) return undefined;
      entries.set(key, entry);
      bytes += entry.answer.length + key.length;
      const answer = Buffer.from(entry.answer);
      const passedSeconds = Math.floor((nowMs - entry.storedMs) / 1000);
      for (const at of entry.ttls) answer.writeUInt32BE(Math.max(0, answer.readUInt32BE(at) - passedSeconds), at);
      return answer;
    },
    put(key, answer) {
      const read = readAnswer(answer);
      if (!read || read.truncated || (read.code !== responseCodes.noError && read.code !== responseCodes.nameError)) return;
      const seconds = Math.min(rememberSecondsMax, read.hasAnswers ? read.ttlSeconds : (read.negativeSeconds ?? 0));
      if (seconds <= 0) return;
      const storedMs = clock.monotonicMs();
      const before = entries.get(key);
      if (before) drop(key, before);
      entries.set(key, { answer, ttls: read.ttls, storedMs, untilMs: storedMs + seconds * 1000 });
      bytes += answer.length + key.length;
      for (const [oldest, entry] of entries) {
        if (entries.size <= cacheEntriesMax && bytes <= cacheBytesMax) break;
        drop(oldest, entry);
      }
    },
  };
}
