// A small packet filter for tests: takes the text that is meant for nft, and says what becomes of a packet.
import { parseRange, rangesOverlap } from '../../api/mod.ts';

export interface Packet {
  readonly from: string;
  readonly to: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly port: number;
  /** The interface it comes in by; absent for what the node itself sends. */
  readonly by?: string;
  /** Of a protocol without ports, or an answer: then `port` is what it comes from. */
  readonly kind?: 'icmp' | 'related' | 'answer' | 'discovery';
}

export interface Surroundings {
  readonly bridge: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** The node's own addresses besides 127.0.0.0/8. */
  readonly local: readonly string[];
}

export type Fate =
  | { readonly is: 'delivered'; readonly to: string; readonly masqueraded: boolean }
  | { readonly is: 'refused'; readonly how: string }
  | { readonly is: 'dropped' };

interface Flow {
  from: string;
  to: string;
  protocol: string;
  port: number;
  iif: string;
  oif: string;
  translated: boolean;
  kind?: Packet['kind'];
}

type Verdict = { readonly end: 'accept' | 'drop' | 'masquerade' } | { readonly end: 'reject'; readonly how: string } | undefined;

/** Throws on any text that nft would refuse for reasons this model knows: what is missing, what is there already, what is still used. */
export class PacketFilter {
  readonly #around: Surroundings;
  chains = new Map<string, string[]>();
  sets = new Map<string, Map<string, string>>();
  #choose: (count: number) => number = () => 0;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** One transaction. */
  apply(text: string): void {
    for (const line of text.split('\n')) if (line.trim() !== '') this.#command(line);
    this.#checkReferences();
  }

  /** What becomes of the first packet of a flow. `choose` stands for chance: it gives a number below `count`. */
  trace(packet: Packet, choose: (count: number) => number = () => 0): Fate {
    this.#choose = choose;
    const flow: Flow = { ...packet, iif: packet.by ?? '', oif: '', translated: false };
    const isOwn = packet.by === undefined;
    const translated = this.#run(isOwn ? 'output' : 'prerouting', flow);
    if (translated && translated.end !== 'accept') return fateOf(translated);
    flow.oif = this.#route(flow.to);
    const filtered = this.#run(isOwn ? 'filter-output' : flow.oif === 'lo' ? 'filter-input' : 'filter-forward', flow);
    if (filtered && filtered.end !== 'accept') return fateOf(filtered);
    const rewritten = isOwn || flow.oif !== 'lo' ? this.#run('postrouting', flow) : undefined;
    const to = flow.to.includes(':') ? `[${flow.to}]` : flow.to;
    return { is: 'delivered', to: `${to}:${flow.port}`, masqueraded: rewritten?.end === 'masquerade' };
  }

  /** Whether a base chain lets a packet through that goes from one interface to another. */
  passes(chain: string, packet: Packet, oif: string): boolean {
    const end = this.#run(chain, { ...packet, iif: packet.by ?? '', oif, translated: false })?.end;
    return end === undefined || end === 'accept';
  }

  /** Every place that the packet of a client that has never been seen can get to, whatever chance says. */
  outcomes(packet: Packet): readonly Fate[] {
    const clients = [...this.sets].filter(([name]) => name.startsWith('affinity-')).map(([, set]) => ({ set, known: [...set] }));
    const forget = () => {
      for (const { set } of clients) set.clear();
    };
    const found = new Map<string, Fate>();
    let sizes = 1;
    for (let i = 0; i < sizes; i++) {
      forget();
      const fate = this.trace(packet, (count) => {
        sizes = Math.max(sizes, count);
        return i % count;
      });
      found.set(JSON.stringify(fate), fate);
    }
    forget();
    for (const { set, known } of clients) for (const [client, value] of known) set.set(client, value);
    return [...found.values()];
  }

