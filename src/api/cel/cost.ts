// What an expression may cost, before it is evaluated: each node's least and most, from the sizes that types and literals allow.
// Source: the rules of cel-go's estimate, which decide upstream which rules a CustomResourceDefinition may have.
import type { Call, Expr, Fold, MapLiteral, Select } from './ast.ts';
import type { Checked } from './checker.ts';
import {
  add,
  containerCost,
  type Estimate,
  fixed,
  multiply,
  type Overload,
  type Range,
  type Sizing,
  scale,
  sizeOf,
  union,
  unknownSize,
} from './library/declare.ts';
import type { CelCostEstimate } from './program.ts';
import { type CelType, dynType } from './types.ts';
import { CelTypeValue, fieldOf } from './values.ts';

/** The sizes of a container's keys and values. */
interface EntrySize {
  readonly isList: boolean;
  readonly key: Range;
  readonly value: Range;
}

interface Local {
  readonly name: string;
  readonly declared: CelType | undefined;
  readonly size: Range | undefined;
  readonly entry: EntrySize | undefined;
}

const nothing = fixed(0);
const one = fixed(1);
const scalars = new Set<CelType['kind']>(['bool', 'int', 'uint', 'double', 'duration', 'timestamp']);
const selectable = new Set<CelType['kind']>(['map', 'object', 'param']);

const isScalar = (type: CelType): boolean => (type.kind === 'optional' ? isScalar(type.value) : scalars.has(type.kind));

const unionEntries = (a: EntrySize | undefined, b: EntrySize | undefined): EntrySize | undefined =>
  a && b && { isList: a.isList, key: union(a.key, b.key), value: union(a.value, b.value) };

class Estimator {
  readonly #checked: Checked;
  /** The type as a variable declares it, for what is reached from variables: its sizes are bounded by the schema. */
  readonly #declared = new Map<Expr, CelType>();
  readonly #sizes = new Map<Expr, Range>();
  readonly #entries = new Map<Expr, EntrySize>();
  readonly #locals: Local[] = [];

  constructor(checked: Checked) {
    this.#checked = checked;
  }

