// How JWTs of other issuers become users: AuthenticationConfiguration of apiserver.config.k8s.io, read and checked.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-authentication-configuration
import { type SignatureAlgorithm, signatureAlgorithms } from '../../../base/ports/jwk-verifier.ts';

/** A claim, or an expression over `claims`. */
export type Source = { readonly claim: string; readonly prefix: string } | { readonly expression: string };

export interface Rule {
  readonly expression: string;
  readonly message: string;
}

export interface JwtConfig {
  readonly issuerUrl: string;
  /** Default: below the issuer's URL. */
  readonly discoveryUrl: string | undefined;
  /** PEM. Default: the machine's own list. */
  readonly authorityPem: string | undefined;
  readonly audiences: readonly string[];
  readonly algorithms: readonly SignatureAlgorithm[];
  readonly requiredClaims: Readonly<Record<string, string>>;
  readonly claimRules: readonly Rule[];
  readonly username: Source;
  readonly groups: Source | undefined;
  readonly uid: Source | undefined;
  readonly extra: readonly { readonly key: string; readonly expression: string }[];
  readonly userRules: readonly Rule[];
}

export interface AnonymousConfig {
  readonly enabled: boolean;
  /** Undefined: everywhere. */
  readonly paths: readonly string[] | undefined;
}

export interface AuthenticationConfig {
  readonly jwt: readonly JwtConfig[];
  readonly anonymous: AnonymousConfig | undefined;
}

type Fields = Readonly<Record<string, unknown>>;
type Refuse = (what: string) => never;
const recordOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

const group = 'apiserver.config.k8s.io';
const issuersMax = 64;

/** `refuse` is told the first thing that is wrong. */
export function readAuthenticationConfig(config: unknown, ownIssuer: string, refuse: Refuse): AuthenticationConfig {
  const { kind, apiVersion, jwt, anonymous } = recordOf(config);
  if (kind !== 'AuthenticationConfiguration' || !/^v1(alpha1|beta1)?$/.test(textOf(apiVersion).replace(`${group}/`, '')))
    refuse(`wants kind AuthenticationConfiguration of apiVersion ${group}/v1`);
  const items = listOf(jwt);
  if (items.length > issuersMax) refuse(`jwt: Too many: ${items.length}: must have at most ${issuersMax} items`);
  const read = items.map((item, i) => readJwt(recordOf(item), `jwt[${i}]`, refuse));
  read.forEach(({ issuerUrl }, i) => {
    if (issuerUrl === ownIssuer)
      refuse(`jwt[${i}].issuer.url: Invalid value: "${issuerUrl}": URL must not overlap with disallowed issuers`);
    if (read.findIndex((other) => other.issuerUrl === issuerUrl) !== i) refuse(`jwt[${i}].issuer.url: Duplicate value: "${issuerUrl}"`);
  });
  return { jwt: read, anonymous: anonymous === undefined ? undefined : readAnonymous(recordOf(anonymous), refuse) };
}

function readAnonymous({ enabled, conditions }: Fields, refuse: Refuse): AnonymousConfig {
  const paths = listOf(conditions).map((condition) => textOf(recordOf(condition).path));
  if (paths.length > 0 && enabled !== true)
    refuse('anonymous.conditions: Invalid value: enabled should be set to true when conditions are defined');
  if (paths.some((path) => !path.startsWith('/'))) refuse('anonymous.conditions.path: Required value: wants a path that begins with "/"');
  return { enabled: enabled === true, paths: paths.length === 0 ? undefined : paths };
}