  #command(line: string): void {
    const [verb = '', what = '', , , name = ''] = line.split(' ');
    const rest = line.split(' ').slice(5).join(' ');
    const kind = `${verb} ${what}`;
    if (kind === 'add table') return;
    if (kind === 'delete table') this.#clear();
    else if (kind === 'add set' || kind === 'add map') this.sets.set(name, this.sets.get(name) ?? new Map());
    else if (kind === 'delete set') this.#must(this.sets.delete(name), `no set ${name}`);
    else if (kind === 'add chain') this.chains.set(name, this.chains.get(name) ?? []);
    else if (kind === 'flush chain') this.#chain(name).splice(0);
    else if (kind === 'delete chain') this.#must(this.#chain(name).length === 0 && this.chains.delete(name), `chain ${name} has rules`);
    else if (kind === 'add rule') this.#chain(name).push(rest);
    else if (what === 'element') this.#elements(verb, name, rest);
    else throw new Error(`nft: ${line}`);
  }

  #elements(verb: string, name: string, rest: string): void {
    const set = this.sets.get(name);
    if (!set) throw new Error(`no set ${name}`);
    for (const element of rest.slice(2, -2).split(', ')) {
      const [key = '', value = ''] = element.split(' : ');
      if (verb === 'delete') this.#must(set.delete(key), `no element ${key} in ${name}`);
      else {
        this.#must(!set.has(key), `element ${key} is in ${name} already`);
        set.set(key, value);
      }
    }
  }

  #clear(): void {
    this.chains.clear();
    this.sets.clear();
  }

  #must(ok: boolean, what: string): void {
    if (!ok) throw new Error(`nft: ${what}`);
  }

  #chain(name: string): string[] {
    const chain = this.chains.get(name);
    if (!chain) throw new Error(`nft: no chain ${name}`);
    return chain;
  }

  #checkReferences(): void {
    for (const rules of this.chains.values()) {
      for (const rule of rules) {
        for (const [, set = ''] of rule.matchAll(/@(\S+)/g)) this.#must(this.sets.has(set), `no set ${set}`);
        for (const [, chain = ''] of rule.matchAll(/(?:jump|goto) ([^\s,]+)/g)) this.#chain(chain);
      }
    }
    for (const set of this.sets.values()) for (const value of set.values()) if (value.startsWith('goto ')) this.#chain(value.slice(5));
  }

  #route(to: string): string {
    const { bridge, podCidr, serviceCidr } = this.#around;
    if (this.#isLocal(to)) return 'lo';
    return isIn(to, podCidr) || isIn(to, serviceCidr) ? bridge : 'eth0';
  }

  #isLocal(address: string): boolean {
    return isIn(address, '127.0.0.0/8') || address === '::1' || this.#around.local.includes(address);
  }

  #run(name: string, flow: Flow): Verdict {
    for (const rule of this.#chain(name)) {
      const outcome = this.#rule(rule, flow);
      if (outcome.is === 'verdict') return outcome.verdict;
      if (outcome.is === 'return') return undefined;
      if (outcome.is === 'goto') return this.#run(outcome.chain, flow);
      const inner = outcome.is === 'jump' ? this.#run(outcome.chain, flow) : undefined;
      if (inner) return inner;
    }
    return undefined;
  }

  /** Statement by statement, until one does not match or ends the rule. */
  #rule(rule: string, flow: Flow): Outcome {
    let rest = rule;
    while (rest !== '') {
      const step = this.#statement(rest, flow);
      if (step.is !== 'next') return step;
      rest = rest.slice(step.length).trimStart();
    }
    return { is: 'over' };
  }

  #statement(text: string, flow: Flow): Outcome | { readonly is: 'next'; readonly length: number } {
    for (const [pattern, run] of statements) {
      const match = pattern.exec(text);
      if (!match) continue;
      const outcome = run(match, {
        flow,
        sets: this.sets,
        choose: this.#choose,
        isLocal: (address) => this.#isLocal(address),
      });
      if (outcome === true) return { is: 'next', length: match[0].length };
      return outcome === false ? { is: 'over' } : outcome;
    }
    throw new Error(`the model does not know "${text}"`);
  }
}

