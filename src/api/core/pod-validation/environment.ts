// Validation of containers' environments.
import type { V1EnvFromSource, V1EnvVar } from '../../generated/types.gen.ts';
import { type FieldError, invalidValue, required } from '../../meta/field-error.ts';
import { configKeyProblems, dnsSubdomainProblems, envNameProblems } from '../../meta/names.ts';
import { addProblems } from '../../meta/validate-metadata.ts';
import { environmentFieldPaths, validateFieldRef, validateResourceFieldRef } from './field-refs.ts';

interface KeyRef {
  readonly name?: string | undefined;
  readonly key?: string | undefined;
}

function validateKeyRef(ref: KeyRef, path: string, errors: FieldError[]): void {
  const name = ref.name ?? '';
  addProblems(errors, `${path}.name`, name, dnsSubdomainProblems(name));
  const key = ref.key ?? '';
  if (key === '') errors.push(required(`${path}.key`));
  else addProblems(errors, `${path}.key`, key, configKeyProblems(key));
}

function validateValueFrom(variable: V1EnvVar, path: string, errors: FieldError[]): void {
  const source = variable.valueFrom;
  if (source === undefined) return;
  let sources = 0;
  if (source.fieldRef !== undefined) {
    sources++;
    validateFieldRef(source.fieldRef, environmentFieldPaths, `${path}.fieldRef`, errors);
  }
  if (source.resourceFieldRef !== undefined) {
    sources++;
    validateResourceFieldRef(source.resourceFieldRef, false, `${path}.resourceFieldRef`, errors);
  }
  if (source.configMapKeyRef !== undefined) {
    sources++;
    validateKeyRef(source.configMapKeyRef, `${path}.configMapKeyRef`, errors);
  }
  if (source.secretKeyRef !== undefined) {
    sources++;
    validateKeyRef(source.secretKeyRef, `${path}.secretKeyRef`, errors);
  }
  if (source.fileKeyRef !== undefined) sources++;
  if (sources === 0) {
    const detail = 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`';
    errors.push(invalidValue(path, '', detail));
  } else if ((variable.value ?? '') !== '') errors.push(invalidValue(path, '', 'may not be specified when `value` is not empty'));
  else if (sources > 1) errors.push(invalidValue(path, '', 'may not have more than one field specified at a time'));
}

export function validateEnvironment(variables: readonly V1EnvVar[] | undefined, path: string, errors: FieldError[]): void {
  variables?.forEach((variable, i) => {
    const name = variable.name ?? '';
    if (name === '') errors.push(required(`${path}[${i}].name`));
    else addProblems(errors, `${path}[${i}].name`, name, envNameProblems(name));
    validateValueFrom(variable, `${path}[${i}].valueFrom`, errors);
  });
}

export function validateEnvironmentSources(sources: readonly V1EnvFromSource[] | undefined, path: string, errors: FieldError[]): void {
  sources?.forEach((source, i) => {
    const at = `${path}[${i}]`;
    const prefix = source.prefix ?? '';
    if (prefix !== '') addProblems(errors, `${at}.prefix`, prefix, envNameProblems(prefix));
    const refs = [
      ['configMapRef', source.configMapRef],
      ['secretRef', source.secretRef],
    ] as const;
    for (const [field, ref] of refs) {
      if (ref === undefined) continue;
      const name = ref.name ?? '';
      if (name === '') errors.push(required(`${at}.${field}.name`));
      else addProblems(errors, `${at}.${field}.name`, name, dnsSubdomainProblems(name));
    }
    const count = refs.filter(([, ref]) => ref !== undefined).length;
    // Upstream reports the whole list here, not the item.
    if (count === 0) errors.push(invalidValue(path, '', 'must specify one of: `configMapRef` or `secretRef`'));
    else if (count > 1) errors.push(invalidValue(path, '', 'may not have more than one field specified at a time'));
  });
}
