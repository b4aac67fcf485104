// The tree of an expression, as the parser makes it: macros are already expanded into folds.
import type { CelValue } from './values.ts';

/** Where the node is in the source: an index into the string. */
interface Placed {
  readonly at: number;
}

export interface Literal extends Placed {
  readonly node: 'literal';
  readonly value: CelValue;
}

export interface Ident extends Placed {
  readonly node: 'ident';
  readonly name: string;
}

/** `operand.field`, `operand.?field` (optional), or `has(operand.field)` (test). */
export interface Select extends Placed {
  readonly node: 'select';
  readonly operand: Expr;
  readonly field: string;
  readonly test: boolean;
  readonly optional: boolean;
}

/** A function, a method (with `target`), or an operator under cel-go's name: `_+_`, `_[_]`, `_?_:_`. */
export interface Call extends Placed {
  readonly node: 'call';
  readonly name: string;
  readonly target: Expr | undefined;
  readonly args: readonly Expr[];
}

export interface ListLiteral extends Placed {
  readonly node: 'list';
  readonly items: readonly { readonly value: Expr; readonly optional: boolean }[];
  /** The start of a macro's list: nobody else holds it, so that it is added to in place. */
  readonly growing?: boolean;
}

export interface MapLiteral extends Placed {
  readonly node: 'map';
  readonly entries: readonly { readonly key: Expr; readonly value: Expr; readonly optional: boolean }[];
  readonly growing?: boolean;
}

/** `Type{field: value}`. */
export interface Message extends Placed {
  readonly node: 'message';
  readonly type: string;
  readonly fields: readonly { readonly name: string; readonly value: Expr; readonly optional: boolean; readonly at: number }[];
}

/**
 * A loop over `range`: while `condition` holds, `accumulator` becomes `step`; the value is `result`. A bind is a fold over nothing.
 * With `value` set, `item` is the index or key.
 */
export interface Fold extends Placed {
  readonly node: 'fold';
  readonly isBind: boolean;
  readonly range: Expr;
  readonly item: string;
  readonly value: string | undefined;
  readonly accumulator: string;
  readonly start: Expr;
  readonly condition: Expr;
  readonly step: Expr;
  readonly result: Expr;
}

export type Expr = Literal | Ident | Select | Call | ListLiteral | MapLiteral | Message | Fold;

/** The accumulator of the standard macros: no source can name it. */
export const accumulatorName = '@result';
