// RBAC's roles and bindings, kept by subject. What a subject may do in a scope is compiled when it is first asked, and forgotten when
// one of its bindings, or a role of one, changes.
import type { V1ClusterRoleBinding, V1PolicyRule, V1RoleBinding } from '../../../api/mod.ts';
import type { UserInfo } from '../../../client/mod.ts';
import { userNameOf } from '../../authn/service-account/claims.ts';
import type { Attributes, Decision } from '../authorizer.ts';
import { Grants, getOrMake } from './grants.ts';

export type BindingObject = V1RoleBinding | V1ClusterRoleBinding;
type Subject = NonNullable<BindingObject['subjects']>[number];
type RoleRef = BindingObject['roleRef'];

/** A binding for one of its subjects. */
interface Bound {
  readonly binding: Binding;
  readonly allow: Decision;
}

interface Binding {
  /** Empty: in every namespace, and at cluster scope. */
  readonly namespace: string;
  readonly roleKey: string;
  readonly roleRef: RoleRef;
  readonly people: readonly Person[];
}

/** All bindings of one subject, by the namespace of the binding. */
interface Person {
  readonly scopes: Map<string, Scope>;
  /** Takes it out of the index: nothing is bound to it any more. */
  readonly leave: () => void;
}

interface Scope {
  /** By the binding's own key. */
  readonly bound: Map<string, Bound>;
  compiled: Compiled | undefined;
}

interface Compiled {
  readonly grants: Grants;
  /** Roles that bindings name and that are not there. */
  readonly problems: readonly string[];
}

const noOpinion: Decision = Object.freeze({ decision: 'noOpinion' });
const noRules: readonly V1PolicyRule[] = [];

/** `ns/name`, and `/name` for cluster roles. */
export const roleKeyOf = (namespace: string, name: string): string => `${namespace}/${name}`;

export class BindingIndex {
  readonly #users = new Map<string, Person>();
  readonly #groups = new Map<string, Person>();
  readonly #roles = new Map<string, readonly V1PolicyRule[]>();
  readonly #bindings = new Map<string, Binding>();
  readonly #byRole = new Map<string, Set<Binding>>();

