// The types of an expression: each name is found, each call gets the overloads that fit, and what does not fit is an issue.
import { accumulatorName, type Call, type Expr, type Fold, type ListLiteral, type MapLiteral, type Message, type Select } from './ast.ts';
import type { Overload } from './library/declare.ts';
import { overloadsOf } from './library/functions.ts';
import { regexOf } from './library/regex.ts';
import { qualifiedNameOf } from './parser.ts';
import type { CelEnvironment } from './program.ts';
import { parseDuration, parseTimestamp } from './time.ts';
import { boolType, type CelType, dynType, intType, listOf, mapOf, nullType, optionalOf, typeText, typeType } from './types.ts';
import { Bindings } from './unify.ts';
import { CelTypeValue, type CelValue, Failure, fieldOf, typeNameOf } from './values.ts';

export interface Problem {
  readonly message: string;
  /** An index into the source. */
  readonly at: number;
}

/** A call whose function is known. */
export interface ResolvedCall {
  readonly name: string;
  readonly overloads: readonly Overload[];
  /** The receiver, unless what stood before the dot was a part of the function's name. */
  readonly target: Expr | undefined;
}

export interface Checked {
  readonly types: ReadonlyMap<Expr, CelType>;
  readonly calls: ReadonlyMap<Call, ResolvedCall>;
  /** Names that are types, or variables with dots in their names. */
  readonly names: ReadonlyMap<Expr, CelTypeValue | string>;
  readonly type: CelType;
  readonly problems: readonly Problem[];
}

const typeNames = new Set([
  'bool',
  'bytes',
  'double',
  'int',
  'list',
  'map',
  'null_type',
  'string',
  'type',
  'uint',
  'optional_type',
  'google.protobuf.Duration',
  'google.protobuf.Timestamp',
  'net.IP',
  'net.CIDR',
  'kubernetes.Quantity',
  'kubernetes.URL',
  'kubernetes.NamedFormat',
  'kubernetes.Semver',
]);

/** Functions that take lists and maps of mixed items. */
const mixes = new Set(['format', '@in']);

/** What a text that stands in the source as an argument must be. */
const literalChecks: Readonly<Record<string, { readonly index: number; readonly ok: (text: string) => boolean }>> = {
  duration: { index: 0, ok: (text) => parseDuration(text) !== undefined },
  timestamp: { index: 0, ok: (text) => parseTimestamp(text) !== undefined },
  matches: { index: 0, ok: (text) => !(regexOf(text) instanceof Failure) },
};

class Checker {
  readonly #env: CelEnvironment;
  readonly #bindings = new Bindings();
  readonly #types = new Map<Expr, CelType>();
  readonly #calls = new Map<Call, ResolvedCall>();
  readonly #names = new Map<Expr, CelTypeValue | string>();
  readonly #problems: Problem[] = [];
  readonly #scopes: { readonly name: string; readonly type: CelType }[] = [];
  readonly #mixed = new Set<Expr>();

  constructor(env: CelEnvironment) {
    this.#env = env;
  }

  run(root: Expr): Checked {
    const type = this.#check(root);
    for (const [expr, found] of this.#types) this.#types.set(expr, this.#bindings.resolve(found, true));
    return {
      types: this.#types,
      calls: this.#calls,
      names: this.#names,
      type: this.#bindings.resolve(type, true),
      problems: this.#problems,
    };
  }

  /** Says what is wrong; the type is then dyn, so that one mistake is one issue. */
  #wrong(expr: { readonly at: number }, message: string): CelType {
    if (!this.#problems.some((known) => known.at === expr.at && known.message === message)) this.#problems.push({ at: expr.at, message });
    return dynType;
  }

  #check(expr: Expr): CelType {
    const type = this.#typeOf(expr);
    this.#types.set(expr, type);
    return type;
  }