function readJwt(of: Fields, at: string, refuse: Refuse): JwtConfig {
  const issuer = recordOf(of.issuer);
  const mappings = recordOf(of.claimMappings);
  const audiences = listOf(issuer.audiences).map(textOf);
  const issuerUrl = urlOf(issuer.url, `${at}.issuer.url`, refuse);
  if (audiences.length === 0 || audiences.includes('')) refuse(`${at}.issuer.audiences: Required value: at least one audience is required`);
  if (audiences.length > 1 && issuer.audienceMatchPolicy !== 'MatchAny')
    refuse(`${at}.issuer.audienceMatchPolicy: Invalid value: audienceMatchPolicy must be MatchAny for multiple audiences`);
  const username = sourceOf(mappings.username, `${at}.claimMappings.username`, refuse);
  if (!username) return refuse(`${at}.claimMappings.username: Required value: claim or expression is required`);
  const { requiredClaims, claimRules } = readClaimRules(listOf(of.claimValidationRules), `${at}.claimValidationRules`, refuse);
  const extra = listOf(mappings.extra).map((item, i) => readExtra(recordOf(item), `${at}.claimMappings.extra[${i}]`, refuse));
  const proofs = [...claimRules.map(({ expression }) => expression), ...extra.map(({ expression }) => expression)];
  if (
    'expression' in username &&
    username.expression.includes('claims.email') &&
    !/claims\.(\?)?email_verified/.test([username.expression, ...proofs].join(' '))
  )
    refuse(
      `${at}.claimMappings.username.expression: Invalid value: claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression`,
    );
  return {
    issuerUrl,
    discoveryUrl: issuer.discoveryURL === undefined ? undefined : urlOf(issuer.discoveryURL, `${at}.issuer.discoveryURL`, refuse),
    authorityPem: textOf(issuer.certificateAuthority) || undefined,
    audiences,
    algorithms: signatureAlgorithms,
    requiredClaims,
    claimRules,
    username,
    groups: sourceOf(mappings.groups, `${at}.claimMappings.groups`, refuse),
    uid: sourceOf(mappings.uid, `${at}.claimMappings.uid`, refuse, false),
    extra,
    userRules: listOf(of.userValidationRules).map((rule, i) => readRule(recordOf(rule), `${at}.userValidationRules[${i}]`, refuse)),
  };
}

function urlOf(value: unknown, at: string, refuse: Refuse): string {
  const text = textOf(value);
  const url = URL.canParse(text) ? new URL(text) : refuse(`${at}: Required value: URL is required`);
  if (url.protocol !== 'https:') refuse(`${at}: Invalid value: "${text}": URL scheme must be https`);
  if (url.username || url.password) refuse(`${at}: Invalid value: URL must not contain a username or password`);
  if (url.search || url.hash) refuse(`${at}: Invalid value: "${text}": URL must not contain a query or a fragment`);
  return text;
}

function sourceOf(value: unknown, at: string, refuse: Refuse, hasPrefix = true): Source | undefined {
  const { claim, prefix, expression } = recordOf(value);
  if (textOf(expression) !== '') {
    if (claim !== undefined || prefix !== undefined)
      refuse(`${at}: Invalid value: claim and prefix must not be set when expression is set`);
    return { expression: textOf(expression) };
  }
  if (textOf(claim) === '') return undefined;
  if (hasPrefix && typeof prefix !== 'string')
    refuse(`${at}.prefix: Required value: prefix is required when claim is set. It can be set to an empty string to disable prefixing`);
  return { claim: textOf(claim), prefix: textOf(prefix) };
}

function readRule({ expression, message }: Fields, at: string, refuse: Refuse): Rule {
  if (textOf(expression) === '') refuse(`${at}.expression: Required value: expression is required`);
  return { expression: textOf(expression), message: textOf(message) };
}

function readClaimRules(rules: readonly unknown[], at: string, refuse: Refuse) {
  const requiredClaims: Record<string, string> = Object.create(null);
  const claimRules: Rule[] = [];
  rules.forEach((item, i) => {
    const of = recordOf(item);
    const claim = textOf(of.claim);
    if (claim === '') claimRules.push(readRule(of, `${at}[${i}]`, refuse));
    else if (of.expression !== undefined) refuse(`${at}[${i}]: Invalid value: "${claim}": claim and expression can't both be set`);
    else requiredClaims[claim] = textOf(of.requiredValue);
  });
  return { requiredClaims, claimRules };
}

function readExtra({ key, valueExpression }: Fields, at: string, refuse: Refuse) {
  const name = textOf(key);
  const domain = name.split('/')[0] ?? '';
  if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/[^\sA-Z]+$/.test(name))
    refuse(`${at}.key: Invalid value: "${name}": must be a domain-prefixed path in lower case`);
  if (/(^|\.)(k8s|kubernetes)\.io$/.test(domain))
    refuse(`${at}.key: Invalid value: "${name}": k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use`);
  if (textOf(valueExpression) === '') refuse(`${at}.valueExpression: Required value: valueExpression is required`);
  return { key: name, expression: textOf(valueExpression) };
}
