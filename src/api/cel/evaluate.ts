// From a checked tree to a function: each node becomes a closure, which takes from the budget what the node costs.
import type { Call, Expr, Fold, Ident, ListLiteral, MapLiteral, Message, Select } from './ast.ts';
import type { Checked, ResolvedCall } from './checker.ts';
import { CelCostError } from './errors.ts';
import { containerCost, type Overload } from './library/declare.ts';
import { lookUp } from './library/operators.ts';
import { perCallCostLimit } from './limits.ts';
import type { CelBudget, CelEnvironment } from './program.ts';
import type { CelType } from './types.ts';
import {
  CelDuration,
  CelList,
  CelOptional,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  type CelValue,
  Failure,
  forgetKeys,
  isMap,
  isOpaque,
  LiteralMap,
  lookAt,
  noneOptional,
  noSuchKey,
  noSuchOverload,
  type Result,
  takeWork,
  typeNameOf,
} from './values.ts';

/** One evaluation: what the names stand for, and what is left. */
export class Frame {
  readonly bindings: Readonly<Record<string, unknown>>;
  readonly locals: Result[] = [];
  readonly variables = new Map<string, Result>();
  readonly #limit: 'call' | 'budget';
  readonly #start: number;
  #left: number;

  constructor(bindings: Readonly<Record<string, unknown>>, budget: CelBudget) {
    this.bindings = bindings;
    this.#limit = budget.remaining < perCallCostLimit ? 'budget' : 'call';
    this.#start = Math.min(budget.remaining, perCallCostLimit);
    this.#left = this.#start;
    forgetKeys();
  }

  charge(cost: number): void {
    this.#left -= cost;
    if (this.#left < 0) throw new CelCostError(this.#limit);
  }

  get spent(): number {
    return this.#start - this.#left;
  }
}

export type Step = (frame: Frame) => Result;

/** Whether a value is what an overload wants; parameters of types are not looked into. */
function isKind(value: CelValue, type: CelType): boolean {
  switch (type.kind) {
    case 'dyn':
    case 'param':
      return true;
    case 'bool':
      return typeof value === 'boolean';
    case 'int':
      return typeof value === 'bigint';
    case 'double':
      return typeof value === 'number';
    case 'string':
      return typeof value === 'string';
    case 'null':
      return value === null;
    case 'uint':
      return value instanceof CelUint;
    case 'bytes':
      return value instanceof Uint8Array;
    case 'list':
      return value instanceof CelList;
    case 'map':
    case 'object':
      return isMap(value);
    case 'optional':
      return value instanceof CelOptional;
    case 'duration':
      return value instanceof CelDuration;
    case 'timestamp':
      return value instanceof CelTimestamp;
    case 'type':
      return value instanceof CelTypeValue;
    case 'opaque':
      return isOpaque(value) && value.opaqueType === type.name;
  }
}

/** What is done inside one call or loop at no extra price. */
const workPerUnit = 100;

/** Deep comparisons and long maps cost more than upstream takes for them: there too they take time. */
function chargeWork(frame: Frame): void {
  const work = takeWork();
  if (work > workPerUnit) frame.charge(Math.floor(work / workPerUnit));
}

const accepts = (overload: Overload, args: readonly CelValue[]): boolean => {
  for (let i = 0; i < args.length; i++) {
    const type = overload.args[i];
    if (type === undefined || !isKind(args[i] as CelValue, type)) return false;
  }
  return true;
};

function invoke(frame: Frame, overloads: readonly Overload[], args: readonly CelValue[]): Result {
  const overload = overloads.find((candidate) => accepts(candidate, args)) ?? looseOverload(overloads);
  if (overload === undefined) {
    frame.charge(1);
    return noSuchOverload;
  }
  // What can be known beforehand is paid beforehand, so that nobody waits for what he cannot afford.
  if (overload.resultCost === undefined) frame.charge(overload.cost?.(args) ?? 1);
  const result = overload.call(...args);
  if (overload.resultCost !== undefined) frame.charge(overload.resultCost(result));
  chargeWork(frame);
  return result;
}

/** Operators that judge their operands themselves: an index may be a whole number of any type. */
const loose = new Set(['index_list', 'list_optindex_optional_int']);
const looseOverload = (overloads: readonly Overload[]): Overload | undefined => overloads.find(({ id }) => loose.has(id));

class Compiler {
  readonly #checked: Checked;
  readonly #env: CelEnvironment;
  /** The names in scope; a name's place is its slot. */
  readonly #scope: string[] = [];

  constructor(checked: Checked, env: CelEnvironment) {
    this.#checked = checked;
    this.#env = env;
  }

  compile(expr: Expr): Step {
    switch (expr.node) {
      case 'literal': {
        const { value } = expr;
        return () => value;
      }
      case 'ident':
        return this.#ident(expr);
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
        return expr.isBind ? this.#bind(expr) : this.#fold(expr);
    }
  }

  #ident(expr: Ident): Step {
    const slot = this.#scope.lastIndexOf(expr.name);
    if (slot < 0) return this.#named(expr);
    return (frame) => {
      frame.charge(1);
      return frame.locals[slot] as Result;
    };
  }

