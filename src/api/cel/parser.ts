// From source to tree: recursive descent over the grammar of the CEL specification.
import type { Call, Expr, Message } from './ast.ts';
import { SyntaxProblem, type Token, tokensOf } from './lexer.ts';
import { nestingMax, sourceLengthMax } from './limits.ts';
import { expandMacro } from './macros.ts';
import { CelUint, type CelValue, isInt64 } from './values.ts';

const reserved = new Set('as break const continue else for function if import let loop package namespace return var void while'.split(' '));
const primaryStart = "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";
const relations = new Set(['<', '<=', '>', '>=', '==', '!=', 'in']);
/** How deep a tree may be before walking it could exhaust the stack, and how large: macros can repeat what they are given. */
const depthMax = 1000;
const nodesMax = 300_000;

/** Joins terms of `&&` or `||` into a balanced tree: a long chain must not be a deep one. */
function balance(name: string, terms: readonly Expr[], marks: readonly number[]): Expr {
  const build = (low: number, high: number): Expr => {
    const only = terms[low];
    if (low === high && only !== undefined) return only;
    const middle = Math.floor((low + high + 1) / 2);
    return { node: 'call', name, at: marks[middle - 1] ?? 0, target: undefined, args: [build(low, middle - 1), build(middle, high)] };
  };
  return build(0, terms.length - 1);
}

