import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../../base/mod.ts';
import { builtinKinds } from '../../kinds.ts';
import { apiVersionOf, type KubeObject } from '../../meta/object.ts';
import { schemaOf, schemaTypeNames } from '../../schema/mod.ts';
import { readMessage } from './decode.ts';
import { decodeAnyProtobuf, decodeProtobuf, encodeProtobuf, hasProtobufForm, messageOf } from './mod.ts';
import { type FieldNumber, numberedTypes, numbersOf } from './numbers.ts';
import { type FieldPlan, type MessagePlan, planOf } from './plan.ts';
import { Reader } from './reader.ts';

/** Objects as the server would give them: no empty optional lists, no zeros that Go would leave out, canonical scalars. */
class Maker {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  object(plan: MessagePlan, depth = 0): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    this.#fill(object, plan, depth);
    return object;
  }

  #fill(object: Record<string, unknown>, plan: MessagePlan, depth: number): void {
    for (const field of plan.byNumber) {
      if (field === undefined || depth > 6 || !this.#chance(depth < 4 ? 60 : 10)) continue;
      if (field.inline) this.#fill(object, field.message, depth);
      else if (field.many === 'list') object[field.name] = this.#many(() => this.#value(field, depth, true));
      else if (field.many === 'map')
        object[field.name] = Object.fromEntries(this.#many(() => [this.#text(), this.#value(field, depth, true)] as const));
      else object[field.name] = this.#value(field, depth, field.keepsZero);
    }
  }

  #many<T>(make: () => T): T[] {
    return Array.from({ length: 1 + this.#random.below(3) }, make);
  }

  #chance(percent: number): boolean {
    return this.#random.below(100) < percent;
  }

  #text(): string {
    return this.#pick(['a', 'nginx:1.27', 'ünïcode ☸ 🐋', 'x'.repeat(60), 'line\nbreak', `${this.#random.below(1000)}`, '__proto']);
  }

  #pick<T>(of: readonly T[]): T {
    return of[this.#random.below(of.length)] as T;
  }

  #value(field: FieldPlan, depth: number, zero: boolean): unknown {
    const sometimes = zero && this.#chance(20);
    switch (field.form) {
      case 'message':
        return this.object(field.message, depth + 1);
      case 'string':
        return sometimes ? '' : this.#text();
      case 'bool':
        return !sometimes;
      case 'int32':
        return sometimes ? 0 : this.#pick([1, 127, 128, 300, 65535, 2 ** 31 - 1, -1, -(2 ** 31)]);
      case 'int64':
        return sometimes ? 0 : this.#pick([1, 2 ** 32, 2 ** 49, 2 ** 53 - 1, -5, -(2 ** 40), 2n ** 60n + 1n, -(2n ** 63n)]);
      case 'double':
        return sometimes ? 0 : this.#pick([1.5, -2.25, 1e300]);
      case 'bytes':
        return this.#pick(['', 'AA==', Buffer.from('ünï').toString('base64')]);
      case 'quantity':
        return this.#pick(['0', '100m', '128Mi', '1', '2500k']);
      case 'time':
        return this.#pick(['2026-11-20T08:36:42Z', '1969-12-31T23:59:59Z', '1970-01-01T00:00:00Z']);
      case 'micro-time':
        return this.#pick(['2026-11-20T08:36:42.000001Z', '2026-11-20T08:36:42.999999Z', '2026-11-20T08:36:42.000000Z']);
      case 'int-or-string':
        return this.#pick<unknown>([0, 8080, -1, '', 'http', '25%']);
      case 'json':
        return this.#pick<unknown>([{ a: [1, { b: null }] }, [], 'text', 2.5, false, { 'f:metadata': {} }]);
      case 'strings':
        return this.#many(() => this.#text());
      case 'schema-or-bool':
        return this.#pick<unknown>([true, false, this.object(field.message, depth + 2)]);
      case 'schema-or-list':
        return this.#pick<unknown>([this.object(field.message, depth + 2), [this.object(field.message, depth + 3)]]);
      case 'schema-or-strings':
        return this.#pick<unknown>([this.object(field.message, depth + 2), ['a', 'b']]);
      case 'empty':
        return {};
    }
  }
}

const planFor = (typeName: string): MessagePlan => {
  const plan = planOf(typeName);
  if (!plan) throw new Error(`${typeName} has no plan`);
  return plan;
};

describe('round trips', () => {
  test('every type comes back as it was', () => {
    const types = [...numberedTypes(), 'V1PodList'];
    expect(types.length).toBeGreaterThan(450);
    for (const typeName of types) {
      const plan = planFor(typeName);
      for (let seed = 1; seed <= 4; seed++) {
        const object = new Maker(seed).object(plan);
        const back = readMessage(new Reader(Buffer.from(messageOf(object, typeName))), plan);
        expect(back, `${typeName}, seed ${seed}`).toEqual(object);
      }
    }
  });

  test.each(builtinKinds.map((kind) => [`${kind.kind} of ${apiVersionOf(kind)}`, kind] as const))('%s in its envelope', (_name, kind) => {
    const schema = schemaOf(kind.schema);
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const object: KubeObject = { kind: kind.kind, apiVersion: apiVersionOf(kind), ...new Maker(seed).object(planFor(kind.schema)) };
        const bytes = encodeProtobuf(object);
        expect(bytes && decodeAnyProtobuf(bytes)).toEqual(object);
        expect(bytes && decodeProtobuf(bytes, schema).object).toEqual(object);
      }),
      { numRuns: 6, seed: 7 },
    );
  });

  test('a cut or spoilt body is refused or read, never worse', () => {
    const object: KubeObject = { kind: 'Pod', apiVersion: 'v1', ...new Maker(3).object(planFor('V1Pod')) };
    const bytes = Buffer.from(encodeProtobuf(object) ?? []);
    for (let cut = 0; cut < bytes.length; cut += 7) expect(() => attempt(bytes.subarray(0, cut))).not.toThrow();
    fc.assert(
      fc.property(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
        const spoilt = Buffer.from(bytes);
        spoilt[at] = byte;
        attempt(spoilt);
      }),
      { numRuns: 1000, seed: 7 },
    );
  });
});

