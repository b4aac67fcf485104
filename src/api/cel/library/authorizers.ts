// Authorization checks. Source: https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-authorizer-library
import { dnsLabelProblems, dnsSubdomainProblems } from '../../meta/names.ts';
import type { CelAuthorizer, CelAuthorizerAttributes, CelDecision } from '../program.ts';
import {
  authorizerType,
  boolType,
  type CelOpaqueType,
  type CelType,
  decisionType,
  groupCheckType,
  pathCheckType,
  resourceCheckType,
  stringType,
} from '../types.ts';
import { type CelOpaque, type CelValue, Failure, type Result } from '../values.ts';
import { add, containerCost, fixed, type Library, method, perCharacter, scale, sizeOf, unknownSize } from './declare.ts';

/** Two checks fit into what one expression may cost. */
const checkCost = 350_000;

type Attributes = Omit<CelAuthorizerAttributes, 'verb'>;

/** An authorizer, or a check that is being put together: what is known of it so far. */
class Check implements CelOpaque {
  readonly opaqueType: string;
  readonly authorizer: CelAuthorizer;
  readonly attributes: Attributes;

  constructor(type: CelOpaqueType, authorizer: CelAuthorizer, attributes: Attributes) {
    this.opaqueType = type.name;
    this.authorizer = authorizer;
    this.attributes = attributes;
  }

  equals(other: CelOpaque): boolean {
    return (
      other instanceof Check && other.authorizer === this.authorizer && JSON.stringify(other.attributes) === JSON.stringify(this.attributes)
    );
  }

  with(type: CelOpaqueType, more: Attributes): Check {
    return new Check(type, this.authorizer, { ...this.attributes, ...more });
  }
}

class Decision implements CelOpaque {
  readonly opaqueType = decisionType.name;
  readonly decision: CelDecision;
  constructor(decision: CelDecision) {
    this.decision = decision;
  }
  equals(other: CelOpaque): boolean {
    return other === this;
  }
}

/** The value of the variable `authorizer`. */
export const authorizerValue = (authorizer: CelAuthorizer): CelOpaque => new Check(authorizerType, authorizer, {});

/** The value of `authorizer.requestResource`: a check that already knows its resource. */
export const resourceCheckValue = (authorizer: CelAuthorizer, resource: Omit<Attributes, 'path' | 'serviceAccount'>): CelOpaque =>
  new Check(resourceCheckType, authorizer, resource);

const notEmpty = (what: string, text: string, made: () => Result): Result =>
  text.trim() === '' ? new Failure(`${what} must not be empty`) : made();

function serviceAccount(check: Check, namespace: string, name: string): Result {
  if (dnsSubdomainProblems(name).length > 0) return new Failure('Invalid service account name');
  if (dnsLabelProblems(namespace).length > 0) return new Failure('Invalid service account namespace');
  return check.with(authorizerType, { serviceAccount: { namespace, name } });
}

const onResource = (id: string, field: keyof Attributes) =>
  method(id, [resourceCheckType, stringType], resourceCheckType, (check: Check, text: string) =>
    check.with(resourceCheckType, { [field]: text }),
  );

const selectorCost = (length: { min: number; max: number }) =>
  add(add(fixed(containerCost.list), scale(length, perCharacter)), scale(scale(length, 0.5), containerCost.list + containerCost.message));

const onSelector = (id: string, field: keyof Attributes) => ({
  ...onResource(id, field),
  cost: ([, text]: readonly CelValue[]) => selectorCost(fixed(sizeOf(text))).max,
  estimate: ([, text]: readonly { readonly size: { min: number; max: number } }[]) => ({ cost: selectorCost(text?.size ?? unknownSize) }),
});

const decide = (id: string, type: CelType) =>
  method(
    id,
    [type, stringType],
    decisionType,
    (check: Check, verb: string) => new Decision(check.authorizer.check({ ...check.attributes, verb })),
    { cost: () => checkCost, estimate: () => ({ cost: fixed(checkCost) }) },
  );

export const authorizers: Library = {
  path: [
    method('authorizer_path', [authorizerType, stringType], pathCheckType, (check: Check, path: string) =>
      notEmpty('path', path, () => check.with(pathCheckType, { path })),
    ),
  ],
  group: [
    method('authorizer_group', [authorizerType, stringType], groupCheckType, (check: Check, group: string) =>
      check.with(groupCheckType, { group }),
    ),
  ],
  serviceAccount: [method('authorizer_serviceaccount', [authorizerType, stringType, stringType], authorizerType, serviceAccount)],
  resource: [
    method('groupcheck_resource', [groupCheckType, stringType], resourceCheckType, (check: Check, resource: string) =>
      notEmpty('resource', resource, () => check.with(resourceCheckType, { resource })),
    ),
  ],
  subresource: [onResource('resourcecheck_subresource', 'subresource')],
  namespace: [onResource('resourcecheck_namespace', 'namespace')],
  name: [onResource('resourcecheck_name', 'name')],
  fieldSelector: [onSelector('authorizer_fieldselector', 'fieldSelector')],
  labelSelector: [onSelector('authorizer_labelselector', 'labelSelector')],
  check: [decide('pathcheck_check', pathCheckType), decide('resourcecheck_check', resourceCheckType)],
  allowed: [method('decision_allowed', [decisionType], boolType, ({ decision }: Decision) => decision.allowed)],
  reason: [method('decision_reason', [decisionType], stringType, ({ decision }: Decision) => decision.reason)],
  errored: [method('decision_errored', [decisionType], boolType, ({ decision }: Decision) => decision.error !== undefined)],
  error: [method('decision_error', [decisionType], stringType, ({ decision }: Decision) => decision.error ?? '')],
};
