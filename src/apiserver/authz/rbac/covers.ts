// Whether one set of rules allows everything that another does, and how the difference is told. Pure.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
import type { V1PolicyRule } from '../../../api/mod.ts';
import { anything, pathMatches } from './rules.ts';

/** The parts of `wanted` that no rule of `held` allows, each about one verb, and one resource of one group, or one path. */
export function missingRules(held: readonly V1PolicyRule[], wanted: readonly V1PolicyRule[]): readonly V1PolicyRule[] {
  return wanted.flatMap(breakdown).filter((part) => !held.some((rule) => ruleCovers(rule, part)));
}

function breakdown(rule: V1PolicyRule): V1PolicyRule[] {
  const parts: V1PolicyRule[] = [];
  for (const group of rule.apiGroups ?? []) {
    for (const resource of rule.resources ?? []) {
      for (const verb of rule.verbs) {
        const part = { apiGroups: [group], resources: [resource], verbs: [verb] };
        if (rule.resourceNames && rule.resourceNames.length > 0) {
          parts.push(...rule.resourceNames.map((name) => ({ ...part, resourceNames: [name] })));
        } else parts.push(part);
      }
    }
  }
  for (const url of rule.nonResourceURLs ?? []) for (const verb of rule.verbs) parts.push({ nonResourceURLs: [url], verbs: [verb] });
  return parts;
}

const all = (held: readonly string[] | undefined, wanted: readonly string[] | undefined): boolean =>
  (held ?? []).includes(anything) || (wanted ?? []).every((one) => (held ?? []).includes(one));

function ruleCovers(held: V1PolicyRule, part: V1PolicyRule): boolean {
  if (!all(held.verbs, part.verbs)) return false;
  const [url] = part.nonResourceURLs ?? [];
  if (url !== undefined) return (held.nonResourceURLs ?? []).some((pattern) => pathMatches(pattern, url));
  return all(held.apiGroups, part.apiGroups) && resourcesCover(held.resources ?? [], part.resources ?? []) && namesCover(held, part);
}

function resourcesCover(held: readonly string[], wanted: readonly string[]): boolean {
  if (held.includes(anything)) return true;
  return wanted.every((one) => {
    if (held.includes(one)) return true;
    const slash = one.indexOf('/');
    return slash >= 0 && held.includes(`*${one.slice(slash)}`);
  });
}

function namesCover(held: V1PolicyRule, part: V1PolicyRule): boolean {
  const names = held.resourceNames ?? [];
  if (names.length === 0) return true;
  const wanted = part.resourceNames ?? [];
  return wanted.length > 0 && wanted.every((name) => names.includes(name));
}

/** Parts about the same resource and name become one with all their verbs. */
function compact(parts: readonly V1PolicyRule[]): readonly V1PolicyRule[] {
  const byResource = new Map<string, V1PolicyRule>();
  const rest: V1PolicyRule[] = [];
  for (const part of parts) {
    if (part.nonResourceURLs) {
      rest.push(part);
      continue;
    }
    const { verbs: _, ...about } = part;
    const key = JSON.stringify(about);
    const before = byResource.get(key);
    byResource.set(key, before ? { ...before, verbs: [...before.verbs, ...part.verbs] } : part);
  }
  return [...byResource.values(), ...rest];
}

/** One line each, sorted: `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`. */
export function describeRules(parts: readonly V1PolicyRule[]): string {
  return [...new Set(compact(parts).map(describeRule))].sort().join('\n');
}

function describeRule(rule: V1PolicyRule): string {
  const fields: [string, readonly string[] | undefined][] = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['ResourceNames', rule.resourceNames],
    ['Verbs', rule.verbs],
  ];
  const texts = fields.filter(([, values]) => values && values.length > 0).map(([name, values]) => `${name}:${quoteAll(values ?? [])}`);
  return `{${texts.join(', ')}}`;
}

/** `["a" "b"]` */
export const quoteAll = (texts: readonly string[]): string => `[${texts.map((text) => JSON.stringify(text)).join(' ')}]`;
