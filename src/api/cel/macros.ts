// Macros: calls that the parser replaces by folds and conditions, as cel-go expands them, so that checks and costs come out the same.
import { accumulatorName, type Call, type Expr, type Fold, type Literal } from './ast.ts';
import { SyntaxProblem } from './lexer.ts';
import type { CelValue } from './values.ts';

type Expander = (call: Call, target: Expr, args: readonly Expr[]) => Expr;

const literal = (at: number, value: CelValue): Literal => ({ node: 'literal', at, value });
const ident = (at: number, name: string): Expr => ({ node: 'ident', at, name });
const call = (at: number, name: string, args: readonly Expr[], target?: Expr): Call => ({ node: 'call', at, name, args, target });
const accumulator = (at: number): Expr => ident(at, accumulatorName);

function nameOf(expr: Expr | undefined, at: number): string {
  if (expr?.node !== 'ident') throw new SyntaxProblem('argument must be a simple name', expr?.at ?? at);
  return expr.name;
}

interface Loop {
  readonly start: Expr;
  readonly condition?: Expr;
  readonly step: Expr;
  readonly result?: Expr;
}

function fold(from: Call, target: Expr, names: readonly [string, string | undefined], loop: Loop): Fold {
  const { at } = from;
  return {
    node: 'fold',
    at,
    isBind: false,
    range: target,
    item: names[0],
    value: names[1],
    accumulator: accumulatorName,
    start: loop.start,
    condition: loop.condition ?? literal(at, true),
    step: loop.step,
    result: loop.result ?? accumulator(at),
  };
}

/** The loop of a quantifier over `predicate`. */
const quantifiers: Readonly<Record<string, (at: number, predicate: Expr) => Loop>> = {
  all: (at, predicate) => ({
    start: literal(at, true),
    condition: call(at, '@not_strictly_false', [accumulator(at)]),
    step: call(at, '_&&_', [accumulator(at), predicate]),
  }),
  exists: (at, predicate) => ({
    start: literal(at, false),
    condition: call(at, '@not_strictly_false', [call(at, '!_', [accumulator(at)])]),
    step: call(at, '_||_', [accumulator(at), predicate]),
  }),
  existsOne: (at, predicate) => ({
    start: literal(at, 0n),
    step: call(at, '_?_:_', [predicate, call(at, '_+_', [accumulator(at), literal(at, 1n)]), accumulator(at)]),
    result: call(at, '_==_', [accumulator(at), literal(at, 1n)]),
  }),
};

const quantifier =
  (name: string): Expander =>
  (from, target, args) => {
    const loop = quantifiers[name];
    const predicate = args.at(-1);
    if (loop === undefined || predicate === undefined) return from;
    const names = [nameOf(args[0], from.at), args.length === 3 ? nameOf(args[1], from.at) : undefined] as const;
    return fold(from, target, names, loop(from.at, predicate));
  };

/** A step that is taken only where `filter`, when there is one, says so. */
const stepWhere = (at: number, filter: Expr | undefined, step: Expr): Expr =>
  filter === undefined ? step : call(at, '_?_:_', [filter, step, accumulator(at)]);

const append = (at: number, value: Expr): Expr =>
  call(at, '_+_', [accumulator(at), { node: 'list', at, items: [{ value, optional: false }] }]);

const emptyList = (at: number): Expr => ({ node: 'list', at, items: [], growing: true });
const emptyMap = (at: number): Expr => ({ node: 'map', at, entries: [], growing: true });

/** `filter(x, p)` keeps x; `map(x, f)` and `map(x, p, f)` make f. */
const listMaker =
  (name: 'filter' | 'map'): Expander =>
  (from, target, args) => {
    const { at } = from;
    const item = nameOf(args[0], at);
    const last = args.at(-1);
    if (last === undefined) return from;
    const filter = name === 'filter' ? last : args.length === 3 ? args[1] : undefined;
    const made = name === 'filter' ? ident(at, item) : last;
    return fold(from, target, [item, undefined], { start: emptyList(at), step: stepWhere(at, filter, append(at, made)) });
  };

