// IngressClass: a kind of ingress, and the controller that serves it.
import type { V1IngressClass, V1IngressClassParametersReference } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn, none } from '../meta/columns.ts';
import { validateDomainPrefixedPath, validateName, validateUnchanged } from '../meta/field-checks.ts';
import { type FieldError, forbiddenField, notSupported, required, tooLong } from '../meta/field-error.ts';
import { dnsLabelProblems, dnsSubdomainProblems, pathSegmentProblems } from '../meta/names.ts';
import { addProblems } from '../meta/validate-metadata.ts';

const controllerMax = 250;
const scopes = ['Cluster', 'Namespace'];

function validateParameters(parameters: V1IngressClassParametersReference, path: string, errors: FieldError[]): void {
  const { apiGroup, scope, namespace } = parameters;
  if (apiGroup !== undefined) addProblems(errors, `${path}.apiGroup`, apiGroup, dnsSubdomainProblems(apiGroup));
  validateName(parameters.kind, pathSegmentProblems, `${path}.kind`, errors);
  validateName(parameters.name, pathSegmentProblems, `${path}.name`, errors);
  if (scope === undefined) return void errors.push(required(`${path}.scope`));
  if (!scopes.includes(scope)) return void errors.push(notSupported(`${path}.scope`, scope, scopes));
  const at = `${path}.namespace`;
  if (scope === 'Cluster') {
    if (namespace !== undefined) errors.push(forbiddenField(at, "`parameters.scope` is set to 'Cluster'"));
  } else if (namespace === undefined) errors.push(required(at, "`parameters.scope` is set to 'Namespace'"));
  else addProblems(errors, at, namespace, dnsLabelProblems(namespace));
}

function validate({ spec }: V1IngressClass): FieldError[] {
  const errors: FieldError[] = [];
  const controller = spec?.controller ?? '';
  if (controller.length > controllerMax) errors.push(tooLong('spec.controller', controllerMax));
  validateDomainPrefixedPath(controller, 'spec.controller', errors);
  if (spec?.parameters !== undefined) validateParameters(spec.parameters, 'spec.parameters', errors);
  return errors;
}

function parametersCell({ spec }: V1IngressClass): string {
  const parameters = spec?.parameters;
  if (parameters === undefined) return none;
  const group = parameters.apiGroup === undefined ? '' : `.${parameters.apiGroup}`;
  return `${parameters.kind}${group}/${parameters.name}`;
}

export const ingressclasses: KindDefinition<V1IngressClass> = {
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IngressClass',
  resource: 'ingressclasses',
  singular: 'ingressclass',
  namespaced: false,
  schema: 'V1IngressClass',
  hasGeneration: true,
  columns: [
    nameColumn,
    {
      name: 'Controller',
      type: 'string',
      description: 'Controller that is responsible for handling this class',
      cell: ({ spec }) => spec?.controller ?? '',
    },
    { name: 'Parameters', type: 'string', description: 'A reference to a resource with additional parameters', cell: parametersCell },
    ageColumn,
  ],
  setDefaults: (draft) => {
    if (draft.spec?.parameters) draft.spec.parameters.scope ??= 'Cluster';
  },
  validateCreate: validate,
  update: {
    validate: (next, old) => {
      const errors: FieldError[] = [];
      validateUnchanged(next.spec?.controller, old.spec?.controller, 'spec.controller', errors);
      return [...errors, ...validate(next)];
    },
  },
};