  /** Undefined rules: the role is gone. */
  setRole(roleKey: string, rules: readonly V1PolicyRule[] | undefined): void {
    if (rules) this.#roles.set(roleKey, rules);
    else this.#roles.delete(roleKey);
    for (const binding of this.#byRole.get(roleKey) ?? []) forget(binding);
  }

  /** `key` is any that is the binding's own. Undefined: the binding is gone. */
  setBinding(key: string, object: BindingObject | undefined): void {
    this.#remove(key);
    if (!object) return;
    const namespace = object.metadata?.namespace ?? '';
    const { roleRef } = object;
    const roleKey = roleKeyOf(roleRef.kind === 'Role' ? namespace : '', roleRef.name);
    const people = new Set<Person>();
    const binding: Binding = { namespace, roleKey, roleRef, people: [] };
    for (const subject of object.subjects ?? []) {
      const person = this.#personOf(subject, namespace);
      if (!person) continue;
      people.add(person);
      const scope = getOrMake(person.scopes, namespace, () => ({ bound: new Map<string, Bound>(), compiled: undefined }));
      const bound = { binding, allow: { decision: 'allow', reason: `RBAC: allowed by ${describe(object, subject)}` } as const };
      if (!scope.bound.has(key)) scope.bound.set(key, bound);
      scope.compiled = undefined;
    }
    (binding as { people: readonly Person[] }).people = [...people];
    this.#bindings.set(key, binding);
    getOrMake(this.#byRole, roleKey, () => new Set<Binding>()).add(binding);
  }

  decide(attributes: Attributes): Decision {
    const namespace = attributes.as === 'resource' ? attributes.namespace : '';
    const problems: string[] = [];
    for (const compiled of this.#scopesOf(attributes.user, namespace)) {
      const found = attributes.as === 'resource' ? compiled.grants.resource(attributes) : compiled.grants.path(attributes);
      if (found) return found;
      problems.push(...compiled.problems);
    }
    return problems.length === 0 ? noOpinion : { decision: 'noOpinion', reason: `RBAC: ${aggregate(problems)}` };
  }

  /** Every rule that a user has at cluster scope and in the namespace; and which roles are missing. */
  rulesFor(user: UserInfo, namespace: string): { readonly rules: readonly V1PolicyRule[]; readonly problems: readonly string[] } {
    const bindings = new Set<Binding>();
    for (const person of this.#peopleOf(user)) {
      for (const scope of scopesIn(person, namespace)) for (const { binding } of scope.bound.values()) bindings.add(binding);
    }
    const missing = [...bindings].filter(({ roleKey }) => !this.#roles.has(roleKey));
    return { rules: [...bindings].flatMap(({ roleKey }) => this.#roles.get(roleKey) ?? noRules), problems: missing.map(missingRole) };
  }

  /** The rules of a role as a binding names it. Undefined: it is not there. */
  rulesOf(roleRef: RoleRef, namespace: string): readonly V1PolicyRule[] | undefined {
    return this.#roles.get(roleKeyOf(roleRef.kind === 'Role' ? namespace : '', roleRef.name));
  }

  #remove(key: string): void {
    const before = this.#bindings.get(key);
    if (!before) return;
    this.#bindings.delete(key);
    const ofRole = this.#byRole.get(before.roleKey);
    ofRole?.delete(before);
    if (ofRole?.size === 0) this.#byRole.delete(before.roleKey);
    for (const person of before.people) {
      const scope = person.scopes.get(before.namespace);
      scope?.bound.delete(key);
      if (scope) scope.compiled = undefined;
      if (scope?.bound.size === 0) person.scopes.delete(before.namespace);
      if (person.scopes.size === 0) person.leave();
    }
  }

  #personOf(subject: Subject, bindingNamespace: string): Person | undefined {
    if (subject.kind === 'User') return personIn(this.#users, subject.name);
    if (subject.kind === 'Group') return personIn(this.#groups, subject.name);
    const namespace = subject.namespace || bindingNamespace;
    if (subject.kind !== 'ServiceAccount' || namespace === '') return undefined;
    return personIn(this.#users, userNameOf(namespace, subject.name));
  }

  *#peopleOf(user: UserInfo): Iterable<Person> {
    const own = this.#users.get(user.name);
    if (own) yield own;
    for (const name of user.groups) {
      const group = this.#groups.get(name);
      if (group) yield group;
    }
  }

  *#scopesOf(user: UserInfo, namespace: string): Iterable<Compiled> {
    for (const person of this.#peopleOf(user)) {
      for (const scope of scopesIn(person, namespace)) {
        scope.compiled ??= this.#compile(scope);
        yield scope.compiled;
      }
    }
  }

  #compile(scope: Scope): Compiled {
    const grants = new Grants();
    const problems: string[] = [];
    for (const { binding, allow } of scope.bound.values()) {
      const rules = this.#roles.get(binding.roleKey);
      if (!rules) problems.push(missingRole(binding));
      for (const rule of rules ?? noRules) grants.add(rule, allow);
    }
    return { grants, problems };
  }
}

const personIn = (people: Map<string, Person>, name: string): Person =>
  getOrMake(people, name, () => ({ scopes: new Map(), leave: () => void people.delete(name) }));

function* scopesIn(person: Person, namespace: string): Iterable<Scope> {
  const everywhere = person.scopes.get('');
  if (everywhere) yield everywhere;
  const own = namespace === '' ? undefined : person.scopes.get(namespace);
  if (own) yield own;
}

function forget(binding: Binding): void {
  for (const person of binding.people) {
    const scope = person.scopes.get(binding.namespace);
    if (scope) scope.compiled = undefined;
  }
}

export const missingRole = ({ roleRef }: { readonly roleRef: RoleRef }): string =>
  `${roleRef.kind.toLowerCase()}.rbac.authorization.k8s.io ${JSON.stringify(roleRef.name)} not found`;

/** Several problems in one text, each once. */
export function aggregate(problems: readonly string[]): string {
  const unique = [...new Set(problems)];
  return unique.length === 1 ? (unique[0] ?? '') : `[${unique.join(', ')}]`;
}

function describe(object: BindingObject, subject: Subject): string {
  const { name = '', namespace } = object.metadata ?? {};
  const what = namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding';
  const full = namespace === undefined ? name : `${name}/${namespace}`;
  const who = subject.kind === 'ServiceAccount' ? `${subject.name}/${subject.namespace || (namespace ?? '')}` : subject.name;
  const { kind, name: role } = object.roleRef;
  return `${what} ${JSON.stringify(full)} of ${kind} ${JSON.stringify(role)} to ${subject.kind} ${JSON.stringify(who)}`;
}
