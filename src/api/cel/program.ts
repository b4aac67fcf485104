// What a compiled expression is to those who evaluate it.
import type { CelObjectType, CelType } from './types.ts';

export interface CelEnvironment {
  /** The variables that the expression may name. */
  readonly variables: Readonly<Record<string, CelType>>;
  /** The object types that the expression may construct (`Object.spec{...}`), by their names. */
  readonly structType?: (name: string) => CelObjectType | undefined;
}

export interface CelCostEstimate {
  readonly min: number;
  /** Infinity where nothing bounds it. */
  readonly max: number;
}

/** What is left to spend; an evaluation takes from it what it cost, also when it fails. */
export interface CelBudget {
  remaining: number;
}

/** What an authorization check of an expression asks. The user is the one of the request, unless a service account is named. */
export interface CelAuthorizerAttributes {
  readonly serviceAccount?: { readonly namespace: string; readonly name: string };
  readonly verb: string;
  /** For a path that is no resource; then nothing below is set. */
  readonly path?: string;
  readonly group?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}

export interface CelDecision {
  readonly allowed: boolean;
  readonly reason: string;
  /** Why it could not be decided. */
  readonly error?: string;
}

/**
 * Answers authorization checks, at once. An authorizer that must ask elsewhere throws {@link CelCheckPending}, finds out, and evaluates again:
 * an expression can afford two checks, so that this happens at most twice.
 */
export interface CelAuthorizer {
  check(attributes: CelAuthorizerAttributes): CelDecision;
}

/** Thrown by a {@link CelAuthorizer} to leave the evaluation: the decision has to be awaited first. `evaluate` lets it through. */
export class CelCheckPending extends Error {
  override readonly name = 'CelCheckPending';
  readonly attributes: CelAuthorizerAttributes;

  constructor(attributes: CelAuthorizerAttributes) {
    super('the authorization check is not decided yet');
    this.attributes = attributes;
  }
}

export interface CelProgram {
  readonly resultType: CelType;
  /** True when the expression names the variable. */
  reads(variable: string): boolean;
  /** Says before any evaluation what one may cost, from the sizes that the variables' types allow. */
  estimateCost(): CelCostEstimate;
  /**
   * Evaluates with the variables' values: JSON (frozen and shared ones are welcome, they are only read), values that another program answered, an
   * `authorizerValue`, or a `CelLazy`. Answers booleans, strings and null as they are, ints as bigint, doubles as number; `celToJson` turns
   * the rest into JSON. Throws CelEvaluationError and CelCostError.
   */
  evaluate(bindings: Readonly<Record<string, unknown>>, budget: CelBudget): unknown;
}
