// Who may do what: the interface of authorizers, their union, and how a refusal is worded.
import { forbidden, StatusError } from '../../api/mod.ts';
import type { UserInfo } from '../../client/mod.ts';

interface CommonAttributes {
  readonly user: UserInfo;
  readonly verb: string;
}

export interface ResourceAttributes extends CommonAttributes {
  readonly as: 'resource';
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  /** Empty at cluster scope and for all namespaces. */
  readonly namespace: string;
  readonly name: string;
  /** Of a list, watch or deletecollection, as sent. */
  readonly fieldSelector?: string | undefined;
}

export interface PathAttributes extends CommonAttributes {
  readonly as: 'path';
  readonly path: string;
}

export type Attributes = ResourceAttributes | PathAttributes;

export interface Decision {
  readonly decision: 'allow' | 'deny' | 'noOpinion';
  /** Why, in words; part of the refusal's message. */
  readonly reason?: string;
}

/** RBAC, the node authorizer and webhooks are further ones: they go into the list that wiring gives to {@link firstOpinion}. */
export interface Authorizer {
  decide(attributes: Attributes): Decision | Promise<Decision>;
}

/** The first allow or deny counts; the reasons of those without an opinion are joined. Answers at once where all do. */
export function firstOpinion(authorizers: readonly Authorizer[]): Authorizer {
  const from = (index: number, attributes: Attributes, reasons: readonly string[]): Decision | Promise<Decision> => {
    let heard = reasons;
    for (let i = index; i < authorizers.length; i++) {
      const decision = authorizers[i]?.decide(attributes);
      if (decision instanceof Promise) return decision.then((later) => settle(later, i, attributes, heard));
      if (decision === undefined) continue;
      if (decision.decision !== 'noOpinion') return decision;
      if (decision.reason) heard = [...heard, decision.reason];
    }
    return { decision: 'noOpinion', ...(heard.length > 0 ? { reason: heard.join('\n') } : {}) };
  };
  const settle = (decision: Decision, index: number, attributes: Attributes, reasons: readonly string[]) => {
    if (decision.decision !== 'noOpinion') return decision;
    return from(index + 1, attributes, decision.reason ? [...reasons, decision.reason] : reasons);
  };
  return { decide: (attributes) => from(0, attributes, []) };
}

/** The 403 for what was not allowed. */
export function refusal(attributes: Attributes, reason: string | undefined): StatusError {
  const why = `${refusalMessage(attributes)}${reason ? `: ${reason}` : ''}`;
  if (attributes.as === 'path') {
    return new StatusError({ code: 403, reason: 'Forbidden', message: `forbidden: ${why}`, details: {} });
  }
  const { group, resource, name } = attributes;
  return forbidden({ group, resource, ...(name === '' ? {} : { name }) }, why);
}

function refusalMessage(attributes: Attributes): string {
  const user = JSON.stringify(attributes.user.name);
  if (attributes.as === 'path') return `User ${user} cannot ${attributes.verb} path ${JSON.stringify(attributes.path)}`;
  const { verb, group, namespace } = attributes;
  const resource = attributes.subresource === '' ? attributes.resource : `${attributes.resource}/${attributes.subresource}`;
  const scope = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  return `User ${user} cannot ${verb} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(group)} ${scope}`;
}
