// Compiling: source to tree, tree to types, types to a program. Everything that is wrong with the source is said at once.
import { check } from './checker.ts';
import { estimateCost } from './cost.ts';
import { CelCompileError, CelEvaluationError, type CelIssue } from './errors.ts';
import { compileTree, Frame } from './evaluate.ts';
import { SyntaxProblem } from './lexer.ts';
import { codePointsIn } from './library/declare.ts';
import { parse } from './parser.ts';
import type { CelCostEstimate, CelEnvironment, CelProgram } from './program.ts';
import { namesReadBy } from './reads.ts';
import { type CelType, typeText } from './types.ts';
import { Bindings } from './unify.ts';
import { Failure } from './values.ts';

export interface CompileOptions {
  /** What the expression must come to. An expression whose type is only known when it runs is let through. */
  readonly resultType?: CelType;
}

function issueAt(source: string, message: string, at: number): CelIssue {
  const before = source.slice(0, at);
  const line = before.split('\n').length;
  return { message, line, column: codePointsIn(before.slice(before.lastIndexOf('\n') + 1)) + 1 };
}

function parsed(source: string) {
  try {
    return parse(source);
  } catch (error) {
    if (error instanceof SyntaxProblem) throw new CelCompileError(source, [issueAt(source, error.message, error.at)]);
    throw error;
  }
}

/** Compiles one expression. Throws {@link CelCompileError}. */
export function compileCel(source: string, env: CelEnvironment, options: CompileOptions = {}): CelProgram {
  const tree = parsed(source);
  const checked = check(tree, env);
  if (checked.problems.length > 0) {
    throw new CelCompileError(
      source,
      checked.problems.map(({ message, at }) => issueAt(source, message, at)),
    );
  }
  const { resultType } = options;
  if (resultType !== undefined && !new Bindings().fits(resultType, checked.type)) {
    throw new CelCompileError(source, [
      issueAt(source, `expected type '${typeText(resultType)}' but found '${typeText(checked.type)}'`, tree.at),
    ]);
  }
  const run = compileTree(tree, checked, env);
  const reads = namesReadBy(tree);
  let estimate: CelCostEstimate | undefined;
  return {
    resultType: checked.type,
    reads: (variable) => reads.has(variable),
    estimateCost() {
      estimate ??= estimateCost(tree, checked);
      return estimate;
    },
    evaluate(bindings, budget) {
      const frame = new Frame(bindings, budget);
      try {
        const result = run(frame);
        if (result instanceof Failure) throw new CelEvaluationError(result.message);
        return result;
      } finally {
        budget.remaining -= frame.spent;
      }
    },
  };
}
