// From Ingresses, classes, services and secrets to what is served: a routing table, certificates by name, and what is wrong with whose. Pure.
// https://kubernetes.io/docs/concepts/services-networking/ingress/
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Persisted, V1Ingress, V1IngressBackend, V1IngressClass, V1Secret, V1Service } from '../../api/mod.ts';
import type { ProxyCertificate } from '../../base/ports/reverse-proxy.ts';
import { type BackendRef, type HostRules, makeTable, type PathRule, prefixOf, type RoutingTable, refText, type Target } from './table.ts';

/** Who serves the classes that name it. */
export const ingressController = 'minke.dev/ingress';
const classAnnotation = 'kubernetes.io/ingress.class';

export interface IngressWorld {
  readonly ingresses: readonly Persisted<V1Ingress>[];
  readonly classes: readonly Persisted<V1IngressClass>[];
  /** By `namespace/name`. */
  readonly service: (key: string) => V1Service | undefined;
  readonly secret: (key: string) => V1Secret | undefined;
}

export interface Problem {
  readonly ingress: Persisted<V1Ingress>;
  /** In CamelCase. */
  readonly reason: string;
  readonly message: string;
}

export interface IngressPlan {
  /** Ours, the oldest first. */
  readonly ingresses: readonly Persisted<V1Ingress>[];
  readonly table: RoutingTable;
  /** By host, `*.example.com` among them. */
  readonly certificates: ReadonlyMap<string, ProxyCertificate>;
  readonly problems: readonly Problem[];
  /** Services and secrets that a change of matters to, `namespace/name`. */
  readonly services: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
}

/** An Ingress of one of our classes, or, as before there were classes, one whose annotation names such a class. */
export function isOurs(ingress: V1Ingress, classes: readonly V1IngressClass[]): boolean {
  const name = ingress.spec?.ingressClassName ?? ingress.metadata?.annotations?.[classAnnotation];
  return name !== undefined && classes.some(({ metadata, spec }) => metadata?.name === name && spec?.controller === ingressController);
}

export function planIngresses(world: IngressWorld): IngressPlan {
  const ingresses = world.ingresses.filter((one) => !one.metadata.deletionTimestamp && isOurs(one, world.classes)).sort(byAge);
  const made = new Maker(world);
  const parts = ingresses.flatMap((ingress) => made.hosts(ingress));
  for (const ingress of ingresses) made.certificates(ingress);
  // One that says nothing but its default backend means it for everything; another one's stands in where there is none.
  const defaults = ingresses.filter(({ spec }) => spec?.defaultBackend !== undefined);
  const first = defaults.find(({ spec }) => (spec?.rules ?? []).length === 0) ?? defaults[0];
  return {
    ingresses,
    table: makeTable(parts, first && made.target(first, first.spec?.defaultBackend)),
    certificates: made.found,
    problems: made.problems,
    services: made.services,
    secrets: made.secrets,
  };
}

const ageKey = ({ metadata }: Persisted<V1Ingress>): string => `${metadata.creationTimestamp ?? ''} ${metadata.namespace}/${metadata.name}`;
const byAge = (a: Persisted<V1Ingress>, b: Persisted<V1Ingress>): number => (ageKey(a) < ageKey(b) ? -1 : 1);

class Maker {
  readonly found = new Map<string, ProxyCertificate>();
  readonly problems: Problem[] = [];
  readonly services = new Set<string>();
  readonly secrets = new Set<string>();
  readonly #world: IngressWorld;
  readonly #told = new Set<string>();

  constructor(world: IngressWorld) {
    this.#world = world;
  }

  hosts(ingress: Persisted<V1Ingress>): readonly HostRules[] {
    const { rules = [], defaultBackend } = ingress.spec ?? {};
    const otherwise = defaultBackend && this.target(ingress, defaultBackend);
    return rules.map(({ host = '', http }) => {
      // A rule without paths sends all of its host to the default backend.
      const paths = http?.paths ?? [];
      return {
        host: host.toLowerCase(),
        rules: paths.map(({ path = '/', pathType, backend }): PathRule => {
          const exact = pathType === 'Exact';
          return { path: exact ? path : prefixOf(path), exact, target: this.target(ingress, backend) };
        }),
        otherwise,
      };
    });
  }

