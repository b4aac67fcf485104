// Templates of pods inside workloads: what every workload checks of them.
import type { V1PodTemplateSpec } from '../generated/types.gen.ts';
import { type FieldError, forbiddenField, invalidValue, notSupported } from '../meta/field-error.ts';
import { type LabelSelector, matchesLabels } from '../meta/selectors.ts';
import { validateAnnotations, validateLabels } from '../meta/validate-metadata.ts';
import { validatePodSpec } from './pod-validation/spec.ts';

export function validatePodTemplate(template: V1PodTemplateSpec, path: string, errors: FieldError[]): void {
  validateLabels(template.metadata?.labels, `${path}.labels`, errors);
  validateAnnotations(template.metadata?.annotations, `${path}.annotations`, errors);
  validatePodSpec(template.spec ?? { containers: [] }, `${path}.spec`, errors);
  if ((template.spec?.ephemeralContainers ?? []).length > 0) {
    errors.push(forbiddenField(`${path}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template'));
  }
}

/** The template of a workload whose pods run forever, and which finds them by `selector`. */
export function validateTemplateForReplicas(
  template: V1PodTemplateSpec | undefined,
  selector: LabelSelector,
  path: string,
  errors: FieldError[],
): void {
  const given = template ?? {};
  const selects = selector.requirements.length > 0;
  if (selects && !matchesLabels(selector, given.metadata?.labels)) {
    errors.push(invalidValue(`${path}.metadata.labels`, given.metadata?.labels, '`selector` does not match template `labels`'));
  }
  validatePodTemplate(given, path, errors);
  const restartPolicy = given.spec?.restartPolicy ?? '';
  if (restartPolicy !== 'Always') errors.push(notSupported(`${path}.spec.restartPolicy`, restartPolicy, ['Always']));
  if (given.spec?.activeDeadlineSeconds !== undefined) {
    errors.push(forbiddenField(`${path}.spec.activeDeadlineSeconds`, 'activeDeadlineSeconds in ReplicaSet is not Supported'));
  }
}