  #named(expr: Expr): Step {
    const named = this.#checked.names.get(expr);
    if (named instanceof CelTypeValue) {
      return (frame) => {
        frame.charge(1);
        return named;
      };
    }
    const name = named ?? '';
    const type = this.#env.variables[name];
    return (frame) => {
      frame.charge(1);
      const known = frame.variables.get(name);
      if (known !== undefined) return known;
      const found = Object.hasOwn(frame.bindings, name) && type !== undefined ? frame.bindings[name] : undefined;
      const value = found === undefined || type === undefined ? new Failure(`no such attribute(s): ${name}`) : lookAt(found, type);
      frame.variables.set(name, value);
      return value;
    };
  }

  #select(expr: Select): Step {
    if (this.#checked.names.has(expr)) return this.#named(expr);
    const { field, test, optional } = expr;
    const operand = this.compile(expr.operand);
    return (frame) => {
      const outer = operand(frame);
      if (!test) frame.charge(1);
      if (outer instanceof Failure) return outer;
      const isOptional = optional || outer instanceof CelOptional;
      const value = outer instanceof CelOptional ? outer.value : outer;
      if (value === undefined) return test ? false : noneOptional;
      if (!isMap(value)) return isOptional && value === null ? noneOptional : noSuchOverload;
      const found = value.get(field);
      if (found instanceof Failure) return found;
      if (test) return found !== undefined;
      if (isOptional) return found === undefined ? noneOptional : found instanceof CelOptional ? found : new CelOptional(found);
      return found ?? noSuchKey(field);
    };
  }

  #call(expr: Call): Step {
    const resolved = this.#checked.calls.get(expr);
    if (resolved === undefined) return () => noSuchOverload;
    const args = (resolved.target === undefined ? expr.args : [resolved.target, ...expr.args]).map((arg) => this.compile(arg));
    const [first, second, third] = args;
    if (first !== undefined && second !== undefined) {
      if (resolved.name === '_&&_') return logical(first, second, false);
      if (resolved.name === '_||_') return logical(first, second, true);
      if (resolved.name === '_?_:_' && third !== undefined) return conditional(first, second, third);
      if (resolved.name === '_+_') return addition(resolved, first, second);
      if (resolved.name === '_[_]') return indexing(resolved, first, second);
    }
    if (resolved.name === '@not_strictly_false' && first !== undefined) return notStrictlyFalse(first);
    if (resolved.name === 'or' || resolved.name === 'orValue') return optionalOr(resolved, args);
    return strict(resolved.overloads, args);
  }

  #list(expr: ListLiteral): Step {
    const items = expr.items.map(({ value, optional }) => ({ step: this.compile(value), optional }));
    const { growing } = expr;
    return (frame) => {
      const values: unknown[] = [];
      for (const { step, optional } of items) {
        const value = step(frame);
        if (value instanceof Failure) return value;
        if (!optional) values.push(value);
        else if (!(value instanceof CelOptional)) return noSuchOverload;
        else if (value.value !== undefined) values.push(value.value);
      }
      frame.charge(containerCost.list);
      const list = new CelList(values);
      if (growing) list.growing = values;
      return list;
    };
  }

  #map(expr: MapLiteral): Step {
    const entries = expr.entries.map(({ key, value, optional }) => ({ key: this.compile(key), value: this.compile(value), optional }));
    return (frame) => {
      const map = new LiteralMap();
      for (const { key, value, optional } of entries) {
        const name = key(frame);
        if (name instanceof Failure) return name;
        const item = value(frame);
        const failure = item instanceof Failure ? item : insert(map, name, item, optional);
        if (failure !== undefined) return failure;
      }
      frame.charge(containerCost.map);
      return map;
    };
  }

  #message(expr: Message): Step {
    const fields = expr.fields.map(({ name, value, optional }) => ({ name, step: this.compile(value), optional }));
    return (frame) => {
      const map = new LiteralMap(expr.type);
      for (const { name, step, optional } of fields) {
        const value = step(frame);
        const failure = value instanceof Failure ? value : insert(map, name, value, optional);
        if (failure !== undefined) return failure;
      }
      frame.charge(containerCost.message);
      return map;
    };
  }

  /** An error of the bound expression counts only where its name is used. */
  #bind(expr: Fold): Step {
    const start = this.compile(expr.start);
    const slot = this.#scope.length;
    this.#scope.push(expr.accumulator);
    const result = this.compile(expr.result);
    this.#scope.pop();
    return (frame) => {
      frame.charge(containerCost.list);
      frame.locals[slot] = start(frame);
      return result(frame);
    };
  }

  #fold(expr: Fold): Step {
    const range = this.compile(expr.range);
    const start = this.compile(expr.start);
    const slot = this.#scope.length;
    this.#scope.push(expr.accumulator, expr.item);
    if (expr.value !== undefined) this.#scope.push(expr.value);
    const condition = this.compile(expr.condition);
    const step = this.compile(expr.step);
    this.#scope.length = slot + 1;
    const result = this.compile(expr.result);
    this.#scope.length = slot;
    const isPair = expr.value !== undefined;
    // Only quantifiers can come back from an error.
    const absorbs = expr.start.node === 'literal';
    return (frame) => {
      const over = range(frame);
      if (over instanceof Failure) return over;
      const items = itemsOf(over, isPair);
      if (items instanceof Failure) return items;
      chargeWork(frame);
      const { locals } = frame;
      locals[slot] = start(frame);
      for (let i = 0; i < items.count; i++) {
        locals[slot + 1] = items.first(i);
        if (isPair) locals[slot + 2] = items.second(i);
        if (condition(frame) === false) break;
        const next = step(frame);
        if (next instanceof Failure && !absorbs) return next;
        locals[slot] = next;
      }
      const made = locals[slot];
      if (made instanceof CelList) made.growing = undefined;
      return result(frame);
    };
  }
}