  #typeOf(expr: Expr): CelType {
    switch (expr.node) {
      case 'literal':
        return literalType(expr.value);
      case 'ident':
        return this.#named(expr, expr.name) ?? this.#wrong(expr, undeclared(expr.name));
      case 'select':
        return this.#select(expr);
      case 'call':
        return this.#call(expr);
      case 'list':
        return this.#list(expr);
      case 'map':
        return this.#map(expr);
      case 'message':
        return this.#message(expr);
      case 'fold':
        return this.#fold(expr);
    }
  }

  #named(expr: Expr, name: string): CelType | undefined {
    const local = this.#scopes.findLast((scope) => scope.name === name);
    if (local !== undefined) return local.type;
    if (Object.hasOwn(this.#env.variables, name)) {
      this.#names.set(expr, name);
      return this.#env.variables[name];
    }
    if (!typeNames.has(name)) return undefined;
    this.#names.set(expr, new CelTypeValue(name));
    return typeType;
  }

  #select(expr: Select): CelType {
    const qualified = qualifiedNameOf(expr);
    const isLocal = qualified !== undefined && this.#scopes.some(({ name }) => name === qualified.split('.', 1)[0]);
    if (qualified !== undefined && !expr.test && !isLocal) {
      const named = this.#named(expr, qualified);
      if (named !== undefined) return named;
    }
    const operand = this.#bindings.resolve(this.#check(expr.operand));
    const inner = operand.kind === 'optional' ? this.#bindings.resolve(operand.value) : operand;
    const field = this.#fieldType(expr, inner);
    if (expr.test) return boolType;
    return expr.optional || operand.kind === 'optional' ? (field.kind === 'optional' ? field : optionalOf(field)) : field;
  }

  #fieldType(expr: Select, type: CelType): CelType {
    if (type.kind === 'dyn' || type.kind === 'param') return dynType;
    if (type.kind === 'map') return type.value;
    if (type.kind === 'object') return fieldOf(type, expr.field)?.type ?? this.#wrong(expr, `undefined field '${expr.field}'`);
    if (type.kind === 'null') return dynType;
    return this.#wrong(expr, `type '${typeText(type)}' does not support field selection`);
  }

  #call(expr: Call): CelType {
    const prefix = expr.target === undefined ? undefined : qualifiedNameOf(expr.target);
    const qualified = prefix === undefined ? undefined : `${prefix}.${expr.name}`;
    const isQualified = qualified !== undefined && overloadsOf(qualified) !== undefined;
    const name = isQualified ? qualified : expr.name;
    const overloads = name.startsWith('@') && expr.name !== name ? undefined : overloadsOf(name);
    const target = isQualified ? undefined : expr.target;
    if (mixes.has(name)) for (const arg of expr.args) this.#mixed.add(arg);
    const args = [...(target === undefined ? [] : [target]), ...expr.args].map((arg) => this.#check(arg));
    if (overloads === undefined) return this.#wrong(expr, undeclared(name));
    this.#checkLiteral(name, expr);
    return this.#resolve(expr, name, overloads, target, args);
  }

  #checkLiteral(name: string, expr: Call): void {
    const check = Object.hasOwn(literalChecks, name) ? literalChecks[name] : undefined;
    const arg = check === undefined ? undefined : expr.args[check.index + (name === 'matches' && expr.target === undefined ? 1 : 0)];
    if (check === undefined || arg?.node !== 'literal' || typeof arg.value !== 'string') return;
    if (!check.ok(arg.value)) this.#wrong(arg, `invalid ${name} argument`);
  }

  #resolve(expr: Call, name: string, overloads: readonly Overload[], target: Expr | undefined, args: readonly CelType[]): CelType {
    const fitting: Overload[] = [];
    let result: CelType | undefined;
    for (const overload of overloads) {
      if (overload.member !== (target !== undefined) || overload.args.length !== args.length) continue;
      const params = new Map<string, CelType>();
      const fits = this.#bindings.attempt(() =>
        overload.args.every((want, i) => this.#bindings.fits(this.#bindings.instantiate(want, params), args[i] ?? dynType)),
      );
      if (!fits) continue;
      fitting.push(overload);
      const made = this.#bindings.resolve(this.#bindings.instantiate(overload.result, params));
      result = result === undefined || typeText(result) === typeText(made) ? made : dynType;
    }
    if (result === undefined) {
      const texts = args.map((type) => typeText(this.#bindings.resolve(type)));
      const shape = target === undefined ? `(${texts.join(', ')})` : `${texts[0]}.(${texts.slice(1).join(', ')})`;
      return this.#wrong(expr, `found no matching overload for '${name}' applied to '${shape}'`);
    }
    this.#calls.set(expr, { name, overloads: fitting, target });
    return result;
  }

  /** The type of all items together: the first one's, which the others must share unless mixing is allowed here. */
  #join(joined: CelType | undefined, item: Expr, type: CelType, mayMix: boolean): CelType {
    if (joined === undefined) return type;
    if (this.#bindings.attempt(() => this.#bindings.fits(joined, type))) return type.kind === 'dyn' ? dynType : joined;
    if (mayMix) return dynType;
    const texts = [joined, type].map((one) => typeText(this.#bindings.resolve(one)));
    this.#wrong(item, `expected type '${texts[0]}' but found '${texts[1]}'`);
    return joined;
  }

  /** An item after `?` is added when it is there. */
  #optionalItem(value: Expr, isOptional: boolean): CelType {
    const type = this.#bindings.resolve(this.#check(value));
    if (!isOptional || type.kind === 'dyn') return type;
    if (type.kind === 'optional') return type.value;
    return this.#wrong(value, `expected type 'optional_type(${typeText(type)})' but found '${typeText(type)}'`);
  }

  #list(expr: ListLiteral): CelType {
    let joined: CelType | undefined;
    if (this.#mixed.has(expr)) for (const { value } of expr.items) this.#mixed.add(value);
    for (const { value, optional } of expr.items) {
      joined = this.#join(joined, value, this.#optionalItem(value, optional), this.#mixed.has(expr));
    }
    return listOf(joined ?? this.#bindings.fresh());
  }

  #map(expr: MapLiteral): CelType {
    let keys: CelType | undefined;
    let values: CelType | undefined;
    const mayMix = this.#mixed.has(expr);
    if (mayMix) for (const { value } of expr.entries) this.#mixed.add(value);
    for (const { key, value, optional } of expr.entries) {
      keys = this.#join(keys, key, this.#check(key), mayMix);
      values = this.#join(values, value, this.#optionalItem(value, optional), mayMix);
    }
    return mapOf(keys ?? this.#bindings.fresh(), values ?? this.#bindings.fresh());
  }

  #message(expr: Message): CelType {
    const type = this.#env.structType?.(expr.type);
    if (type === undefined) {
      for (const { value } of expr.fields) this.#check(value);
      return this.#wrong(expr, undeclared(expr.type));
    }
    for (const field of expr.fields) {
      const found = this.#optionalItem(field.value, field.optional);
      const want = fieldOf(type, field.name)?.type;
      if (want === undefined) this.#wrong(field, `undefined field '${field.name}'`);
      else if (!this.#bindings.attempt(() => this.#bindings.fits(want, found))) {
        const texts = [want, found].map((one) => typeText(this.#bindings.resolve(one)));
        this.#wrong(field, `expected type of field '${field.name}' is '${texts[0]}' but provided type is '${texts[1]}'`);
      }
    }
    return type;
  }

  #rangeTypes(expr: Fold): readonly [item: CelType, value: CelType] {
    const range = this.#bindings.resolve(this.#check(expr.range));
    const isPair = expr.value !== undefined;
    switch (range.kind) {
      case 'list':
        return isPair ? [intType, range.element] : [range.element, dynType];
      case 'map':
        return [range.key, range.value];
      case 'dyn':
      case 'param':
        return [dynType, dynType];
      default: {
        const message = `expression of type '${typeText(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`;
        return [this.#wrong(expr.range, message), dynType];
      }
    }
  }

  #fold(expr: Fold): CelType {
    const [item, value] = this.#rangeTypes(expr);
    if (expr.item === accumulatorName || expr.value === accumulatorName)
      return this.#wrong(expr, 'iteration variable overwrites accumulator variable');
    const start = this.#check(expr.start);
    this.#scopes.push({ name: expr.accumulator, type: start }, { name: expr.item, type: item });
    if (expr.value !== undefined) this.#scopes.push({ name: expr.value, type: value });
    const condition = this.#check(expr.condition);
    if (!this.#bindings.fits(boolType, condition)) this.#wrong(expr.condition, `expected type 'bool' but found '${typeText(condition)}'`);
    const step = this.#check(expr.step);
    if (!this.#bindings.attempt(() => this.#bindings.fits(start, step))) {
      const texts = [start, step].map((one) => typeText(this.#bindings.resolve(one)));
      this.#wrong(expr.step, `expected type '${texts[0]}' but found '${texts[1]}'`);
    }
    this.#scopes.length -= expr.value === undefined ? 1 : 2;
    const result = this.#check(expr.result);
    this.#scopes.length -= 1;
    return result;
  }
}

const undeclared = (name: string): string => `undeclared reference to '${name}' (in container '')`;

const kindsByName: Readonly<Record<string, CelType>> = {
  bool: boolType,
  int: intType,
  double: { kind: 'double' },
  string: { kind: 'string' },
  bytes: { kind: 'bytes' },
  uint: { kind: 'uint' },
  null_type: nullType,
};

const literalType = (value: CelValue): CelType => kindsByName[typeNameOf(value)] ?? dynType;

/** Checks a parsed expression against the environment. */
export const check = (root: Expr, env: CelEnvironment): Checked => new Checker(env).run(root);
