// What CEL's type checker has to say of a validating policy, for each kind that its constraints name. It changes nothing of what the policy does.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#type-checking
import { CelCompileError, type CelEnvironment, type CelSchema, type CelType, celTypeOfSchema, compileCel, dynType } from '../cel/mod.ts';
import type {
  V1CustomResourceDefinition,
  V1ExpressionWarning,
  V1JSONSchemaProps,
  V1ValidatingAdmissionPolicy,
  V1ValidatingAdmissionPolicySpec,
} from '../generated/types.gen.ts';
import { parseApiVersion } from '../meta/object.ts';
import { schemaOf, typeOfKind } from '../schema/mod.ts';
import { admissionEnvironment } from './cel-variables.ts';
import { celTypeOfObject } from './schema-types.ts';

/** A kind that is served. */
export interface CheckedKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly resource: string;
  /** Of a kind that a definition defines. */
  readonly definedBy?: V1JSONSchemaProps | undefined;
}

/** The kinds of a definition, one a version that is served. */
export const checkedKindsOf = ({ spec }: V1CustomResourceDefinition): readonly CheckedKind[] =>
  spec.versions
    .filter(({ served }) => served)
    .map(({ name, schema }) => ({
      group: spec.group,
      version: name,
      kind: spec.names.kind,
      resource: spec.names.plural,
      definedBy: schema?.openAPIV3Schema ?? {},
    }));

/** A policy is checked against so many kinds. */
const kindsMax = 10;

/** Expressions that do not fit the types, each with what is wrong for which kind. Kinds without a schema are passed over. */
export function policyTypeWarnings(policy: V1ValidatingAdmissionPolicy, served: readonly CheckedKind[]): readonly V1ExpressionWarning[] {
  const spec = policy.spec ?? {};
  const params = paramsOf(spec, served);
  const checks = kindsOf(spec, served).flatMap((kind) => {
    const type = typeOf(kind, served);
    return type ? [{ called: `${kind.group}/${kind.version}, Kind=${kind.kind}`, env: environmentOf(spec, type, params) }] : [];
  });
  const warnings = (fieldRef: string, expression: string | undefined): V1ExpressionWarning[] => {
    if (!expression) return [];
    const problems = checks.flatMap(({ called, env }) => {
      const problem = problemOf(expression, env);
      return problem === undefined ? [] : [`${called}: ${problem}\n`];
    });
    return problems.length === 0 ? [] : [{ fieldRef, warning: problems.join('\n') }];
  };
  return (spec.validations ?? []).flatMap(({ expression, messageExpression }, i) => [
    ...warnings(`spec.validations[${i}].expression`, expression),
    ...warnings(`spec.validations[${i}].messageExpression`, messageExpression),
  ]);
}

/** Rules with wildcards of groups or versions name no kind in particular; neither do subresources. */
function kindsOf({ matchConstraints }: V1ValidatingAdmissionPolicySpec, served: readonly CheckedKind[]): readonly CheckedKind[] {
  const rules = (matchConstraints?.resourceRules ?? []).filter(
    ({ apiGroups = [], apiVersions = [] }) => ![...apiGroups, ...apiVersions].some((text) => text.includes('*')),
  );
  const found = served.filter(({ group, version, resource }) =>
    rules.some((rule) => rule.apiGroups?.includes(group) && rule.apiVersions?.includes(version) && rule.resources?.includes(resource)),
  );
  const keyOf = ({ group, version, kind }: CheckedKind) => `${group}/${version}/${kind}`;
  return [...found].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)).slice(0, kindsMax);
}

type KindName = Pick<CheckedKind, 'group' | 'version' | 'kind'>;

function typeOf(of: KindName, served: readonly CheckedKind[]): CelType | undefined {
  const custom = served.find(({ group, version, kind, definedBy }) => {
    return definedBy !== undefined && group === of.group && version === of.version && kind === of.kind;
  });
  if (custom?.definedBy) return celTypeOfSchema(custom.definedBy as CelSchema, { isResource: true });
  const name = typeOfKind(of);
  return name === undefined ? undefined : celTypeOfObject(schemaOf(name));
}

function paramsOf({ paramKind }: V1ValidatingAdmissionPolicySpec, served: readonly CheckedKind[]): CelType | undefined {
  if (!paramKind) return undefined;
  return typeOf({ ...parseApiVersion(paramKind.apiVersion ?? ''), kind: paramKind.kind ?? '' }, served) ?? dynType;
}

function environmentOf(spec: V1ValidatingAdmissionPolicySpec, object: CelType, params: CelType | undefined): CelEnvironment {
  const variables = new Map<string, CelType>();
  const known = { object, ...(params ? { params } : {}), authorizer: true, variables };
  for (const { name, expression } of spec.variables ?? []) {
    const found = attempt(() => compileCel(expression, admissionEnvironment(known)).resultType);
    variables.set(name, found instanceof CelCompileError ? dynType : found);
  }
  return admissionEnvironment(known);
}

function problemOf(expression: string, env: CelEnvironment): string | undefined {
  const found = attempt(() => compileCel(expression, env));
  return found instanceof CelCompileError ? found.message : undefined;
}

function attempt<T>(run: () => T): T | CelCompileError {
  try {
    return run();
  } catch (error) {
    if (error instanceof CelCompileError) return error;
    throw error;
  }
}