class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;
  #nesting = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Expr {
    const expr = this.#expression();
    const token = this.#peek();
    if (token.kind !== 'end') throw this.#unexpected('<EOF>');
    return expr;
  }

  #peek(): Token {
    // The last token is `end`, and nothing goes beyond it.
    return this.#tokens[Math.min(this.#next, this.#tokens.length - 1)] as Token;
  }

  #take(): Token {
    const token = this.#peek();
    this.#next++;
    return token;
  }

  #is(mark: string): boolean {
    const token = this.#peek();
    return token.text === mark && (token.kind === 'mark' || (mark === 'in' && token.kind === 'ident'));
  }

  #accept(mark: string): boolean {
    if (!this.#is(mark)) return false;
    this.#next++;
    return true;
  }

  #expect(mark: string): Token {
    if (!this.#is(mark)) throw this.#unexpected(`'${mark}'`);
    return this.#take();
  }

  #unexpected(wanted: string): SyntaxProblem {
    const token = this.#peek();
    const found = token.kind === 'string' ? JSON.stringify(token.text) : token.text;
    return new SyntaxProblem(`Syntax error: mismatched input '${found}' expecting ${wanted}`, token.at);
  }

  #expression(): Expr {
    if (++this.#nesting > nestingMax) throw new SyntaxProblem(`expression recursion limit exceeded: ${nestingMax}`, this.#peek().at);
    const condition = this.#logical('||', () => this.#logical('&&', () => this.#relation()));
    let expr = condition;
    if (this.#is('?')) {
      const { at } = this.#take();
      const then = this.#logical('||', () => this.#logical('&&', () => this.#relation()));
      this.#expect(':');
      expr = { node: 'call', name: '_?_:_', at, target: undefined, args: [condition, then, this.#expression()] };
    }
    this.#nesting--;
    return expr;
  }

  #logical(mark: '||' | '&&', operand: () => Expr): Expr {
    const first = operand();
    if (!this.#is(mark)) return first;
    const terms = [first];
    const marks: number[] = [];
    while (this.#is(mark)) {
      marks.push(this.#take().at);
      terms.push(operand());
    }
    return balance(`_${mark}_`, terms, marks);
  }

  #relation(): Expr {
    let left = this.#sum();
    while (relations.has(this.#peek().text) && this.#is(this.#peek().text)) {
      const { text, at } = this.#take();
      left = { node: 'call', name: text === 'in' ? '@in' : `_${text}_`, at, target: undefined, args: [left, this.#sum()] };
    }
    return left;
  }

  #sum(): Expr {
    let left = this.#product();
    while (this.#is('+') || this.#is('-')) {
      const { text, at } = this.#take();
      left = { node: 'call', name: `_${text}_`, at, target: undefined, args: [left, this.#product()] };
    }
    return left;
  }

  #product(): Expr {
    let left = this.#unary();
    while (this.#is('*') || this.#is('/') || this.#is('%')) {
      const { text, at } = this.#take();
      left = { node: 'call', name: `_${text}_`, at, target: undefined, args: [left, this.#unary()] };
    }
    return left;
  }

  /** Two of the same sign cancel each other out; one before a number belongs to it. */
  #unary(): Expr {
    for (const mark of ['!', '-']) {
      if (!this.#is(mark)) continue;
      const { at } = this.#peek();
      let count = 0;
      while (this.#is(mark)) {
        const following = this.#tokens[this.#next + 1]?.kind;
        if (mark === '-' && count === 0 && (following === 'int' || following === 'double')) return this.#member();
        this.#next++;
        count++;
      }
      const operand = this.#member();
      return count % 2 === 0 ? operand : { node: 'call', name: mark === '!' ? '!_' : '-_', at, target: undefined, args: [operand] };
    }
    return this.#member();
  }

  #member(): Expr {
    let expr = this.#primary();
    for (;;) {
      const { at } = this.#peek();
      if (this.#accept('.')) {
        expr = this.#dotted(expr, at);
      } else if (this.#accept('[')) {
        const name = this.#accept('?') ? '_[?_]' : '_[_]';
        const index = this.#expression();
        this.#expect(']');
        expr = { node: 'call', name, at, target: undefined, args: [expr, index] };
      } else if (this.#is('{') && qualifiedNameOf(expr) !== undefined) {
        expr = this.#message(qualifiedNameOf(expr) ?? '');
      } else return expr;
    }
  }

  #dotted(operand: Expr, at: number): Expr {
    const optional = this.#accept('?');
    const name = this.#take();
    if (name.kind !== 'ident' || ['true', 'false', 'null', 'in'].includes(name.text)) {
      this.#next--;
      throw this.#unexpected('IDENTIFIER');
    }
    if (!optional && this.#is('(')) return this.#call(name.text, operand);
    return { node: 'select', at, operand, field: name.text, test: false, optional };
  }

  #call(name: string, target: Expr | undefined): Expr {
    const { at } = this.#expect('(');
    const args = this.#list(')', () => this.#expression());
    const call: Call = { node: 'call', at, name, target, args };
    return expandMacro(call);
  }

  /** Items up to the closing mark, with commas between them, and maybe one after the last. */
  #list<T>(close: string, item: () => T): T[] {
    const items: T[] = [];
    while (!this.#is(close)) {
      items.push(item());
      if (!this.#accept(',')) break;
      if (close === ')' && this.#is(close)) throw this.#unexpected(primaryStart);
    }
    this.#expect(close);
    return items;
  }

  #message(type: string): Message {
    const { at } = this.#expect('{');
    const fields = this.#list('}', () => {
      const optional = this.#accept('?');
      const name = this.#take();
      if (name.kind !== 'ident') {
        this.#next--;
        throw this.#unexpected('IDENTIFIER');
      }
      this.#expect(':');
      return { name: name.text, value: this.#expression(), optional, at: name.at };
    });
    return { node: 'message', at, type, fields };
  }

  #primary(): Expr {
    const token = this.#peek();
    const { at } = token;
    if (this.#accept('(')) {
      const expr = this.#expression();
      this.#expect(')');
      return expr;
    }
    if (this.#accept('[')) {
      const items = this.#list(']', () => ({ optional: this.#accept('?'), value: this.#expression() }));
      return { node: 'list', at, items };
    }
    if (this.#accept('{')) {
      const entries = this.#list('}', () => {
        const optional = this.#accept('?');
        const key = this.#expression();
        this.#expect(':');
        return { optional, key, value: this.#expression() };
      });
      return { node: 'map', at, entries };
    }
    const rooted = this.#accept('.');
    const word = this.#peek();
    if (word.kind === 'ident') return this.#word(rooted);
    if (rooted) throw this.#unexpected('IDENTIFIER');
    const value = this.#constant();
    if (value === undefined) throw this.#unexpected(primaryStart);
    return { node: 'literal', at, value };
  }

  #word(rooted: boolean): Expr {
    const { text, at } = this.#peek();
    if (text === 'in') throw this.#unexpected(primaryStart);
    this.#next++;
    if (!rooted && text === 'true') return { node: 'literal', at, value: true };
    if (!rooted && text === 'false') return { node: 'literal', at, value: false };
    if (!rooted && text === 'null') return { node: 'literal', at, value: null };
    if (reserved.has(text)) throw new SyntaxProblem(`reserved identifier: ${text}`, at);
    return this.#is('(') ? this.#call(text, undefined) : { node: 'ident', at, name: text };
  }

  #constant(): CelValue | undefined {
    const negative = this.#accept('-');
    const { kind, text, bytes, at } = this.#take();
    if (kind === 'string' && !negative) return text;
    if (kind === 'bytes' && !negative && bytes !== undefined) return bytes;
    if (kind === 'int') {
      const value = negative ? -BigInt(text) : BigInt(text);
      if (!isInt64(value)) throw new SyntaxProblem('invalid int literal', at);
      return value;
    }
    if (kind === 'uint' && !negative) {
      const value = BigInt(text.slice(0, -1));
      if (value >= 2n ** 64n) throw new SyntaxProblem('invalid uint literal', at);
      return new CelUint(value);
    }
    if (kind === 'double') {
      const value = Number(text);
      if (!Number.isFinite(value)) throw new SyntaxProblem('invalid double literal', at);
      return negative ? -value : value;
    }
    this.#next--;
    return undefined;
  }
}

