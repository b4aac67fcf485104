// APIService: which server answers for a group and version.
import type { V1APIService, V1APIServiceSpec } from '../generated/types.gen.ts';
import type { KindDefinition, WriteContext } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { getCondition } from '../meta/conditions.ts';
import { keepStatus } from '../meta/endpoint-rules.ts';
import { type FieldError, invalidValue, required } from '../meta/field-error.ts';
import { dns1035LabelProblems, dnsSubdomainProblems, portNumberProblems } from '../meta/names.ts';
import type { Draft } from '../meta/object.ts';
import { addProblems } from '../meta/validate-metadata.ts';

const groupPriorityMax = 20_000;
const versionPriorityMax = 1000;
const defaultPort = 443;

/** What this server itself serves is always there. */
function prepareCreate(draft: Draft<V1APIService>, { nowTime }: WriteContext): void {
  const message = 'Local APIServices are always available';
  const local = { type: 'Available', status: 'True', lastTransitionTime: nowTime, reason: 'Local', message };
  draft.status = draft.spec?.service === undefined ? { conditions: [local] } : {};
}

function validateService(spec: Partial<V1APIServiceSpec>, errors: FieldError[]): void {
  const { service, caBundle, insecureSkipTLSVerify: insecure } = spec;
  if (service === undefined) {
    if (caBundle) errors.push(invalidValue('spec.caBundle', `${caBundle.length} bytes`, 'local APIServices may not have a caBundle'));
    if (insecure) errors.push(invalidValue('spec.insecureSkipTLSVerify', insecure, 'local APIServices may not have insecureSkipTLSVerify'));
    return;
  }
  if (!service.namespace) errors.push(required('spec.service.namespace'));
  if (!service.name) errors.push(required('spec.service.name'));
  const port = service.port ?? defaultPort;
  for (const problem of portNumberProblems(port)) errors.push(invalidValue('spec.service.port', port, `port is not valid: ${problem}`));
  if (insecure && caBundle) errors.push(invalidValue('spec.insecureSkipTLSVerify', insecure, 'may not be true if caBundle is present'));
}

function validate(service: V1APIService): FieldError[] {
  const errors: FieldError[] = [];
  const spec: Partial<V1APIServiceSpec> = service.spec ?? {};
  const { group = '', version = '', groupPriorityMinimum: groupPriority = 0, versionPriority = 0 } = spec;
  const name = service.metadata?.name ?? '';
  const wanted = `${version}.${group}`;
  if (name !== wanted) errors.push(invalidValue('metadata.name', name, `must be \`spec.version+"."+spec.group\`: "${wanted}"`));
  if (group === '' && version !== 'v1') {
    errors.push(required('spec.group', 'only v1 may have an empty group and it better be legacy kube'));
  }
  if (group !== '') addProblems(errors, 'spec.group', group, dnsSubdomainProblems(group));
  addProblems(errors, 'spec.version', version, dns1035LabelProblems(version));
  if (groupPriority <= 0 || groupPriority > groupPriorityMax) {
    errors.push(invalidValue('spec.groupPriorityMinimum', groupPriority, `must be positive and less than ${groupPriorityMax}`));
  }
  if (versionPriority <= 0 || versionPriority > versionPriorityMax) {
    errors.push(invalidValue('spec.versionPriority', versionPriority, `must be positive and less than ${versionPriorityMax}`));
  }
  validateService(spec, errors);
  return errors;
}

function availableCell({ status }: V1APIService): string {
  const available = getCondition(status?.conditions, 'Available');
  if (available === undefined) return 'Unknown';
  return available.status === 'True' ? 'True' : `${available.status} (${available.reason ?? ''})`;
}

export const apiservices: KindDefinition<V1APIService> = {
  group: 'apiregistration.k8s.io',
  version: 'v1',
  kind: 'APIService',
  resource: 'apiservices',
  singular: 'apiservice',
  categories: ['api-extensions'],
  namespaced: false,
  schema: 'V1APIService',
  nameRule: 'pathSegment',
  hasGeneration: false,
  columns: [
    nameColumn,
    {
      name: 'Service',
      type: 'string',
      description: 'The reference to the service that hosts this API endpoint.',
      cell: ({ spec }) => (spec?.service === undefined ? 'Local' : `${spec.service.namespace ?? ''}/${spec.service.name ?? ''}`),
    },
    { name: 'Available', type: 'string', description: 'Whether this service is available.', cell: availableCell },
    ageColumn,
  ],
  setDefaults: (draft) => {
    if (draft.spec?.service) draft.spec.service.port ??= defaultPort;
  },
  prepareCreate,
  validateCreate: validate,
  update: { prepare: keepStatus, validate },
  status: {},
};
