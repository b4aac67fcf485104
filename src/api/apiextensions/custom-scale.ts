// The scale subresource of a custom resource: where its replicas and its selector are.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#scale-subresource
import type { V1CustomResourceSubresourceScale } from '../generated/types.gen.ts';
import type { ScaleRules } from '../kind.ts';
import { type FieldError, invalidValue } from '../meta/field-error.ts';
import type { KubeObject } from '../meta/object.ts';
import { findValue, parseJsonPath, setValue } from '../schema/structural/mod.ts';

const numberOf = (value: unknown): number => (typeof value === 'number' ? value : 0);

export function scaleRulesOf(scale: V1CustomResourceSubresourceScale): ScaleRules<KubeObject> {
  const spec = parseJsonPath(scale.specReplicasPath);
  const status = parseJsonPath(scale.statusReplicasPath);
  const selector = scale.labelSelectorPath ? parseJsonPath(scale.labelSelectorPath) : undefined;
  return {
    read(object) {
      const found = selector && findValue(object, selector);
      return {
        specReplicas: numberOf(findValue(object, spec)),
        statusReplicas: numberOf(findValue(object, status)),
        selector: typeof found === 'string' ? found : '',
      };
    },
    write: (draft, replicas) => setValue(draft as Record<string, unknown>, spec, replicas),
    applied(replicas) {
      const made: Record<string, unknown> = {};
      setValue(made, spec, replicas);
      return made;
    },
  };
}

/** Replicas of the spec and the status are counts. */
export function scaleErrors(object: KubeObject, scale: V1CustomResourceSubresourceScale | undefined): FieldError[] {
  if (!scale) return [];
  return [scale.specReplicasPath, scale.statusReplicasPath].flatMap((path) => {
    const value = findValue(object, parseJsonPath(path));
    if (value === undefined || (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 31)) return [];
    return [invalidValue(path, value, 'should be a non-negative integer')];
  });
}