  target(ingress: Persisted<V1Ingress>, backend: V1IngressBackend | undefined): Target {
    const { service, resource } = backend ?? {};
    if (!service) {
      const message = `The backend ${resource?.kind ?? ''} "${resource?.name ?? ''}" cannot be served: only services can`;
      return this.#nothing(ingress, 'BadBackend', message);
    }
    const ref: BackendRef = { namespace: ingress.metadata.namespace ?? '', service: service.name, port: service.port ?? {} };
    const key = `${ref.namespace}/${ref.service}`;
    this.services.add(key);
    const found = this.#world.service(key);
    if (!found) this.#problem(ingress, 'ServiceNotFound', `There is no service "${key}"`);
    else if (found.spec?.type === 'ExternalName') {
      return this.#nothing(ingress, 'BadBackend', `The service "${key}" is of type ExternalName, which is not served`);
    } else if (!servicePort(found, ref)) this.#problem(ingress, 'BadBackend', `The service "${key}" has no port ${refText(ref)}`);
    return { to: 'service', ref };
  }

  certificates(ingress: Persisted<V1Ingress>): void {
    const { tls = [], rules = [] } = ingress.spec ?? {};
    for (const { secretName, hosts = [] } of tls) {
      // Without a secret the default certificate is meant.
      if (!secretName) continue;
      const key = `${ingress.metadata.namespace}/${secretName}`;
      this.secrets.add(key);
      const secret = this.#world.secret(key);
      if (!secret) {
        this.#problem(ingress, 'SecretNotFound', `There is no secret "${key}"`);
        continue;
      }
      const read = readCertificate(secret);
      if ('wrong' in read) this.#problem(ingress, 'BadSecret', `The secret "${key}" cannot be used: ${read.wrong}`);
      else
        for (const host of hosts.length > 0 ? hosts : rules.map(({ host: of = '' }) => of)) {
          const name = host.toLowerCase();
          if (!this.found.has(name)) this.found.set(name, read.certificate);
        }
    }
  }

  #nothing(ingress: Persisted<V1Ingress>, reason: string, why: string): Target {
    this.#problem(ingress, reason, why);
    return { to: 'nothing', why };
  }

  #problem(ingress: Persisted<V1Ingress>, reason: string, message: string): void {
    const key = `${ingress.metadata.uid} ${message}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.problems.push({ ingress, reason, message });
  }
}

type ReadSecret = { readonly certificate: ProxyCertificate } | { readonly wrong: string };

/** By secret: they are frozen, and reading one costs a millisecond. */
const read = new WeakMap<V1Secret, ReadSecret>();

function readCertificate(secret: V1Secret): ReadSecret {
  const known = read.get(secret);
  if (known) return known;
  const result = parseCertificate(secret);
  read.set(secret, result);
  return result;
}

function parseCertificate({ data }: V1Secret): ReadSecret {
  const text = (name: string) => Buffer.from(data?.[name] ?? '', 'base64').toString('latin1');
  const [cert, key] = [text('tls.crt'), text('tls.key')];
  if (cert === '' || key === '') return { wrong: `it has no "${cert === '' ? 'tls.crt' : 'tls.key'}"` };
  let step = 'tls.crt';
  try {
    const certificate = new X509Certificate(cert);
    step = 'tls.key';
    if (!certificate.checkPrivateKey(createPrivateKey(key))) return { wrong: '"tls.key" is not the key of the certificate in "tls.crt"' };
    return { certificate: { cert, key } };
  } catch {
    return { wrong: `"${step}" is not PEM` };
  }
}

/** The port that is meant, by its name or its number. */
export const servicePort = ({ spec }: V1Service, { port }: BackendRef) =>
  spec?.ports?.find((one) => (port.name ? one.name === port.name : one.port === port.number) && (one.protocol ?? 'TCP') === 'TCP');

/** The certificate for a name that a client asks for; undefined where nobody has one. */
export function certificateFor({ certificates }: Pick<IngressPlan, 'certificates'>, serverName: string): ProxyCertificate | undefined {
  const dot = serverName.indexOf('.');
  return certificates.get(serverName) ?? (dot > 0 ? certificates.get(`*${serverName.slice(dot)}`) : undefined) ?? certificates.get('');
}
