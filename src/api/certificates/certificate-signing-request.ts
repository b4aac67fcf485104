// CertificateSigningRequest: someone asks a signer for a certificate; someone else approves or denies it.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/
import type {
  V1CertificateSigningRequest,
  V1CertificateSigningRequestCondition,
  V1CertificateSigningRequestSpec,
} from '../generated/types.gen.ts';
import type { KindDefinition, UpdateRules, WriteContext } from '../kind.ts';
import { ageColumn, nameColumn, none } from '../meta/columns.ts';
import { keepStatus } from '../meta/endpoint-rules.ts';
import { sameMeaning } from '../meta/equal.ts';
import { validateDistinct } from '../meta/field-checks.ts';
import { duplicate, type FieldError, forbiddenField, invalidValue, notSupported, required, tooLong } from '../meta/field-error.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from '../meta/names.ts';
import type { Draft } from '../meta/object.ts';
import { humanDuration } from '../meta/time.ts';

const expirationSecondsMin = 600;
const domainMax = 253;
/** A resource's name and its namespace. */
const signerPathMax = 253 + 63 + 1;
const decisions = ['Approved', 'Denied'];
const usages = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];

/** The server alone says who asks. */
function prepareCreate(draft: Draft<V1CertificateSigningRequest>, { user }: WriteContext): void {
  draft.status = {};
  if (draft.spec === undefined) return;
  const { username: _, uid: __, groups: ___, extra: ____, ...asked } = draft.spec;
  draft.spec = {
    ...asked,
    ...(user === undefined ? {} : { username: user.name }),
    ...(user?.uid ? { uid: user.uid } : {}),
    ...(user?.groups === undefined ? {} : { groups: [...user.groups] }),
    ...(user?.extra === undefined
      ? {}
      : { extra: Object.fromEntries(Object.entries(user.extra).map(([key, values]) => [key, [...values]])) }),
  };
}

/** Adds the problems of the first label that has any. */
function validateLabels(text: string, problemsOf: (label: string) => readonly string[], path: string, errors: FieldError[]): void {
  const wrong = text.split('.').find((label) => problemsOf(label).length > 0);
  if (wrong === undefined) return;
  for (const problem of problemsOf(wrong)) errors.push(invalidValue(path, text, `validating label ${JSON.stringify(wrong)}: ${problem}`));
}

/** `example.com/name`: a domain, then a name of labels. */
function validateSignerName(name: string, path: string, errors: FieldError[]): void {
  if (name === '') return void errors.push(required(path));
  const segments = name.split('/');
  if (segments.length !== 2) {
    const detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
    return void errors.push(invalidValue(path, name, detail));
  }
  const [domain = '', rest = ''] = segments;
  if (domain.length > domainMax) errors.push(tooLong(path, domainMax));
  validateLabels(domain, dnsLabelProblems, path, errors);
  if (rest.length > signerPathMax) errors.push(tooLong(path, signerPathMax));
  validateLabels(rest, dnsSubdomainProblems, path, errors);
}

const malformedDer = 'asn1: structure error: sequence expected';

interface PemBlock {
  readonly type: string;
  readonly headers: string;
  readonly isSequence: boolean;
}

/** The blocks of a PEM text, line by line: the text may be a hostile one. */
function pemBlocks(base64: string | undefined): PemBlock[] {
  const blocks: PemBlock[] = [];
  let type: string | undefined;
  let headers = '';
  let body: string[] = [];
  for (const line of Buffer.from(base64 ?? '', 'base64')
    .toString('latin1')
    .split('\n')) {
    const text = line.trim();
    if (text.startsWith('-----BEGIN ') && text.endsWith('-----')) {
      type = text.slice('-----BEGIN '.length, -'-----'.length);
      headers = '';
      body = [];
    } else if (type !== undefined && text === `-----END ${type}-----`) {
      const der = Buffer.from(body.join(''), 'base64');
      blocks.push({ type, headers, isSequence: der.length > 2 && der[0] === 0x30 });
      type = undefined;
    } else if (type !== undefined && body.length === 0 && text.includes(':')) headers = text;
    else if (type !== undefined) body.push(text);
  }
  return blocks;
}

