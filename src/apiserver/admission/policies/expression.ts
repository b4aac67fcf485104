// One CEL expression of a policy or a match condition: compiled once, its problem kept; evaluated about one request within a budget.
import {
  type CelAuthorizer,
  type CelAuthorizerAttributes,
  type CelBudget,
  CelCheckPending,
  CelCompileError,
  CelCostError,
  type CelDecision,
  type CelEnvironment,
  CelEvaluationError,
  type CelProgram,
  compileCel,
  typeText,
} from '../../../api/cel/mod.ts';
import { errorText } from '../../../base/mod.ts';
import type { UserInfo } from '../../../client/mod.ts';
import type { Attributes, Authorizer, Decision } from '../../authz/authorizer.ts';

export interface Expression {
  readonly source: string;
  /** Undefined when it does not compile. */
  readonly program: CelProgram | undefined;
  /** Why it does not: `compilation failed: ...`, `must evaluate to bool but got int`. */
  readonly problem: string | undefined;
}

/** `wanted`: the types that it may come to, as messages write them. Absent: any. */
export function compileExpression(source: string, env: CelEnvironment, wanted?: readonly string[]): Expression {
  try {
    const program = compileCel(source, env);
    const found = typeText(program.resultType);
    if (!wanted || wanted.includes(found)) return { source, program, problem: undefined };
    const types = wanted.length === 1 ? wanted[0] : `one of [${wanted.join(' ')}]`;
    return { source, program: undefined, problem: `must evaluate to ${types} but got ${found}` };
  } catch (error) {
    if (!(error instanceof CelCompileError)) throw error;
    return { source, program: undefined, problem: `compilation failed: ${error.message}` };
  }
}

export type Outcome = { readonly value: unknown } | { readonly error: string };

/** What all expressions of a policy may cost together is used up. */
export class BudgetError extends Error {
  override readonly name = 'BudgetError';
  constructor() {
    super('validation failed due to running out of cost budget, no further validation rules will be run');
  }
}

/** More checks than this no expression can pay for. */
const checksMax = 8;

/** Expressions evaluated with the same variables, out of one budget. */
export class Evaluation {
  readonly #bindings: Readonly<Record<string, unknown>>;
  readonly #authorizer: RequestAuthorizer;
  readonly budget: CelBudget;

  constructor(bindings: Readonly<Record<string, unknown>>, authorizer: RequestAuthorizer, budget: CelBudget) {
    this.#bindings = bindings;
    this.#authorizer = authorizer;
    this.budget = budget;
  }

  /** Throws {@link BudgetError}. */
  async run({ program, problem, source }: Expression): Promise<Outcome> {
    if (!program) return { error: `compilation error: ${problem}` };
    for (let checks = 0; ; checks++) {
      const { remaining } = this.budget;
      try {
        return { value: program.evaluate(this.#bindings, this.budget) };
      } catch (error) {
        if (error instanceof CelCheckPending && checks < checksMax) {
          this.budget.remaining = remaining;
          await this.#authorizer.settled();
          continue;
        }
        if (error instanceof CelCostError && error.limit === 'budget') throw new BudgetError();
        if (!(error instanceof CelEvaluationError) && !(error instanceof CelCostError)) throw error;
        return { error: `expression '${source}' resulted in error: ${error.message}` };
      }
    }
  }
}

/** The server's authorizer as expressions ask it, for one request: each question is decided once. */
export class RequestAuthorizer implements CelAuthorizer {
  readonly #authorizer: Authorizer;
  readonly #user: UserInfo;
  readonly #decided = new Map<string, CelDecision>();
  #pending: Promise<void>[] = [];

  constructor(authorizer: Authorizer, user: UserInfo) {
    this.#authorizer = authorizer;
    this.#user = user;
  }

  check(attributes: CelAuthorizerAttributes): CelDecision {
    const key = JSON.stringify(attributes);
    const known = this.#decided.get(key);
    if (known) return known;
    const decision = this.#authorizer.decide(attributesOf(attributes, this.#user));
    if (!(decision instanceof Promise)) return this.#keep(key, decision);
    const kept = decision.then(
      (later) => void this.#keep(key, later),
      (error: unknown) => void this.#decided.set(key, { allowed: false, reason: '', error: errorText(error) }),
    );
    this.#pending.push(kept);
    throw new CelCheckPending(attributes);
  }

  /** Resolves when what has been asked is decided. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending);
    this.#pending = [];
  }

  #keep(key: string, { decision, reason = '' }: Decision): CelDecision {
    const kept = { allowed: decision === 'allow', reason };
    this.#decided.set(key, kept);
    return kept;
  }
}

function attributesOf(asked: CelAuthorizerAttributes, requester: UserInfo): Attributes {
  const { verb, path, serviceAccount, group = '', resource = '', subresource = '', namespace = '', name = '', fieldSelector } = asked;
  const user = serviceAccount ? userOfAccount(serviceAccount) : requester;
  if (path !== undefined) return { as: 'path', user, verb, path };
  const selected = fieldSelector === undefined ? {} : { fieldSelector };
  return { as: 'resource', user, verb, group, version: '*', resource, subresource, namespace, name, ...selected };
}

const userOfAccount = ({ namespace, name }: { readonly namespace: string; readonly name: string }): UserInfo => ({
  name: `system:serviceaccount:${namespace}:${name}`,
  groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
});
