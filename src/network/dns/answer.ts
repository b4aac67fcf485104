// From the bytes of a question to the bytes of its answer.
import type { Random } from '../../base/mod.ts';
import type { Forwarder } from './forwarder.ts';
import {
  classInternet,
  type DnsRecord,
  encodeAnswer,
  encodeFailure,
  encodeQuestion,
  parseQuery,
  type Query,
  readAnswer,
  recordTypes,
  responseCodes,
  udpBytesFor,
} from './wire.ts';
import { lookUp, type RecordType, soaRecord, type Zone } from './zone.ts';

const tcpBytesMax = 65_535;
/** Aliases may lead to aliases, and in circles. */
const aliasesMax = 8;

export interface Responder {
  readonly zone: Zone;
  readonly forwarder: Forwarder;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/** Gives undefined for what is not answered at all. What the zone knows is answered at once, without a turn of the event loop. */
export function respond(
  responder: Responder,
  asked: Uint8Array,
  transport: 'udp' | 'tcp',
): Buffer | undefined | Promise<Buffer | undefined> {
  const parsed = parseQuery(asked);
  if (parsed.is === 'noise') return undefined;
  if (parsed.is === 'bad') return encodeFailure(asked, parsed.code, parsed.questionEnd);
  const { query } = parsed;
  const fail = (code: number) => encodeFailure(asked, code, query.questionEnd);
  if (query.class !== classInternet) return fail(responseCodes.refused);
  if (responder.forwarder.isOwnQuestion(query.name)) return fail(responseCodes.serverFailure);
  const resolved = resolve(responder, query);
  switch (resolved.is) {
    case 'forward':
      return forward(responder, asked, query, transport);
    case 'answer':
      return encode(responder, asked, query, transport, resolved);
    case 'follow':
      return follow(responder, query, resolved).then((whole) =>
        whole ? encode(responder, asked, query, transport, whole) : fail(responseCodes.serverFailure),
      );
    case 'loop':
      return fail(responseCodes.serverFailure);
  }
}

interface ResolvedAnswer {
  readonly is: 'answer';
  readonly code: number;
  readonly answers: readonly DnsRecord[];
  readonly additional: readonly DnsRecord[];
}

type Resolved =
  | ResolvedAnswer
  | { readonly is: 'forward' }
  /** The aliases so far; the last one leads out of the zone. */
  | { readonly is: 'follow'; readonly answers: readonly DnsRecord[]; readonly target: string }
  | { readonly is: 'loop' };

const typeNames = new Map<number, RecordType>(
  (['A', 'AAAA', 'SRV', 'PTR', 'CNAME', 'TXT', 'NS', 'SOA'] as const).map((name) => [recordTypes[name], name]),
);

function resolve({ zone }: Responder, query: Query): Resolved {
  // Who asks for anything gets the addresses.
  const type = query.type === recordTypes.ANY ? 'A' : (typeNames.get(query.type) ?? 'other');
  const aliases: DnsRecord[] = [];
  let name = query.name;
  for (let i = 0; i < aliasesMax; i++) {
    const found = lookUp(zone, name, type);
    if (found.is === 'foreign') return aliases.length === 0 ? { is: 'forward' } : { is: 'follow', answers: aliases, target: name };
    if (found.is === 'missing') return { is: 'answer', code: responseCodes.nameError, answers: aliases, additional: [] };
    if (found.is === 'found') {
      return { is: 'answer', code: responseCodes.noError, answers: [...aliases, ...found.answers], additional: found.additional ?? [] };
    }
    if (!isEncodable(found.target)) return { is: 'loop' };
    aliases.push(found.record);
    if (type === 'CNAME') return { is: 'answer', code: responseCodes.noError, answers: aliases, additional: [] };
    name = found.target;
  }
  return { is: 'loop' };
}

/** A service's external name is only known to be made of good characters. */
const isEncodable = (name: string): boolean =>
  name.length <= 253 && name.split('.').every((label) => label.length >= 1 && label.length <= 63);

/** Clients do not go on by themselves from an alias: they get the addresses with it. */
async function follow(
  { forwarder, signal }: Responder,
  query: Query,
  { answers, target }: { readonly answers: readonly DnsRecord[]; readonly target: string },
): Promise<ResolvedAnswer | undefined> {
  const asked = encodeQuestion(query.id, target, query.type);
  const parsed = parseQuery(asked);
  if (parsed.is !== 'query') return undefined;
  const answer = await forwarder.forward(asked, parsed.query, 'udp', signal);
  const read = answer && readAnswer(answer);
  if (!read) return undefined;
  const addresses = read.addresses.map(({ ttlSeconds, ...data }): DnsRecord => ({ name: target, ttlSeconds, data }));
  return { is: 'answer', code: read.code, answers: [...answers, ...addresses], additional: [] };
}

async function forward(
  { forwarder, signal }: Responder,
  asked: Uint8Array,
  query: Query,
  transport: 'udp' | 'tcp',
): Promise<Buffer | undefined> {
  const answer = await forwarder.forward(asked, query, transport, signal);
  return answer ?? encodeFailure(asked, responseCodes.serverFailure, query.questionEnd);
}

function encode(
  { zone, random }: Responder,
  asked: Uint8Array,
  query: Query,
  transport: 'udp' | 'tcp',
  { code, answers, additional }: ResolvedAnswer,
): Buffer {
  const content = {
    code,
    authoritative: true,
    recursionAvailable: true,
    answers: turned(answers, random),
    authority: answers.length === 0 ? [soaRecord(zone.domain)] : [],
    additional,
  };
  return encodeAnswer(asked, query, content, transport === 'udp' ? udpBytesFor(query) : tcpBytesMax);
}

/** Clients take the first address: each is to be the first as often as any. An alias stays in front. */
function turned(answers: readonly DnsRecord[], random: Random): readonly DnsRecord[] {
  if (answers.length < 2 || answers[0]?.data.type === 'CNAME') return answers;
  const start = random.below(answers.length);
  return [...answers.slice(start), ...answers.slice(0, start)];
}
