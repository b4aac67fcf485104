// A JSON parser that keeps what JSON.parse loses: duplicate keys, how a number was written, and upstream's words for syntax errors.
import { jsonDepthMax } from './json-scan.ts';

/** Text that is no JSON. The message is the one that Go's decoder gives. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
}

/** A number that a double may not hold as it was written: `2.0`, `1e3`, `9223372036854775807`. */
export class ExactNumber {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export interface ExactJson {
  readonly value: unknown;
  /** Paths of keys given twice, as written in errors (`metadata.labels.a`, `spec.containers[0].name`), each once, with the position of the second. */
  readonly duplicates: ReadonlyMap<string, number>;
  /** Where each path stands first, in bytes: orders errors as a reader of the text meets them. */
  readonly positions: ReadonlyMap<string, number>;
}

/** Parses `bytes`. Throws JsonSyntaxError. Keys such as `__proto__` become plain own properties. */
export function parseExactJson(bytes: Uint8Array): ExactJson {
  const parser = new Parser(bytes);
  const value = parser.document();
  return { value, duplicates: parser.duplicates, positions: parser.positions };
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const integerText = /^-?\d+$/;
const literals = new Map<number, readonly [text: string, value: boolean | null]>([
  [0x74, ['true', true]],
  [0x66, ['false', false]],
  [0x6e, ['null', null]],
]);
const escapes = '"\\/bfnrtu';

const isDigit = (c: number | undefined): boolean => c !== undefined && c >= 0x30 && c <= 0x39;
const isHex = (c: number | undefined): boolean => isDigit(c) || (c !== undefined && ((c >= 0x61 && c <= 0x66) || (c >= 0x41 && c <= 0x46)));

/** `'x'`, `'\''`, `'"'`, `'\n'`: a byte as Go quotes it. */
function quoteByte(c: number): string {
  if (c === 0x27) return `'\\''`;
  if (c === 0x22) return `'"'`;
  const named: Readonly<Record<number, string>> = { 7: '\\a', 8: '\\b', 9: '\\t', 10: '\\n', 11: '\\v', 12: '\\f', 13: '\\r', 92: '\\\\' };
  const name = named[c];
  if (name !== undefined) return `'${name}'`;
  if (c < 0x20 || c === 0x7f) return `'\\x${c.toString(16).padStart(2, '0')}'`;
  if (c >= 0x80 && c <= 0xa0) return `'\\u${c.toString(16).padStart(4, '0')}'`;
  return `'${String.fromCharCode(c)}'`;
}

class Parser {
  readonly duplicates = new Map<string, number>();
  readonly positions = new Map<string, number>();
  readonly #bytes: Uint8Array;
  #at = 0;
  #depth = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  document(): unknown {
    const value = this.#value('');
    this.#space();
    if (this.#at < this.#bytes.length) throw this.#unexpected('after top-level value');
    return value;
  }

  #unexpected(context: string): JsonSyntaxError {
    const c = this.#bytes[this.#at];
    return new JsonSyntaxError(c === undefined ? 'unexpected end of JSON input' : `invalid character ${quoteByte(c)} ${context}`);
  }

  #space(): number | undefined {
    for (;;) {
      const c = this.#bytes[this.#at];
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return c;
      this.#at++;
    }
  }

  #value(path: string): unknown {
    const c = this.#space();
    if (c === 0x7b) return this.#nested(() => this.#object(path));
    if (c === 0x5b) return this.#nested(() => this.#array(path));
    if (c === 0x22) return this.#string();
    if (c === 0x2d || isDigit(c)) return this.#number();
    const literal = literals.get(c ?? 0);
    if (!literal) throw this.#unexpected('looking for beginning of value');
    for (const letter of literal[0]) {
      if (this.#bytes[this.#at] !== letter.charCodeAt(0)) throw this.#unexpected(`in literal ${literal[0]} (expecting '${letter}')`);
      this.#at++;
    }
    return literal[1];
  }

  #nested<T>(read: () => T): T {
    if (++this.#depth > jsonDepthMax) throw new JsonSyntaxError('exceeded max depth');
    this.#at++;
    const value = read();
    this.#at++;
    this.#depth--;
    return value;
  }

