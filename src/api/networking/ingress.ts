// Ingress: which HTTP requests from outside go to which services.
import type { V1HTTPIngressPath, V1Ingress, V1IngressBackend, V1IngressRule, V1IngressSpec, V1IngressTLS } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn, none } from '../meta/columns.ts';
import { keepStatus } from '../meta/endpoint-rules.ts';
import { validateName, validateOptionalChoice } from '../meta/field-checks.ts';
import { type FieldError, invalidValue, required } from '../meta/field-error.ts';
import { ipFamilyOf, ipProblems } from '../meta/ip.ts';
import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  pathSegmentProblems,
  portNameProblems,
  portNumberProblems,
  wildcardSubdomainProblems,
} from '../meta/names.ts';
import { addProblems } from '../meta/validate-metadata.ts';

const classAnnotation = 'kubernetes.io/ingress.class';
const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix'];
const badSequences = ['//', '/./', '/../', '%2f', '%2F'];
const badEnds = ['/..', '/.'];
const hostNotAddress = 'must be a DNS name, not an IP address';

function validateBackend(backend: V1IngressBackend, path: string, errors: FieldError[]): void {
  const { resource, service } = backend;
  if (resource !== undefined && service !== undefined) {
    return void errors.push(invalidValue(path, '', 'cannot set both resource and service backends'));
  }
  if (resource !== undefined) {
    const { apiGroup } = resource;
    if (apiGroup !== undefined) addProblems(errors, `${path}.resource.apiGroup`, apiGroup, dnsSubdomainProblems(apiGroup));
    validateName(resource.kind, pathSegmentProblems, `${path}.resource.kind`, errors);
    validateName(resource.name, pathSegmentProblems, `${path}.resource.name`, errors);
    return;
  }
  if (service === undefined) return void errors.push(invalidValue(path, '', 'resource or service backend is required'));
  validateName(service.name, dnsLabelProblems, `${path}.service.name`, errors);
  const { name = '', number = 0 } = service.port ?? {};
  if (name !== '' && number !== 0) errors.push(invalidValue(path, '', 'cannot set both port name & port number'));
  else if (name !== '') addProblems(errors, `${path}.service.port.name`, name, portNameProblems(name));
  else if (number !== 0) addProblems(errors, `${path}.service.port.number`, number, portNumberProblems(number));
  else errors.push(required(path, 'port name or number is required'));
}

function validatePath(path: V1HTTPIngressPath, at: string, errors: FieldError[]): void {
  const { pathType, path: text = '' } = path;
  if (pathType === undefined) return void errors.push(required(`${at}.pathType`, 'pathType must be specified'));
  const mustBeAbsolute = pathType === 'Exact' || pathType === 'Prefix' || (pathType === 'ImplementationSpecific' && text !== '');
  if (mustBeAbsolute && !text.startsWith('/')) errors.push(invalidValue(`${at}.path`, text, 'must be an absolute path'));
  if (pathType === 'Exact' || pathType === 'Prefix') {
    for (const bad of badSequences) if (text.includes(bad)) errors.push(invalidValue(`${at}.path`, text, `must not contain '${bad}'`));
    for (const bad of badEnds) if (text.endsWith(bad)) errors.push(invalidValue(`${at}.path`, text, `cannot end with '${bad}'`));
  }
  validateOptionalChoice(pathType, pathTypes, `${at}.pathType`, errors);
  validateBackend(path.backend ?? {}, `${at}.backend`, errors);
}

function validateHost(host: string, path: string, errors: FieldError[]): void {
  addProblems(errors, path, host, host.includes('*') ? wildcardSubdomainProblems(host) : dnsSubdomainProblems(host));
}

function validateRule({ host = '', http }: V1IngressRule, path: string, errors: FieldError[]): void {
  if (host !== '') {
    if (ipFamilyOf(host) !== undefined) errors.push(invalidValue(`${path}.host`, host, hostNotAddress));
    validateHost(host, `${path}.host`, errors);
  }
  if (http === undefined) return;
  const paths = http.paths ?? [];
  if (paths.length === 0) errors.push(required(`${path}.http.paths`));
  paths.forEach((each, i) => {
    validatePath(each, `${path}.http.paths[${i}]`, errors);
  });
}

function validateTls({ hosts = [], secretName = '' }: V1IngressTLS, path: string, errors: FieldError[]): void {
  hosts.forEach((host, i) => {
    validateHost(host, `${path}.hosts[${i}]`, errors);
  });
  if (secretName !== '') addProblems(errors, `${path}.secretName`, secretName, dnsSubdomainProblems(secretName));
}