/** What is wrong with the PEM form of a request. Its signature is the signer's to check. */
function requestProblem(base64: string | undefined): string | undefined {
  const block = pemBlocks(base64)[0];
  if (block?.type !== 'CERTIFICATE REQUEST') return 'PEM block type must be CERTIFICATE REQUEST';
  return block.isSequence ? undefined : malformedDer;
}

/** What is wrong with the PEM form of a chain of certificates. */
function certificateProblem(base64: string | undefined): string | undefined {
  const blocks = pemBlocks(base64);
  if (blocks.length === 0) return 'must contain at least one CERTIFICATE PEM block';
  for (const { type, headers, isSequence } of blocks) {
    if (type !== 'CERTIFICATE') return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(type)}`;
    if (headers !== '') return 'no PEM block headers are permitted';
    if (!isSequence) return malformedDer;
  }
  return undefined;
}

function validateSpec(spec: Partial<V1CertificateSigningRequestSpec>, errors: FieldError[]): void {
  const problem = requestProblem(spec.request);
  if (problem !== undefined) errors.push(invalidValue('spec.request', spec.request ?? '', problem));
  const asked = spec.usages ?? [];
  if (asked.length === 0) errors.push(required('spec.usages'));
  asked.forEach((usage, i) => {
    if (!usages.includes(usage)) errors.push(notSupported(`spec.usages[${i}]`, usage, usages));
  });
  validateDistinct(asked, (i) => `spec.usages[${i}]`, errors);
  if (spec.signerName === 'kubernetes.io/legacy-unknown') {
    errors.push(invalidValue('spec.signerName', spec.signerName, 'the legacy signerName is not allowed via this API version'));
  } else validateSignerName(spec.signerName ?? '', 'spec.signerName', errors);
  const seconds = spec.expirationSeconds;
  if (seconds !== undefined && seconds < expirationSecondsMin) {
    const detail = 'may not specify a duration less than 600 seconds (10 minutes)';
    errors.push(invalidValue('spec.expirationSeconds', seconds, detail));
  }
}

function validateConditions(conditions: readonly V1CertificateSigningRequestCondition[] | undefined, errors: FieldError[]): void {
  const seen = new Set<string>();
  conditions?.forEach(({ type = '', status = '' }, i) => {
    const path = `status.conditions[${i}]`;
    if (type === '') errors.push(required(`${path}.type`));
    if (status === '') errors.push(required(`${path}.status`));
    else if (decisions.includes(type) || type === 'Failed') {
      if (status !== 'True') errors.push(notSupported(`${path}.status`, status, ['True']));
    } else if (!['True', 'False', 'Unknown'].includes(status))
      errors.push(notSupported(`${path}.status`, status, ['True', 'False', 'Unknown']));
    if (decisions.includes(type) && decisions.some((other) => other !== type && seen.has(other))) {
      errors.push(invalidValue(`${path}.type`, type, 'Approved and Denied conditions are mutually exclusive'));
    }
    if (seen.has(type)) errors.push(duplicate(`${path}.type`, type));
    seen.add(type);
  });
}

function validate(request: V1CertificateSigningRequest): FieldError[] {
  const errors: FieldError[] = [];
  validateSpec(request.spec ?? {}, errors);
  return errors;
}

const conditionsOf = ({ status }: V1CertificateSigningRequest, type: string) =>
  (status?.conditions ?? []).filter((condition) => condition.type === type);

/** Decisions and failures stay once they are there; `mayDecide` says whether this endpoint may add decisions. */
function validateStatus(next: V1CertificateSigningRequest, old: V1CertificateSigningRequest, mayDecide: boolean): FieldError[] {
  const errors: FieldError[] = [];
  const certificate = next.status?.certificate;
  if (certificate && certificate !== old.status?.certificate) {
    const problem = certificateProblem(certificate);
    if (problem !== undefined) errors.push(invalidValue('status.certificate', '<certificate data>', problem));
    if (old.status?.certificate) {
      errors.push(forbiddenField('status.certificate', 'updates may not modify existing certificate content'));
    }
  }
  validateConditions(next.status?.conditions, errors);
  for (const type of [...decisions, 'Failed']) {
    const [now, before] = [conditionsOf(next, type), conditionsOf(old, type)];
    const forbid = (what: string) =>
      errors.push(forbiddenField('status.conditions', `updates may not ${what} a condition of type "${type}"`));
    if (now.length < before.length) forbid('remove');
    else if (!decisions.includes(type) || mayDecide) continue;
    else if (now.length > before.length) forbid('add');
    else if (!sameMeaning(now, before)) forbid('modify');
  }
  return errors;
}

function stampConditions(draft: Draft<V1CertificateSigningRequest>, old: V1CertificateSigningRequest, nowTime: string): void {
  for (const condition of draft.status?.conditions ?? []) {
    condition.lastUpdateTime ??= nowTime;
    if (condition.lastTransitionTime !== undefined) continue;
    const before = old.status?.conditions?.find(({ type, status }) => type === condition.type && status === condition.status);
    condition.lastTransitionTime = before?.lastTransitionTime ?? nowTime;
  }
}

/** Only the conditions come from an approver. */
const approval: UpdateRules<V1CertificateSigningRequest> = {
  prepare: (draft, old, { nowTime }) => {
    const conditions = draft.status?.conditions;
    draft.spec = old.spec as Draft<V1CertificateSigningRequest>['spec'];
    draft.status = { ...(old.status as Draft<V1CertificateSigningRequest>['status']), ...(conditions === undefined ? {} : { conditions }) };
    if (conditions === undefined) delete draft.status.conditions;
    stampConditions(draft, old, nowTime);
  },
  validate: (next, old) => validateStatus(next, old, true),
};

function conditionCell({ status }: V1CertificateSigningRequest): string {
  const has = (type: string): boolean => status?.conditions?.some((condition) => condition.type === type) === true;
  const decision = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending';
  return `${decision}${has('Failed') ? ',Failed' : ''}${status?.certificate ? ',Issued' : ''}`;
}

export const certificatesigningrequests: KindDefinition<V1CertificateSigningRequest> = {
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  resource: 'certificatesigningrequests',
  singular: 'certificatesigningrequest',
  shortNames: ['csr'],
  namespaced: false,
  schema: 'V1CertificateSigningRequest',
  nameRule: 'pathSegment',
  hasGeneration: false,
  columns: [
    nameColumn,
    ageColumn,
    { name: 'SignerName', type: 'string', cell: ({ spec }) => spec?.signerName || none },
    { name: 'Requestor', type: 'string', cell: ({ spec }) => spec?.username ?? '' },
    {
      name: 'RequestedDuration',
      type: 'string',
      cell: ({ spec }) => (spec?.expirationSeconds === undefined ? none : humanDuration(spec.expirationSeconds * 1000)),
    },
    { name: 'Condition', type: 'string', cell: conditionCell },
  ],
  selectableFields: { 'spec.signerName': ({ spec }) => spec?.signerName ?? '' },
  prepareCreate,
  validateCreate: validate,
  update: {
    // Nobody changes what was asked for.
    prepare: (draft, old) => {
      draft.spec = old.spec as Draft<V1CertificateSigningRequest>['spec'];
      keepStatus(draft, old);
    },
    validate: (next, old) => (sameMeaning(next.spec, old.spec) ? [] : validate(next)),
  },
  status: {
    prepare: (draft, old, { nowTime }) => {
      draft.spec = old.spec as Draft<V1CertificateSigningRequest>['spec'];
      stampConditions(draft, old, nowTime);
    },
    validate: (next, old) => validateStatus(next, old, false),
  },
  subresources: { approval },
};