/** `a.b.c` as text; undefined for anything else. */
export function qualifiedNameOf(expr: Expr): string | undefined {
  const fields: string[] = [];
  let at = expr;
  while (at.node === 'select' && !at.test && !at.optional) {
    fields.push(at.field);
    at = at.operand;
  }
  return at.node === 'ident' ? [at.name, ...fields.reverse()].join('.') : undefined;
}

export function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.node) {
    case 'literal':
    case 'ident':
      return [];
    case 'select':
      return [expr.operand];
    case 'call':
      return expr.target === undefined ? expr.args : [expr.target, ...expr.args];
    case 'list':
      return expr.items.map(({ value }) => value);
    case 'map':
      return expr.entries.flatMap(({ key, value }) => [key, value]);
    case 'message':
      return expr.fields.map(({ value }) => value);
    case 'fold':
      return [expr.range, expr.start, expr.condition, expr.step, expr.result];
  }
}

/** Without recursion, because that is what it protects. */
function checkDepth(root: Expr): void {
  const stack: { expr: Expr; depth: number }[] = [{ expr: root, depth: 1 }];
  let nodes = 0;
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    if (++nodes > nodesMax) throw new SyntaxProblem(`expression node limit exceeded: ${nodesMax}`, root.at);
    if (top.depth > depthMax) throw new SyntaxProblem(`expression recursion limit exceeded: ${depthMax}`, top.expr.at);
    for (const child of childrenOf(top.expr)) stack.push({ expr: child, depth: top.depth + 1 });
  }
}

/** Parses one expression, macros expanded. Throws {@link SyntaxProblem}. */
export function parse(source: string): Expr {
  if (source.length > sourceLengthMax) {
    throw new SyntaxProblem(`expression code point size exceeds limit: size: ${source.length}, limit ${sourceLengthMax}`, 0);
  }
  const expr = new Parser(tokensOf(source)).whole();
  checkDepth(expr);
  return expr;
}
