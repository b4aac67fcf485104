// How a function is declared: its overloads with types, what each does, what it costs when it runs, and what it may cost.
import { type CelType, dynType, listOf, mapOf, optionalOf, paramOf } from '../types.ts';
import { CelList, type CelValue, isMap, isOpaque, type Result } from '../values.ts';

/** From the least to the most; Infinity where nothing bounds it. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

export const fixed = (value: number): Range => ({ min: value, max: value });
export const unknownSize: Range = { min: 0, max: Number.POSITIVE_INFINITY };

/** Nothing times anything is nothing, also times infinity. */
const product = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : a * b);
export const add = (a: Range, b: Range): Range => ({ min: a.min + b.min, max: a.max + b.max });
export const multiply = (a: Range, b: Range): Range => ({ min: product(a.min, b.min), max: product(a.max, b.max) });
export const union = (a: Range, b: Range): Range => ({ min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) });
export const scale = (size: Range, factor: number): Range => ({ min: Math.ceil(size.min * factor), max: Math.ceil(size.max * factor) });

/** What the estimate knows of a receiver or argument. */
export interface Sizing {
  readonly size: Range;
  /** Of the items of a list, where they are strings or bytes. */
  readonly elementSize: Range | undefined;
  readonly type: CelType;
  readonly literal: CelValue | undefined;
}

export interface Estimate {
  readonly cost: Range;
  /** The size of what is returned. */
  readonly size?: Range;
}

export interface Overload {
  readonly id: string;
  /** The receiver, when it is a method, is the first of `args`. */
  readonly member: boolean;
  readonly args: readonly CelType[];
  readonly result: CelType;
  readonly call: (...args: CelValue[]) => Result;
  /** Charged before it runs. Absent: one. */
  readonly cost?: (args: readonly CelValue[]) => number;
  /** In place of `cost`, where only the result tells. */
  readonly resultCost?: (result: Result) => number;
  /** Absent: one. The receiver is the first of `args` here too. */
  readonly estimate?: (args: readonly Sizing[]) => Estimate;
}

export type Library = Readonly<Record<string, readonly Overload[]>>;

export const A = paramOf('A');
export const B = paramOf('B');
export const listA = listOf(A);
export const mapAB = mapOf(A, B);
export const optionalA = optionalOf(A);
export const listDyn = listOf(dynType);

type Costs = Pick<Overload, 'cost' | 'resultCost' | 'estimate'>;
// biome-ignore lint/suspicious/noExplicitAny: an overload's implementation is called only with values of its declared types.
type Implementation = (...args: any[]) => Result;

export const method = (id: string, args: readonly CelType[], result: CelType, call: Implementation, costs: Costs = {}): Overload => ({
  id,
  member: true,
  args,
  result,
  call,
  ...costs,
});

export const fn = (id: string, args: readonly CelType[], result: CelType, call: Implementation, costs: Costs = {}): Overload => ({
  ...method(id, args, result, call, costs),
  member: false,
});

/** Strings are traversed at a tenth of a unit a character. */
export const perCharacter = 0.1;
/** A regular expression is guessed to have a state in four characters. */
export const perRegexCharacter = 0.25;
export const containerCost = { list: 10, map: 30, message: 40 } as const;

export function codePointsIn(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit <= 0xdbff) {
      const next = text.charCodeAt(i + 1);
      if (next >= 0xdc00 && next <= 0xdfff) {
        count--;
        i++;
      }
    }
  }
  return count;
}

/** What `size()` would say, and 1 for what has no size. */
export function sizeOf(value: CelValue | undefined): number {
  if (typeof value === 'string') return codePointsIn(value);
  if (typeof value !== 'object' || value === null) return 1;
  if (value instanceof CelList || isMap(value)) return value.size;
  if (value instanceof Uint8Array) return value.length;
  return isOpaque(value) ? (value.size ?? 1) : 1;
}

const ceil = (size: number, factor: number): number => Math.ceil(size * factor);

/** The cost of going `times` times through the argument at `index`; `keepsSize` when the result is at most as long. */
export const traversal = (index = 0, times = 1, keepsSize = false): Costs => ({
  cost: (args) => ceil(sizeOf(args[index]), times * perCharacter),
  estimate: (args) => {
    const size = args[index]?.size ?? unknownSize;
    const cost = scale(size, times * perCharacter);
    return keepsSize ? { cost, size } : { cost };
  },
});

/** The cost of matching text against a regular expression: the product of their lengths. */
export const regexCosts = (withSize: boolean): Costs => ({
  cost: (args) => ceil(1 + sizeOf(args[0]), perCharacter) * ceil(sizeOf(args[1]), perRegexCharacter),
  estimate: ([text, regex]) => {
    const size = text?.size ?? unknownSize;
    const cost = multiply(scale(add(size, fixed(1)), perCharacter), scale(regex?.size ?? unknownSize, perRegexCharacter));
    return withSize ? { cost, size: { min: 0, max: size.max } } : { cost };
  },
});

/** The shorter of two is what a comparison goes through. */
export const shorterCosts: Costs = {
  cost: ([a, b]) => ceil(Math.min(sizeOf(a), sizeOf(b)), perCharacter),
  estimate: ([a, b]) => {
    const max = Math.min(a?.size.max ?? 0, b?.size.max ?? 0);
    return { cost: scale({ min: max > 0 ? 1 : 0, max }, perCharacter) };
  },
};

/** The cost of going through a value as a tree. */
export function treeCost(value: Result): number {
  if (typeof value === 'string') return Math.floor(Buffer.byteLength(value) * perCharacter);
  if (value instanceof Uint8Array) return Math.floor(value.length * perCharacter);
  let cost = 0;
  if (value instanceof CelList) {
    for (let i = 0; i < value.size; i++) cost += treeCost(value.at(i));
    return cost;
  }
  if (!isMap(value)) return 1;
  for (const key of value.keys()) cost += treeCost(key) + treeCost(value.get(key) ?? null);
  return cost;
}
