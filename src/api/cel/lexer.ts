// The words of an expression. Source: https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax

export type TokenKind = 'ident' | 'int' | 'uint' | 'double' | 'string' | 'bytes' | 'mark' | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** As it stands in the source; for strings, what they say. */
  readonly text: string;
  readonly bytes?: Uint8Array;
  readonly at: number;
}

/** What is wrong with the source, and where (an index into the string). */
export class SyntaxProblem extends Error {
  readonly at: number;
  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

const blank = /(?:[ \t\r\n\f]+|\/\/[^\n]*)+/y;
const identForm = /[_a-zA-Z][_a-zA-Z0-9]*/y;
const numberForm = /0x[0-9a-fA-F]+[uU]?|(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)|\d+[uU]?/y;
const markForm = /==|!=|<=|>=|&&|\|\||[-+*/%<>!?:.,()[\]{}]/y;
const stringStart = /([rR]?[bB]?|[bB][rR])('''|"""|'|")/y;

const simpleEscapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '?': '?',
  '"': '"',
  "'": "'",
  '`': '`',
};
const numericEscapes = [
  { form: /[xX]([0-9a-fA-F]{2})/y, radix: 16, isByte: true },
  { form: /([0-3][0-7]{2})/y, radix: 8, isByte: true },
  { form: /u([0-9a-fA-F]{4})/y, radix: 16, isByte: false },
  { form: /U([0-9a-fA-F]{8})/y, radix: 16, isByte: false },
];

function matchAt(form: RegExp, source: string, at: number): RegExpExecArray | null {
  form.lastIndex = at;
  return form.exec(source);
}

/** One escape, whose backslash is at `at`: what it says, and where it ends. */
function readEscape(source: string, at: number): { text: string; code?: number; end: number } {
  const simple = simpleEscapes[source[at + 1] ?? ''];
  if (simple !== undefined) return { text: simple, end: at + 2 };
  for (const { form, radix, isByte } of numericEscapes) {
    const match = matchAt(form, source, at + 1);
    if (match === null) continue;
    const code = Number.parseInt(match[1] ?? '', radix);
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) break;
    const end = at + 1 + match[0].length;
    return isByte ? { text: String.fromCodePoint(code), code, end } : { text: String.fromCodePoint(code), end };
  }
  throw new SyntaxProblem(`Syntax error: token recognition error at: '${source.slice(at - 1, at + 2)}'`, at);
}

/** The pieces between the quotes; `code` is a byte that a bytes literal spells out. */
interface Piece {
  readonly text: string;
  readonly code?: number;
}

function readQuoted(source: string, start: number, quote: string, isRaw: boolean): { pieces: Piece[]; end: number } {
  const pieces: Piece[] = [];
  let from = start;
  let at = start;
  while (at < source.length) {
    if (source.startsWith(quote, at)) {
      pieces.push({ text: source.slice(from, at) });
      return { pieces, end: at + quote.length };
    }
    const char = source[at];
    if (quote.length === 1 && (char === '\n' || char === '\r')) break;
    if (char !== '\\' || isRaw) {
      at++;
      continue;
    }
    const escaped = readEscape(source, at);
    pieces.push({ text: source.slice(from, at) }, escaped);
    at = escaped.end;
    from = at;
  }
  throw new SyntaxProblem(`Syntax error: token recognition error at: '${source.slice(start - quote.length, at)}'`, start - quote.length);
}

function readString(source: string, match: RegExpExecArray, at: number): { token: Token; end: number } {
  const prefix = (match[1] ?? '').toLowerCase();
  const { pieces, end } = readQuoted(source, at + match[0].length, match[2] ?? '', prefix.includes('r'));
  if (!prefix.includes('b')) return { token: { kind: 'string', text: pieces.map(({ text }) => text).join(''), at }, end };
  const chunks = pieces.map(({ text, code }) => (code === undefined ? Buffer.from(text, 'utf8') : Buffer.from([code])));
  return { token: { kind: 'bytes', text: '', bytes: new Uint8Array(Buffer.concat(chunks)), at }, end };
}

function numberKind(text: string): TokenKind {
  if (/[uU]$/.test(text)) return 'uint';
  return /^0x/.test(text) || /^\d+$/.test(text) ? 'int' : 'double';
}

function readToken(source: string, at: number): { token: Token; end: number } {
  const string = matchAt(stringStart, source, at);
  if (string !== null) return readString(source, string, at);
  const ident = matchAt(identForm, source, at);
  if (ident !== null) return { token: { kind: 'ident', text: ident[0], at }, end: at + ident[0].length };
  const number = matchAt(numberForm, source, at);
  if (number !== null) return { token: { kind: numberKind(number[0]), text: number[0], at }, end: at + number[0].length };
  const mark = matchAt(markForm, source, at);
  if (mark !== null) return { token: { kind: 'mark', text: mark[0], at }, end: at + mark[0].length };
  const char = String.fromCodePoint(source.codePointAt(at) ?? 0);
  throw new SyntaxProblem(`Syntax error: token recognition error at: '${char}'`, at);
}

/** Cuts the source into tokens; the last one is `end`. Throws {@link SyntaxProblem}. */
export function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    at += matchAt(blank, source, at)?.[0].length ?? 0;
    if (at >= source.length) break;
    const { token, end } = readToken(source, at);
    tokens.push(token);
    at = end;
  }
  tokens.push({ kind: 'end', text: '<EOF>', at: source.length });
  return tokens;
}
