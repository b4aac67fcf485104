// All that one subject may do in one scope, as maps: a decision costs a few lookups, however many roles there are.
import type { V1PolicyRule } from '../../../api/mod.ts';
import type { Decision, PathAttributes, ResourceAttributes } from '../authorizer.ts';
import { anything, pathMatches } from './rules.ts';

/** For one resource, group and verb: on every object, on some. Each with the decision that says why. */
interface Grant {
  all: Decision | undefined;
  names: Map<string, Decision> | undefined;
}

type ByVerb = Map<string, Grant>;
type ByGroup = Map<string, ByVerb>;

interface PathGrant {
  readonly pattern: string;
  readonly verbs: readonly string[];
  readonly decision: Decision;
}

export class Grants {
  /** Keys as rules write them: `pods`, `pods/log`, `*` and `*\/scale`. */
  readonly #resources = new Map<string, ByGroup>();
  readonly #paths: PathGrant[] = [];

  /** The first rule that allows something gives the reason. */
  add(rule: V1PolicyRule, decision: Decision): void {
    for (const pattern of rule.nonResourceURLs ?? []) this.#paths.push({ pattern, verbs: rule.verbs, decision });
    for (const resource of rule.resources ?? []) {
      for (const group of rule.apiGroups ?? []) {
        for (const verb of rule.verbs) grant(this.#grantOf(resource, group, verb), rule.resourceNames, decision);
      }
    }
  }

  resource(attributes: ResourceAttributes): Decision | undefined {
    const { resource, subresource } = attributes;
    if (subresource === '') return this.#in(resource, attributes) ?? this.#in(anything, attributes);
    return this.#in(`${resource}/${subresource}`, attributes) ?? this.#in(`*/${subresource}`, attributes) ?? this.#in(anything, attributes);
  }

  path({ path, verb }: PathAttributes): Decision | undefined {
    for (const { pattern, verbs, decision } of this.#paths) {
      if (pathMatches(pattern, path) && (verbs.includes(anything) || verbs.includes(verb))) return decision;
    }
    return undefined;
  }

  #in(key: string, attributes: ResourceAttributes): Decision | undefined {
    const groups = this.#resources.get(key);
    if (!groups) return undefined;
    return byVerb(groups.get(attributes.group), attributes) ?? byVerb(groups.get(anything), attributes);
  }

  #grantOf(resource: string, group: string, verb: string): Grant {
    const groups = getOrMake(this.#resources, resource, () => new Map<string, ByVerb>());
    const verbs = getOrMake(groups, group, () => new Map<string, Grant>());
    return getOrMake(verbs, verb, () => ({ all: undefined, names: undefined }));
  }
}

function grant(of: Grant, names: readonly string[] | undefined, decision: Decision): void {
  if (names === undefined || names.length === 0) {
    of.all ??= decision;
    return;
  }
  of.names ??= new Map();
  for (const name of names) if (!of.names.has(name)) of.names.set(name, decision);
}

const byVerb = (verbs: ByVerb | undefined, { verb, name }: ResourceAttributes): Decision | undefined =>
  verbs && (byName(verbs.get(verb), name) ?? byName(verbs.get(anything), name));

const byName = (of: Grant | undefined, name: string): Decision | undefined => of && (of.all ?? of.names?.get(name));

export function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}