function validateSpec(spec: V1IngressSpec, errors: FieldError[]): void {
  const { rules = [], tls = [], defaultBackend, ingressClassName } = spec;
  if (rules.length === 0 && defaultBackend === undefined) {
    errors.push(invalidValue('spec', rules, 'either `defaultBackend` or `rules` must be specified'));
  }
  if (defaultBackend !== undefined) validateBackend(defaultBackend, 'spec.defaultBackend', errors);
  rules.forEach((rule, i) => {
    validateRule(rule, `spec.rules[${i}]`, errors);
  });
  tls.forEach((each, i) => {
    validateTls(each, `spec.tls[${i}]`, errors);
  });
  if (ingressClassName !== undefined) {
    addProblems(errors, 'spec.ingressClassName', ingressClassName, dnsSubdomainProblems(ingressClassName));
  }
}

function validate(ingress: V1Ingress): FieldError[] {
  const errors: FieldError[] = [];
  validateSpec(ingress.spec ?? {}, errors);
  return errors;
}

function validateCreate(ingress: V1Ingress): FieldError[] {
  const errors = validate(ingress);
  const annotation = ingress.metadata?.annotations?.[classAnnotation];
  const name = ingress.spec?.ingressClassName;
  if (annotation !== undefined && name !== undefined && annotation !== name) {
    errors.push(invalidValue(`annotations.${classAnnotation}`, annotation, 'must match `ingressClassName` when both are specified'));
  }
  return errors;
}

function validateStatus({ status }: V1Ingress): FieldError[] {
  const errors: FieldError[] = [];
  status?.loadBalancer?.ingress?.forEach(({ ip = '', hostname = '' }, i) => {
    const path = `status.loadBalancer.ingress[${i}]`;
    if (ip !== '') addProblems(errors, `${path}.ip`, ip, ipProblems(ip));
    if (hostname === '') return;
    addProblems(errors, `${path}.hostname`, hostname, dnsSubdomainProblems(hostname));
    if (ipFamilyOf(hostname) !== undefined) errors.push(invalidValue(`${path}.hostname`, hostname, hostNotAddress));
  });
  return errors;
}

const hostsMax = 3;

function hostsCell({ spec }: V1Ingress): string {
  const hosts = (spec?.rules ?? []).map(({ host }) => host).filter((host) => host);
  if (hosts.length === 0) return '*';
  const shown = hosts.slice(0, hostsMax).join(',');
  return hosts.length > hostsMax ? `${shown} + ${hosts.length - hostsMax} more...` : shown;
}

const addressCell = ({ status }: V1Ingress): string =>
  (status?.loadBalancer?.ingress ?? [])
    .map(({ ip, hostname }) => ip || hostname || '')
    .filter((address) => address !== '')
    .join(',');

export const ingresses: KindDefinition<V1Ingress> = {
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'Ingress',
  resource: 'ingresses',
  singular: 'ingress',
  shortNames: ['ing'],
  namespaced: true,
  schema: 'V1Ingress',
  hasGeneration: true,
  columns: [
    nameColumn,
    {
      name: 'Class',
      type: 'string',
      description: 'The name of the IngressClass resource that should be used for additional configuration',
      cell: ({ spec, metadata }) => spec?.ingressClassName || metadata?.annotations?.[classAnnotation] || none,
    },
    {
      name: 'Hosts',
      type: 'string',
      description: 'Hosts that incoming requests are matched against before the ingress rule',
      cell: hostsCell,
    },
    {
      name: 'Address',
      type: 'string',
      description: 'Address is a list containing ingress points for the load-balancer',
      cell: addressCell,
    },
    {
      name: 'Ports',
      type: 'string',
      description: 'Ports of TLS configurations that open',
      cell: ({ spec }) => ((spec?.tls ?? []).length > 0 ? '80, 443' : '80'),
    },
    ageColumn,
  ],
  prepareCreate: (draft) => {
    draft.status = { loadBalancer: {} };
  },
  validateCreate,
  update: { prepare: keepStatus, validate },
  status: { validate: validateStatus },
  warnings: (ingress, old) =>
    old === undefined && ingress.metadata?.annotations?.[classAnnotation] !== undefined
      ? [`annotation "${classAnnotation}" is deprecated, please use 'spec.ingressClassName' instead`]
      : [],
};