  #object(path: string): Record<string, unknown> {
    const made: Record<string, unknown> = {};
    if (this.#space() === 0x7d) return made;
    for (;;) {
      if (this.#space() !== 0x22) throw this.#unexpected('looking for beginning of object key string');
      const start = this.#at;
      const key = this.#string();
      const keyPath = path === '' ? key : `${path}.${key}`;
      if (Object.hasOwn(made, key)) {
        if (!this.duplicates.has(keyPath)) this.duplicates.set(keyPath, start);
      } else this.positions.set(keyPath, start);
      if (this.#space() !== 0x3a) throw this.#unexpected('after object key');
      this.#at++;
      const value = this.#value(keyPath);
      if (key === '__proto__') Object.defineProperty(made, key, { value, enumerable: true, configurable: true, writable: true });
      else made[key] = value;
      const c = this.#space();
      if (c === 0x7d) return made;
      if (c !== 0x2c) throw this.#unexpected('after object key:value pair');
      this.#at++;
    }
  }

  #array(path: string): unknown[] {
    const made: unknown[] = [];
    if (this.#space() === 0x5d) return made;
    for (;;) {
      made.push(this.#value(`${path}[${made.length}]`));
      const c = this.#space();
      if (c === 0x5d) return made;
      if (c !== 0x2c) throw this.#unexpected('after array element');
      this.#at++;
    }
  }

  #string(): string {
    const start = this.#at++;
    let plain = true;
    for (;;) {
      const c = this.#bytes[this.#at];
      if (c === undefined) throw this.#unexpected('');
      if (c === 0x22) break;
      if (c < 0x20) throw this.#unexpected('in string literal');
      this.#at++;
      if (c === 0x5c) {
        plain = false;
        this.#escape();
      }
    }
    this.#at++;
    const text = decoder.decode(this.#bytes.subarray(start, this.#at));
    // Escapes were checked above, so the engine's parser takes them as they are.
    return plain ? text.slice(1, -1) : (JSON.parse(text) as string);
  }

  #escape(): void {
    const c = this.#bytes[this.#at];
    if (c === undefined || !escapes.includes(String.fromCharCode(c))) throw this.#unexpected('in string escape code');
    this.#at++;
    if (c !== 0x75) return;
    for (let i = 0; i < 4; i++, this.#at++) {
      if (!isHex(this.#bytes[this.#at])) throw this.#unexpected('in \\u hexadecimal character escape');
    }
  }

  #number(): number | ExactNumber {
    const start = this.#at;
    if (this.#bytes[this.#at] === 0x2d) this.#at++;
    if (!isDigit(this.#bytes[this.#at])) throw this.#unexpected('in numeric literal');
    if (this.#bytes[this.#at] === 0x30) this.#at++;
    else this.#digits();
    if (this.#bytes[this.#at] === 0x2e) {
      this.#at++;
      if (!isDigit(this.#bytes[this.#at])) throw this.#unexpected('after decimal point in numeric literal');
      this.#digits();
    }
    const e = this.#bytes[this.#at];
    if (e === 0x65 || e === 0x45) {
      this.#at++;
      const sign = this.#bytes[this.#at];
      if (sign === 0x2b || sign === 0x2d) this.#at++;
      if (!isDigit(this.#bytes[this.#at])) throw this.#unexpected('in exponent of numeric literal');
      this.#digits();
    }
    const text = decoder.decode(this.#bytes.subarray(start, this.#at));
    const value = Number(text);
    return integerText.test(text) && Number.isSafeInteger(value) ? value + 0 : new ExactNumber(text);
  }

  #digits(): void {
    while (isDigit(this.#bytes[this.#at])) this.#at++;
  }
}

const int64Min = -(2n ** 63n);
const int64Max = 2n ** 63n - 1n;

/** The value of an integer literal: a number where a double holds it, else a bigint; undefined beyond 64 bits or when it is no integer literal. */
export function exactInteger(text: string): number | bigint | undefined {
  if (!integerText.test(text)) return undefined;
  const value = BigInt(text);
  if (value < int64Min || value > int64Max) return undefined;
  const near = Number(value);
  return Number.isSafeInteger(near) ? near : value;
}

/** A JSON tree without ExactNumbers, in place: integers of up to 64 bits stay exact (as bigint where needed), the rest become doubles. */
export function settleNumbers(value: unknown): unknown {
  if (value instanceof ExactNumber) return exactInteger(value.text) ?? Number(value.text);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = settleNumbers(value[i]);
  } else if (typeof value === 'object' && value !== null) {
    const object = value as Record<string, unknown>;
    for (const key of Object.keys(object)) {
      const old = object[key];
      if (typeof old === 'object' && old !== null) object[key] = settleNumbers(old);
    }
  }
  return value;
}