const transform =
  (name: 'transformList' | 'transformMap' | 'transformMapEntry'): Expander =>
  (from, target, args) => {
    const { at } = from;
    const names = [nameOf(args[0], at), nameOf(args[1], at)] as const;
    const filter = args.length === 4 ? args[2] : undefined;
    const made = args.at(-1);
    if (made === undefined) return from;
    if (name === 'transformList') {
      return fold(from, target, names, { start: emptyList(at), step: stepWhere(at, filter, append(at, made)) });
    }
    const inserted = name === 'transformMap' ? [accumulator(at), ident(at, names[0]), made] : [accumulator(at), made];
    return fold(from, target, names, { start: emptyMap(at), step: stepWhere(at, filter, call(at, 'cel.@mapInsert', inserted)) });
  };

function bind(at: number, name: string, start: Expr, result: Expr): Fold {
  const nothing: Expr = { node: 'list', at, items: [] };
  const condition = literal(at, false);
  const step = ident(at, name);
  return {
    node: 'fold',
    at,
    isBind: true,
    range: nothing,
    item: '#unused',
    value: undefined,
    accumulator: name,
    start,
    condition,
    step,
    result,
  };
}

/** `x.optMap(v, f)`: none stays none, else f of what it holds. */
const optionalMap =
  (wrap: boolean): Expander =>
  (from, target, args) => {
    const { at } = from;
    const name = nameOf(args[0], at);
    const body = args[1];
    if (body === undefined) return from;
    const bound = bind(at, name, call(at, 'value', [], target), body);
    return call(at, '_?_:_', [
      call(at, 'hasValue', [], target),
      wrap ? call(at, 'optional.of', [bound]) : bound,
      call(at, 'optional.none', []),
    ]);
  };

interface Macro {
  readonly argCounts: readonly number[];
  readonly expand: Expander;
}

const macros: Readonly<Record<string, Macro>> = {
  all: { argCounts: [2, 3], expand: quantifier('all') },
  exists: { argCounts: [2, 3], expand: quantifier('exists') },
  exists_one: { argCounts: [2, 3], expand: quantifier('existsOne') },
  existsOne: { argCounts: [2, 3], expand: quantifier('existsOne') },
  filter: { argCounts: [2], expand: listMaker('filter') },
  map: { argCounts: [2, 3], expand: listMaker('map') },
  transformList: { argCounts: [3, 4], expand: transform('transformList') },
  transformMap: { argCounts: [3, 4], expand: transform('transformMap') },
  transformMapEntry: { argCounts: [3, 4], expand: transform('transformMapEntry') },
  optMap: { argCounts: [2], expand: optionalMap(true) },
  optFlatMap: { argCounts: [2], expand: optionalMap(false) },
};

function expandHas(from: Call): Expr {
  const [arg] = from.args;
  if (arg?.node !== 'select' || arg.test) throw new SyntaxProblem('invalid argument to has() macro', arg?.at ?? from.at);
  return { ...arg, test: true, at: from.at };
}

/** What a call stands for: itself, or what its macro makes of it. Throws {@link SyntaxProblem}. */
export function expandMacro(from: Call): Expr {
  const { target, args, name, at } = from;
  if (target === undefined) return name === 'has' && args.length === 1 ? expandHas(from) : from;
  if (name === 'bind' && target.node === 'ident' && target.name === 'cel' && args.length === 3) {
    const [variable, start, result] = args;
    if (variable?.node !== 'ident') {
      throw new SyntaxProblem('cel.bind() variable names must be simple identifiers', variable?.at ?? at);
    }
    return start !== undefined && result !== undefined ? bind(at, variable.name, start, result) : from;
  }
  const macro = Object.hasOwn(macros, name) ? macros[name] : undefined;
  return macro?.argCounts.includes(args.length) ? macro.expand(from, target, args) : from;
}