type Outcome =
  | { readonly is: 'over' | 'return' }
  | { readonly is: 'goto' | 'jump'; readonly chain: string }
  | { readonly is: 'verdict'; readonly verdict: Verdict };

interface Scene {
  readonly flow: Flow;
  readonly sets: ReadonlyMap<string, Map<string, string>>;
  readonly choose: (count: number) => number;
  readonly isLocal: (address: string) => boolean;
}

/** True: matched, go on. False: the rule does not apply. */
type Statement = (match: RegExpExecArray, scene: Scene) => boolean | Outcome;

const verdict = (end: 'accept' | 'drop' | 'masquerade'): Outcome => ({ is: 'verdict', verdict: { end } });

/** `goto x`, `drop` */
function verdictOf(value: string): Outcome {
  return value.startsWith('goto ') ? { is: 'goto', chain: value.slice(5) } : verdict('drop');
}

function translate(flow: Flow, to: string, port: string): Outcome {
  Object.assign(flow, { to, port: Number(port), translated: true });
  return verdict('accept');
}

const field = '(?:ip6? [sd]addr|meta l4proto|(?:th|tcp|udp|sctp) [sd]port)';
const concat = `${field}(?: \\. ${field})*`;
const statements: readonly (readonly [RegExp, Statement])[] = [
  [/^ct state new/, () => true],
  [/^ct state related meta l4proto icmp(?:v6)?/, (_, { flow }) => flow.kind === 'related'],
  [/^ct direction reply/, (_, { flow }) => flow.kind === 'answer'],
  [/^meta nfproto (ipv4|ipv6)/, ([, family], { flow }) => flow.from.includes(':') === (family === 'ipv6')],
  [
    /^(ip6? [sd]addr|(?:tcp|udp|sctp) [sd]port) \{ (.+?) \}/,
    ([, name = '', list = ''], { flow }) => {
      const value = keyOf(name, flow);
      return value !== undefined && list.split(', ').some((span) => isWithin(value, span));
    },
  ],
  [/^ct status (! )?dnat/, ([, not], { flow }) => flow.translated !== (not !== undefined)],
  [/^fib (saddr|daddr) type local/, ([, side], { flow, isLocal }) => isLocal(side === 'saddr' ? flow.from : flow.to)],
  [
    /^(iif|oif)name (!= )?(?:"(\w+)"|\{ (.+?) \})/,
    ([, side, not, one, many], { flow }) => {
      const names = one === undefined ? (many ?? '').split(', ').map((name) => name.slice(1, -1)) : [one];
      return names.includes(side === 'iif' ? flow.iif : flow.oif) !== (not !== undefined);
    },
  ],
  [
    /^ip6? (saddr|daddr) (!= )?([\da-f]*[:.]\S+)/,
    ([, side, not, range = ''], { flow }) => isIn(side === 'saddr' ? flow.from : flow.to, range) !== (not !== undefined),
  ],
  [/^meta l4proto (tcp|udp|sctp)(?= |$)/, ([, protocol], { flow }) => keyOf('meta l4proto', flow) === protocol],
  [
    new RegExp(`^(${concat}) vmap @(\\S+)`),
    ([, fields = '', set = ''], { flow, sets }) => {
      const value = sets.get(set)?.get(keyOf(fields, flow) ?? '');
      return value === undefined ? false : verdictOf(value);
    },
  ],
  [
    new RegExp(`^dnat ip6? to (${concat}) \\. numgen random mod (\\d+) map @(\\S+)`),
    ([, fields = '', size, set = ''], { flow, sets, choose }) => {
      const slot = choose(Number(size));
      const value = sets.get(set)?.get(`${keyOf(fields, flow)} . ${slot}`);
      if (value === undefined) return false;
      const [to = '', port = ''] = value.split(' . ');
      return translate(flow, to, port);
    },
  ],
  [/^dnat ip6? to \[?([\da-f.:]+?)\]?:(\d+)$/, ([, to = '', port = ''], { flow }) => translate(flow, to, port)],
  [
    new RegExp(`^(${concat}) (!= )?@(\\S+)`),
    ([, fields = '', not, set = ''], { flow, sets }) => {
      const key = keyOf(fields, flow);
      const found = key !== undefined && contains(sets.get(set), key);
      return found !== (not !== undefined);
    },
  ],
  [
    /^update @(\S+) \{ ip6? saddr timeout \d+s \}/,
    ([, set = ''], { flow, sets }) => {
      sets.get(set)?.set(flow.from, '');
      return true;
    },
  ],
  [
    /^numgen random mod (\d+) vmap \{ (.+) \}/,
    ([, size, list = ''], { choose }) => {
      const wanted = choose(Number(size));
      return verdictOf(
        list
          .split(', ')
          .map((one) => one.split(' : '))
          .find(([index]) => Number(index) === wanted)?.[1] ?? '',
      );
    },
  ],
  [/^(jump|goto) (\S+)/, ([, is, chain = '']) => ({ is: is as 'jump' | 'goto', chain })],
  [/^icmpv6 type \{ nd-neighbor-solicit, nd-neighbor-advert \}/, (_, { flow }) => flow.kind === 'discovery'],
  [/^return/, () => ({ is: 'return' })],
  [/^(drop|masquerade|accept)/, ([, end]) => verdict(end as 'drop')],
  [/^reject(.*)/, ([, how = '']) => ({ is: 'verdict', verdict: { end: 'reject', how: how.trim() } })],
];

