// PodTemplate: a template of pods, for whoever wants to make them.
import type { V1PodTemplate } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { nameColumn, orNone } from '../meta/columns.ts';
import type { FieldError } from '../meta/field-error.ts';
import { labelsToString } from '../meta/selectors.ts';
import { setPodTemplateDefaults } from './pod-defaults.ts';
import { validatePodTemplate } from './pod-template.ts';
import { podSpecWarnings } from './pod-warnings.ts';

function validate(object: V1PodTemplate): FieldError[] {
  const errors: FieldError[] = [];
  validatePodTemplate(object.template ?? {}, 'template', errors);
  return errors;
}

const containersOf = ({ template }: V1PodTemplate) => template?.spec?.containers ?? [];

export const podtemplates: KindDefinition<V1PodTemplate> = {
  group: '',
  version: 'v1',
  kind: 'PodTemplate',
  resource: 'podtemplates',
  singular: 'podtemplate',
  namespaced: true,
  schema: 'V1PodTemplate',
  hasGeneration: true,
  columns: [
    nameColumn,
    {
      name: 'Containers',
      type: 'string',
      description: 'Names of each container in the template.',
      cell: (object) =>
        containersOf(object)
          .map(({ name }) => name)
          .join(','),
    },
    {
      name: 'Images',
      type: 'string',
      description: 'Images referenced by each container in the template.',
      cell: (object) =>
        containersOf(object)
          .map(({ image }) => image ?? '')
          .join(','),
    },
    {
      name: 'Pod Labels',
      type: 'string',
      description: 'The labels for the pod template.',
      cell: ({ template }) => orNone(labelsToString(template?.metadata?.labels)),
    },
  ],
  setDefaults: (draft) => {
    draft.template ??= {};
    setPodTemplateDefaults(draft.template);
  },
  validateCreate: validate,
  update: { validate },
  warnings: (object) => podSpecWarnings(object.template?.spec, 'template.spec'),
  deleteReturnsObject: true,
};
