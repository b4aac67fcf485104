// From the claims of a JWT to a user: mappings and rules, as claims or as CEL expressions, compiled once.
import {
  boolType,
  type CelBudget,
  CelCompileError,
  type CelProgram,
  type CelType,
  celToJson,
  compileCel,
  dynType,
  listOf,
  mapOf,
  objectOf,
  runtimeCostBudget,
  stringType,
} from '../../../api/cel/mod.ts';
import type { UserInfo } from '../../../client/mod.ts';
import type { JwtConfig, Rule, Source } from './config.ts';

export type Claims = Readonly<Record<string, unknown>>;

const claimsType = mapOf(stringType, dynType);
const userType = objectOf('kubernetes.UserInfo', {
  username: stringType,
  uid: stringType,
  groups: listOf(stringType),
  extra: mapOf(stringType, listOf(stringType)),
});

/** Throws an Error that names the field for an expression that does not compile. */
function compile(expression: string, at: string, variables: Readonly<Record<string, CelType>>, resultType?: CelType): CelProgram {
  try {
    return compileCel(expression, { variables }, resultType ? { resultType } : {});
  } catch (error) {
    if (!(error instanceof CelCompileError)) throw error;
    throw new Error(`${at}: Invalid value: "${expression}": compilation failed: ${error.message}`, { cause: error });
  }
}

type Read = (claims: Claims, budget: CelBudget) => unknown;

function readerOf(source: Source | undefined, at: string): Read | undefined {
  if (!source) return undefined;
  if ('claim' in source) return (claims) => (Object.hasOwn(claims, source.claim) ? claims[source.claim] : undefined);
  const program = compile(source.expression, `${at}.expression`, { claims: claimsType });
  return (claims, budget) => celToJson(program.evaluate({ claims }, budget));
}

const prefixOf = (source: Source | undefined): string => (source && 'claim' in source ? source.prefix : '');

function rulesOf(rules: readonly Rule[], at: string, variable: string, type: CelType) {
  const compiled = rules.map(({ expression, message }, i) => ({
    program: compile(expression, `${at}[${i}].expression`, { [variable]: type }, boolType),
    why: message || `validation expression '${expression}' failed`,
  }));
  return (value: unknown, budget: CelBudget): void => {
    for (const { program, why } of compiled) if (program.evaluate({ [variable]: value }, budget) !== true) throw new Error(why);
  };
}

/** Gives what turns claims into a user, or throws an Error that says why there is none. Throws itself for what does not compile. */
export function compileClaims(config: JwtConfig): (claims: Claims) => UserInfo {
  const { requiredClaims, username, groups, uid } = config;
  const readName = readerOf(username, 'claimMappings.username');
  const readGroups = readerOf(groups, 'claimMappings.groups');
  const readUid = readerOf(uid, 'claimMappings.uid');
  const extras = config.extra.map(({ key, expression }, i) => ({
    key,
    read: readerOf({ expression }, `claimMappings.extra[${i}].valueExpression`),
  }));
  const checkClaims = rulesOf(config.claimRules, 'claimValidationRules', 'claims', claimsType);
  const checkUser = rulesOf(config.userRules, 'userValidationRules', 'user', userType);
  const isEmail = 'claim' in username && username.claim === 'email';
  return (claims) => {
    const budget: CelBudget = { remaining: runtimeCostBudget };
    for (const [claim, wanted] of Object.entries(requiredClaims)) {
      if (!Object.hasOwn(claims, claim)) throw new Error(`oidc: required claim ${claim} not present in ID token`);
      if (claims[claim] !== wanted) throw new Error(`oidc: required claim ${claim} value does not match`);
    }
    checkClaims(claims, budget);
    if (isEmail && Object.hasOwn(claims, 'email_verified') && claims.email_verified !== true) throw new Error('oidc: email not verified');
    const name = readName?.(claims, budget);
    if (typeof name !== 'string' || name === '') throw new Error('oidc: username is no text, or an empty one');
    const extra: Record<string, readonly string[]> = Object.create(null);
    for (const { key, read } of extras) {
      const values = textsOf(read?.(claims, budget), key).filter((value) => value !== '');
      if (values.length > 0) extra[key] = values;
    }
    const id = readUid?.(claims, budget);
    if (id !== undefined && id !== null && typeof id !== 'string') throw new Error('oidc: uid is no text');
    const user: UserInfo = {
      name: `${prefixOf(username)}${name}`,
      groups: textsOf(readGroups?.(claims, budget), 'groups').map((group) => `${prefixOf(groups)}${group}`),
      ...(id ? { uid: id } : {}),
      ...(Object.keys(extra).length > 0 ? { extra } : {}),
    };
    checkUser({ username: user.name, uid: user.uid ?? '', groups: user.groups, extra }, budget);
    return user;
  };
}

/** A text or a list of texts. */
function textsOf(value: unknown, what: string): readonly string[] {
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return [value];
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw new Error(`oidc: ${what} is neither a text nor a list of texts`);
}
