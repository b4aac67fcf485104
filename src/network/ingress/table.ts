// The routing table of all Ingresses: which backend a host and a path lead to. Pure.
// https://kubernetes.io/docs/concepts/services-networking/ingress/#path-types

/** A service port as an Ingress names it. Names and numbers are told apart: `80` and `"80"` are different ports. */
export interface BackendRef {
  readonly namespace: string;
  readonly service: string;
  readonly port: { readonly name?: string | undefined; readonly number?: number | undefined };
}

/** What an Ingress says of one path: a service, or something that cannot be served, with the reason. */
export type Target = { readonly to: 'service'; readonly ref: BackendRef } | { readonly to: 'nothing'; readonly why: string };

export interface PathRule {
  /** Begins with `/`; of a prefix without the slash at its end, so that `/` is empty. */
  readonly path: string;
  readonly exact: boolean;
  readonly target: Target;
}

export interface HostRules {
  /** `example.com`, `*.example.com`, or empty for every host. */
  readonly host: string;
  readonly rules: readonly PathRule[];
  /** For what none of the rules is for. */
  readonly otherwise?: Target | undefined;
}

export interface RoutingTable {
  /** In the order in which they are asked. */
  readonly byHost: ReadonlyMap<string, HostRules>;
  /** For what nothing else is for. */
  readonly otherwise: Target | undefined;
}

/** The longest path first, an exact one before a prefix; of equal ones whoever was first. */
export function makeTable(parts: readonly HostRules[], otherwise: Target | undefined): RoutingTable {
  const byHost = new Map<string, { host: string; rules: PathRule[]; otherwise?: Target | undefined }>();
  for (const part of parts) {
    const known = byHost.get(part.host);
    if (!known) byHost.set(part.host, { ...part, rules: [...part.rules] });
    else {
      known.rules.push(...part.rules);
      known.otherwise ??= part.otherwise;
    }
  }
  for (const { rules } of byHost.values()) rules.sort((a, b) => b.path.length - a.path.length || Number(b.exact) - Number(a.exact));
  return { byHost, otherwise };
}

/** The host itself, the wildcard that stands for its first label, every host: the first that has a rule for the path is taken. */
export function findTarget(table: RoutingTable, host: string, path: string): Target | undefined {
  const dot = host.indexOf('.');
  const names = [host, ...(dot > 0 ? [`*${host.slice(dot)}`] : []), ...(host === '' ? [] : [''])];
  const found = names.flatMap((name) => table.byHost.get(name) ?? []);
  for (const { rules } of found) {
    const rule = rules.find((one) => matches(one, path));
    if (rule) return rule.target;
  }
  for (const { otherwise } of found) if (otherwise) return otherwise;
  return table.otherwise;
}

/** A prefix is one of whole elements: `/foo` is for `/foo`, `/foo/` and `/foo/bar`, and not for `/foobar`. */
function matches({ path, exact }: PathRule, asked: string): boolean {
  if (exact) return asked === path;
  return asked.startsWith(path) && (asked.length === path.length || asked[path.length] === '/');
}

export const prefixOf = (path: string): string => path.replace(/\/+$/, '');

export const refText = ({ namespace, service, port }: BackendRef): string => `${namespace}/${service}:${port.name ?? port.number ?? ''}`;
