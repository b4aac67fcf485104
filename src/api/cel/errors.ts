// What goes wrong in CEL: an expression that does not compile, an evaluation that fails, and one that costs too much.

export interface CelPosition {
  /** From 1. */
  readonly line: number;
  /** In code points, from 1. */
  readonly column: number;
}

export interface CelIssue extends CelPosition {
  readonly message: string;
}

const issueLimit = 100;

function issueText(issue: CelIssue, lines: readonly string[]): string {
  const source = (lines[issue.line - 1] ?? '').replaceAll('\t', ' ');
  return `ERROR: <input>:${issue.line}:${issue.column}: ${issue.message}\n | ${source}\n | ${'.'.repeat(issue.column - 1)}^`;
}

/** The expression does not parse or its types do not fit. The message is what cel-go prints: each issue with its place and its line. */
export class CelCompileError extends Error {
  override readonly name = 'CelCompileError';
  readonly issues: readonly CelIssue[];

  constructor(source: string, issues: readonly CelIssue[]) {
    const lines = source.split('\n');
    const sorted = [...issues].sort((a, b) => a.line - b.line || a.column - b.column).slice(0, issueLimit);
    super(sorted.map((issue) => issueText(issue, lines)).join('\n'));
    this.issues = sorted;
  }
}

/** The evaluation came to an error: `no such key: x`, `division by zero`, ... */
export class CelEvaluationError extends Error {
  override readonly name = 'CelEvaluationError';
}

/** The evaluation was stopped because of what it cost. */
export class CelCostError extends Error {
  override readonly name = 'CelCostError';
  /** Whether one call cost more than any may (`call`), or the caller's budget is used up (`budget`). */
  readonly limit: 'call' | 'budget';

  constructor(limit: 'call' | 'budget') {
    super('operation cancelled: actual cost limit exceeded');
    this.limit = limit;
  }
}