  #local(expr: Expr): Local | undefined {
    return expr.node === 'ident' ? this.#locals.findLast(({ name }) => name === expr.name) : undefined;
  }

  #typeOf(expr: Expr): CelType {
    return this.#checked.types.get(expr) ?? dynType;
  }

  #declare(expr: Expr, type: CelType | undefined): void {
    if (type !== undefined) this.#declared.set(expr, type);
  }

  #sizeOf(expr: Expr): Range | undefined {
    const known = this.#sizes.get(expr);
    if (known !== undefined) return known;
    if (expr.node === 'literal') return fixed(sizeOf(expr.value));
    if (expr.node === 'list') return fixed(expr.items.length);
    if (expr.node === 'map') return fixed(expr.entries.length);
    const max = this.#declared.get(expr)?.maxElements;
    if (max !== undefined) return { min: 0, max };
    return isScalar(this.#typeOf(expr)) ? one : this.#local(expr)?.size;
  }

  #entryOf(expr: Expr): EntrySize | undefined {
    return this.#entries.get(expr) ?? this.#local(expr)?.entry;
  }

  cost(expr: Expr): Range {
    switch (expr.node) {
      case 'literal':
        return nothing;
      case 'ident':
        return this.#ident(expr);
      case 'select':
        return this.#select(expr);
      case 'call':
        return this.#call(expr);
      case 'list': {
        let sum = fixed(containerCost.list);
        for (const { value } of expr.items) sum = add(sum, this.cost(value));
        this.#entries.set(expr, { isList: true, key: one, value: this.#spanOf(expr.items.map(({ value }) => value)) });
        return sum;
      }
      case 'map':
        return this.#map(expr);
      case 'message':
        return expr.fields.reduce((sum, { value }) => add(sum, this.cost(value)), fixed(containerCost.message));
      case 'fold':
        return expr.isBind ? this.#bind(expr) : this.#fold(expr);
    }
  }

  #ident(expr: Expr): Range {
    const local = this.#local(expr);
    if (local !== undefined) this.#declare(expr, local.declared);
    else if (!(this.#checked.names.get(expr) instanceof CelTypeValue)) this.#declare(expr, this.#typeOf(expr));
    return one;
  }

  /** From the smallest to the largest of some expressions. */
  #spanOf(exprs: readonly Expr[]): Range {
    const [first, ...rest] = exprs.map((expr) => this.#sizeOf(expr) ?? unknownSize);
    return rest.reduce(union, first ?? nothing);
  }

  #map(expr: MapLiteral): Range {
    let sum = fixed(containerCost.map);
    for (const { key, value } of expr.entries) sum = add(add(sum, this.cost(key)), this.cost(value));
    const key = this.#spanOf(expr.entries.map((entry) => entry.key));
    this.#entries.set(expr, { isList: false, key, value: this.#spanOf(expr.entries.map(({ value }) => value)) });
    return sum;
  }

  #select(expr: Select): Range {
    if (this.#checked.names.has(expr)) {
      this.#declare(expr, this.#typeOf(expr));
      return one;
    }
    const sum = this.cost(expr.operand);
    // Looking whether a field is there is free.
    if (expr.test) return sum;
    const declared = this.#declared.get(expr.operand);
    if (declared?.kind === 'object') this.#declare(expr, fieldOf(declared, expr.field)?.type);
    // Upstream loses sight of sizes where a map's key is written as a field.
    return selectable.has(this.#typeOf(expr.operand).kind) ? add(sum, one) : sum;
  }

  #sizing(expr: Expr): Sizing {
    const type = this.#typeOf(expr);
    let elementSize: Range | undefined;
    if (type.kind === 'list' && (type.element.kind === 'string' || type.element.kind === 'bytes')) {
      const declared = this.#declared.get(expr);
      const max = declared?.kind === 'list' ? declared.element.maxElements : undefined;
      elementSize = max === undefined ? (this.#entryOf(expr)?.value ?? unknownSize) : { min: 0, max };
    }
    const literal = expr.node === 'literal' ? expr.value : undefined;
    return { size: this.#sizeOf(expr) ?? unknownSize, elementSize, type, literal };
  }

  #call(expr: Call): Range {
    const resolved = this.#checked.calls.get(expr);
    if (resolved === undefined) return nothing;
    const args = resolved.target === undefined ? expr.args : [resolved.target, ...expr.args];
    const costs = args.map((arg) => this.cost(arg));
    const special = this.#special(expr, costs);
    if (special !== undefined) return special;
    const sum = costs.reduce(add, nothing);
    const sizings = args.map((arg) => this.#sizing(arg));
    const estimates = resolved.overloads.map((overload) => this.#overload(expr, overload, sizings));
    const size = estimates.map((estimate) => estimate.size).filter((found) => found !== undefined);
    if (size.length > 0) this.#sizes.set(expr, size.reduce(union));
    return add(sum, estimates.map(({ cost }) => cost).reduce(union));
  }

  #overload(expr: Call, overload: Overload, sizings: readonly Sizing[]): Estimate {
    const [first, second] = expr.args;
    if (first !== undefined && (overload.id === 'index_list' || overload.id === 'index_map')) {
      const declared = this.#declared.get(first);
      if (declared?.kind === 'list') this.#declare(expr, declared.element);
      if (declared?.kind === 'map') this.#declare(expr, declared.value);
      const size = this.#entryOf(first)?.value;
      return { cost: one, ...(size && { size }) };
    }
    if (overload.id === 'add_list' && first !== undefined && second !== undefined) {
      const entry = unionEntries(this.#entryOf(first), this.#entryOf(second));
      if (entry !== undefined) this.#entries.set(expr, entry);
    }
    if (overload.id === 'to_dyn' && first !== undefined) {
      const entry = this.#entryOf(first);
      if (entry !== undefined) this.#entries.set(expr, entry);
    }
    return overload.estimate?.(sizings) ?? { cost: one };
  }

  /** Operators that do not evaluate all their operands. */
  #special(expr: Call, costs: readonly Range[]): Range | undefined {
    const [a = nothing, b = nothing, c = nothing] = costs;
    if (expr.name === '_&&_' || expr.name === '_||_') return { min: a.min, max: a.max + b.max };
    if (expr.name !== '_?_:_') return undefined;
    const [, then, otherwise] = expr.args;
    if (then !== undefined && otherwise !== undefined) {
      this.#sizes.set(expr, union(this.#sizeOf(then) ?? unknownSize, this.#sizeOf(otherwise) ?? unknownSize));
      const entry = unionEntries(this.#entryOf(then), this.#entryOf(otherwise));
      if (entry !== undefined) this.#entries.set(expr, entry);
    }
    return add(a, union(b, c));
  }

  #bind(expr: Fold): Range {
    const sum = add(this.cost(expr.range), this.cost(expr.start));
    this.#locals.push({
      name: expr.accumulator,
      declared: this.#declared.get(expr.start),
      size: this.#sizeOf(expr.start),
      entry: this.#entryOf(expr.start),
    });
    const result = this.cost(expr.result);
    const size = this.#sizeOf(expr.result);
    const entry = this.#entryOf(expr.result);
    this.#locals.pop();
    if (size !== undefined) this.#sizes.set(expr, size);
    if (entry !== undefined) this.#entries.set(expr, entry);
    return add(sum, result);
  }

  #pushItems(expr: Fold): number {
    const entry = this.#entryOf(expr.range);
    const range = this.#declared.get(expr.range);
    const isList = entry?.isList ?? this.#typeOf(expr.range).kind === 'list';
    const keyType = range?.kind === 'map' ? range.key : undefined;
    const valueType = range?.kind === 'map' ? range.value : range?.kind === 'list' ? range.element : undefined;
    const key: Local = { name: expr.item, declared: keyType, size: entry?.key, entry: undefined };
    const value = { declared: valueType, size: entry?.value, entry: undefined };
    if (expr.value === undefined) {
      this.#locals.push(isList ? { name: expr.item, ...value } : key);
      return 1;
    }
    this.#locals.push(key, { name: expr.value, ...value });
    return 2;
  }

  #fold(expr: Fold): Range {
    let sum = add(this.cost(expr.range), this.cost(expr.start));
    this.#locals.push({ name: expr.accumulator, declared: undefined, size: this.#sizeOf(expr.start), entry: this.#entryOf(expr.start) });
    const pushed = this.#pushItems(expr);
    const loop = add(this.cost(expr.condition), this.cost(expr.step));
    this.#locals.length -= pushed;
    sum = add(sum, this.cost(expr.result));
    this.#locals.pop();
    const count = this.#sizeOf(expr.range) ?? unknownSize;
    if (expr.start.node === 'literal') this.#sizes.set(expr, one);
    else this.#sizes.set(expr, count);
    const entry = expr.start.node === 'literal' ? undefined : this.#entryOf(expr.step);
    if (entry !== undefined) this.#entries.set(expr, entry);
    return add(sum, multiply(count, loop));
  }
}

/** Estimates a checked expression that has no problems. */
export function estimateCost(root: Expr, checked: Checked): CelCostEstimate {
  const { min, max } = new Estimator(checked).cost(root);
  return { min, max: Math.max(min, scale({ min: 0, max }, 1).max) };
}