interface Items {
  readonly count: number;
  readonly first: (index: number) => Result;
  readonly second: (index: number) => Result;
}

/** What a loop goes over: items, or with two names indexes and items; keys, or keys and values. */
function itemsOf(over: CelValue, isPair: boolean): Items | Failure {
  if (over instanceof CelList) {
    const item = (index: number): Result => over.at(index);
    return { count: over.size, first: isPair ? (index) => BigInt(index) : item, second: item };
  }
  if (!isMap(over)) return new Failure(`got '${typeNameOf(over)}', expected iterable type`);
  const keys = over.keys();
  const key = (index: number): CelValue => keys[index] ?? null;
  return { count: keys.length, first: key, second: (index) => over.get(key(index)) ?? null };
}

function insert(map: LiteralMap, key: CelValue, value: CelValue, optional: boolean): Failure | undefined {
  if (!optional) return map.insert(key, value);
  if (!(value instanceof CelOptional)) return noSuchOverload;
  return value.value === undefined ? undefined : map.insert(key, value.value);
}

/** `&&` and `||`: one side that decides is enough, whatever became of the other. */
const logical =
  (left: Step, right: Step, decides: boolean): Step =>
  (frame) => {
    const a = left(frame);
    if (a === decides) return decides;
    const b = right(frame);
    if (b === decides) return decides;
    if (a instanceof Failure) return a;
    if (b instanceof Failure) return b;
    return typeof a === 'boolean' && typeof b === 'boolean' ? !decides : noSuchOverload;
  };

const conditional =
  (condition: Step, then: Step, otherwise: Step): Step =>
  (frame) => {
    const chosen = condition(frame);
    if (chosen === true) return then(frame);
    if (chosen === false) return otherwise(frame);
    return chosen instanceof Failure ? chosen : noSuchOverload;
  };

const notStrictlyFalse =
  (operand: Step): Step =>
  (frame) => {
    const value = operand(frame);
    frame.charge(1);
    return value !== false;
  };

function addition(resolved: ResolvedCall, left: Step, right: Step): Step {
  const { overloads } = resolved;
  return (frame) => {
    const a = left(frame);
    if (a instanceof Failure) return a;
    const b = right(frame);
    if (b instanceof Failure) return b;
    if (a instanceof CelList && a.growing !== undefined && b instanceof CelList) {
      for (let i = 0; i < b.size; i++) {
        const item = b.at(i);
        if (item instanceof Failure) return item;
        a.growing.push(item);
      }
      frame.charge(1);
      return a;
    }
    return invoke(frame, overloads, [a, b]);
  };
}

function indexing(resolved: ResolvedCall, container: Step, key: Step): Step {
  const strictly = resolved.overloads;
  return (frame) => {
    const outer = container(frame);
    if (outer instanceof Failure) return outer;
    const at = key(frame);
    if (at instanceof Failure) return at;
    if (!(outer instanceof CelOptional)) return invoke(frame, strictly, [outer, at]);
    frame.charge(1);
    if (outer.value === undefined) return noneOptional;
    const found = lookUp(outer.value, at);
    return found instanceof Failure ? found : found === undefined ? noneOptional : new CelOptional(found);
  };
}

/** The alternative is evaluated only where it is needed. */
function optionalOr(resolved: ResolvedCall, args: readonly Step[]): Step {
  const [first, second] = args;
  const isValue = resolved.name === 'orValue';
  return (frame) => {
    const optional = first?.(frame) ?? noSuchOverload;
    if (optional instanceof Failure) return optional;
    if (!(optional instanceof CelOptional)) return noSuchOverload;
    frame.charge(1);
    if (optional.value !== undefined) return isValue ? optional.value : optional;
    return second?.(frame) ?? noSuchOverload;
  };
}

const strict =
  (overloads: readonly Overload[], args: readonly Step[]): Step =>
  (frame) => {
    const values: CelValue[] = [];
    for (const arg of args) {
      const value = arg(frame);
      if (value instanceof Failure) return value;
      values.push(value);
    }
    return invoke(frame, overloads, values);
  };

/** Compiles a checked expression that has no problems. */
export const compileTree = (root: Expr, checked: Checked, env: CelEnvironment): Step => new Compiler(checked, env).compile(root);