/** Lets through nothing but a 400. */
function attempt(bytes: Uint8Array): void {
  try {
    decodeProtobuf(bytes, schemaOf('V1Pod'));
  } catch (error) {
    expect((error as { status?: { code?: number } }).status?.code).toBe(400);
  }
}

test('every type that is served has a protobuf form', () => {
  const without = schemaTypeNames().filter((typeName) => !hasProtobufForm(typeName));
  expect(without).toEqual(['VersionInfo']);
});

// The numbers of a reference server, where they are at hand.
const facts = fileURLToPath(new URL('../../../../../shared/facts/protobuf.json', import.meta.url));
type Messages = Readonly<Record<string, Readonly<Record<string, readonly [number, string]>>>>;

describe.runIf(existsSync(facts))('the reference numbers', () => {
  const packages = existsSync(facts) ? (JSON.parse(readFileSync(facts, 'utf8')) as { packages: Record<string, Messages> }).packages : {};
  const messagesOf = (definition: string): Messages =>
    packages[
      definition
        .slice(0, definition.lastIndexOf('.'))
        .replace('io.k8s.', 'k8s.io.')
        .replace(/(apiextensions-apiserver|kube-aggregator)/, (name) => name.replace('-', '_'))
    ] ?? {};

  test('are ours, field by field, with the same types', () => {
    let compared = 0;
    for (const typeName of [...numberedTypes(), 'V1PodList', 'V1APIServiceList']) {
      const { definition, goName } = schemaOf(typeName);
      const messages = messagesOf(definition);
      for (const number of numbersOf(typeName) ?? []) {
        const [wantNumber, wantType] = find(messages, goName, number) ?? [];
        expect(wantNumber, `${typeName}.${number.name}`).toBe(number.number);
        expect(typeText(fieldOf(planFor(typeName), number)), `${typeName}.${number.name}`).toBe(normalized(wantType ?? ''));
        compared++;
      }
      const ours = (numbersOf(typeName) ?? []).filter((number) => number.inside.length === 0).map((number) => number.number);
      const outer = (numbersOf(typeName) ?? []).flatMap((number) => number.inside.slice(0, 1));
      const theirs = Object.values(messages[goName] ?? {}).map(([number]) => number);
      expect([...new Set([...ours, ...outer])].sort(), typeName).toEqual(theirs.sort());
    }
    expect(compared).toBeGreaterThan(2000);
  });

  /** The field that a number leads to: through the messages that JSON does not show. */
  function find(messages: Messages, goName: string, of: FieldNumber): readonly [number, string] | undefined {
    let message = messages[goName];
    for (const outer of of.inside) message = messages[Object.values(message ?? {}).find(([number]) => number === outer)?.[1] ?? ''];
    return Object.values(message ?? {}).find(([number]) => number === of.number);
  }

  function fieldOf(plan: MessagePlan, of: FieldNumber): FieldPlan {
    let message = plan;
    for (const outer of of.inside) message = message.byNumber[outer]?.message ?? message;
    const field = message.byNumber[of.number];
    if (!field) throw new Error(`${plan.typeName} has no field ${of.number}`);
    return field;
  }

  /** Without packages, and with one name for all that hold JSON text. */
  const normalized = (type: string): string =>
    type
      .replace(/(^|[ ,])\.?[a-z0-9_.]+\.(?=[A-Z])/g, '$1')
      .replace(/RawExtension|FieldsV1|JSON$/, 'Raw')
      .replace('CustomResourceSubresourceStatus', 'Empty')
      .replace(/ExtraValue|Verbs/, 'Strings');

  function typeText(field: FieldPlan): string {
    const one = oneText(field);
    return field.many === 'list' ? `repeated ${one}` : field.many === 'map' ? `map<string,${one}>` : one;
  }

  function oneText(field: FieldPlan): string {
    switch (field.form) {
      case 'message':
        return schemaOf(field.message.typeName).goName;
      case 'quantity':
        return 'Quantity';
      case 'time':
        return 'Time';
      case 'micro-time':
        return 'MicroTime';
      case 'int-or-string':
        return 'IntOrString';
      case 'json':
        return 'Raw';
      case 'strings':
        return 'Strings';
      case 'empty':
        return 'Empty';
      case 'schema-or-bool':
        return 'JSONSchemaPropsOrBool';
      case 'schema-or-list':
        return 'JSONSchemaPropsOrArray';
      case 'schema-or-strings':
        return 'JSONSchemaPropsOrStringArray';
      default:
        return field.form;
    }
  }
});