/** Undefined when the packet has no such field. */
function keyOf(fields: string, flow: Flow): string | undefined {
  const values = fields.split(' . ').map((name) => fieldOf(name, flow));
  return values.includes(undefined) ? undefined : values.join(' . ');
}

function fieldOf(name: string, { from, to, protocol, port, kind }: Flow): string | undefined {
  if (name.startsWith('ip')) return name.startsWith('ip6') !== from.includes(':') ? undefined : name.endsWith('saddr') ? from : to;
  if (kind === 'icmp' || kind === 'related' || kind === 'discovery') return name === 'meta l4proto' ? 'icmp' : undefined;
  if (name === 'meta l4proto') return protocol;
  const [of, side] = name.split(' ');
  if (of !== 'th' && of !== protocol) return undefined;
  return (side === 'sport') === (kind === 'answer') ? String(port) : '0';
}

/** `10.0.0.0-10.0.0.9`, `80-90`, or one value. */
function isWithin(value: string, span: string): boolean {
  const number = (text: string) => (/[.:]/.test(text) ? (parseRange(text)?.first ?? -1n) : BigInt(text));
  const [first = '', last = first] = span.split('-');
  return number(first) <= number(value) && number(value) <= number(last);
}

/** The last part of an element may be a range. */
function contains(set: Map<string, string> | undefined, key: string): boolean {
  if (!set) return false;
  if (set.has(key)) return true;
  const cut = key.lastIndexOf(' . ');
  const [head, last] = [key.slice(0, cut), key.slice(cut + 3)];
  return [...set.keys()].some((element) => element.startsWith(`${head} . `) && isIn(last, element.slice(cut + 3)));
}

function isIn(address: string, range: string): boolean {
  const [a, b] = [parseRange(address), parseRange(range)];
  return a !== undefined && b !== undefined && rangesOverlap(a, b);
}

function fateOf(found: NonNullable<Verdict>): Fate {
  return found.end === 'reject' ? { is: 'refused', how: found.how } : { is: 'dropped' };
}

/** Where a packet may end up, over every choice that the rules leave to chance; sorted. */
export const targets = (filter: PacketFilter, packet: Packet): readonly string[] =>
  filter
    .outcomes(packet)
    .map((fate) => (fate.is === 'delivered' ? fate.to : fate.is))
    .sort();

export const refused = { is: 'refused', how: 'with tcp reset' };
