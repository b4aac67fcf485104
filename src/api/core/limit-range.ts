// LimitRange: what one pod, container or claim in a namespace may ask for, and what it gets when it asks for nothing.
import type { V1LimitRange, V1LimitRangeItem } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { nameColumn } from '../meta/columns.ts';
import { createdAtColumn } from '../meta/endpoint-rules.ts';
import { validateQuantity } from '../meta/field-checks.ts';
import { duplicate, type FieldError, forbiddenField, invalidValue, required } from '../meta/field-error.ts';
import { qualifiedNameProblems } from '../meta/names.ts';
import type { Draft } from '../meta/object.ts';
import { compareQuantities, formatQuantity, parseQuantity, type Quantity, toNumber } from '../meta/quantity.ts';
import { addProblems } from '../meta/validate-metadata.ts';
import { canonicalizeQuantities } from './quantities.ts';

const maps = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;
const limitTypes = ['Pod', 'Container', 'PersistentVolumeClaim'];
const containerResources = ['cpu', 'memory', 'ephemeral-storage'];
const hugePages = 'hugepages-';

/** What a container may at most have is what it gets; what it is promised is what it gets, or at least the least. */
function setDefaults(draft: Draft<V1LimitRange>): void {
  for (const item of draft.spec?.limits ?? []) {
    for (const map of maps) canonicalizeQuantities(item[map]);
    if (item.type !== 'Container') continue;
    const limits = { ...item.max, ...item.default };
    const requests = { ...item.min, ...limits, ...item.defaultRequest };
    if (Object.keys(limits).length > 0) item.default = limits;
    if (Object.keys(requests).length > 0) item.defaultRequest = requests;
  }
}

function validateResourceName(type: string, name: string, path: string, errors: FieldError[]): void {
  const problems = qualifiedNameProblems(name);
  addProblems(errors, path, name, problems);
  if (problems.length > 0 || name.includes('/') || name.startsWith(hugePages)) return;
  const known = type === 'Pod' || type === 'Container' ? containerResources : [...containerResources, 'storage'];
  if (known.includes(name)) return;
  errors.push(
    invalidValue(
      path,
      name,
      type === 'Pod' || type === 'Container'
        ? 'must be a standard resource for containers'
        : 'must be a standard resource type or fully qualified',
    ),
  );
}

/** Each pair that must be in order: `low` of a resource is not above `high`. `blames` is whose value the error shows. */
const orders = [
  { low: 'min', high: 'max', at: 'min', text: 'min value %1 is greater than max value %2' },
  { low: 'min', high: 'defaultRequest', at: 'defaultRequest', text: 'min value %1 is greater than default request value %2' },
  { low: 'defaultRequest', high: 'max', at: 'defaultRequest', text: 'default request value %1 is greater than max value %2' },
  { low: 'defaultRequest', high: 'default', at: 'defaultRequest', text: 'default request value %1 is greater than default limit value %2' },
  { low: 'min', high: 'default', at: 'default', text: 'min value %1 is greater than default value %2' },
  { low: 'default', high: 'max', at: 'default', text: 'default value %1 is greater than max value %2' },
] as const;

function validateOrders(item: V1LimitRangeItem, path: string, errors: FieldError[]): void {
  const parsed = new Map<string, Quantity>();
  const names = new Set<string>();
  for (const map of maps) {
    for (const name of Object.keys(item[map] ?? {})) {
      const at = `${path}.${map}[${name}]`;
      validateResourceName(item.type, name, at, errors);
      const quantity = validateQuantity(item[map]?.[name], at, errors, 'any');
      if (quantity !== undefined) parsed.set(`${map}/${name}`, quantity);
      names.add(name);
    }
  }
  for (const name of names) {
    for (const { low, high, at, text } of orders) {
      const [a, b] = [parsed.get(`${low}/${name}`), parsed.get(`${high}/${name}`)];
      if (a === undefined || b === undefined || compareQuantities(a, b) <= 0) continue;
      const detail = text.replace('%1', formatQuantity(a)).replace('%2', formatQuantity(b));
      errors.push(invalidValue(`${path}.${at}[${name}]`, formatQuantity(low === at ? a : b), detail));
    }
    validateRatio(name, parsed, path, errors);
  }
}

const one = parseQuantity('1');

function validateRatio(name: string, parsed: ReadonlyMap<string, Quantity>, path: string, errors: FieldError[]): void {
  const ratio = parsed.get(`maxLimitRequestRatio/${name}`);
  if (ratio === undefined) return;
  const at = `${path}.maxLimitRequestRatio[${name}]`;
  const shown = formatQuantity(ratio);
  if (compareQuantities(ratio, one) < 0) errors.push(invalidValue(at, shown, `ratio ${shown} is less than 1`));
  const [min, max] = [parsed.get(`min/${name}`), parsed.get(`max/${name}`)];
  if (min === undefined || max === undefined || toNumber(min) === 0) return;
  const widest = toNumber(max) / toNumber(min);
  if (toNumber(ratio) > widest) errors.push(invalidValue(at, shown, `ratio ${shown} is greater than max/min = ${widest.toFixed(6)}`));
}

function validate(range: V1LimitRange): FieldError[] {
  const errors: FieldError[] = [];
  const types = new Set<string>();
  range.spec?.limits?.forEach((item, i) => {
    const path = `spec.limits[${i}]`;
    const type = item.type ?? '';
    const problems = qualifiedNameProblems(type);
    addProblems(errors, `${path}.type`, type, problems);
    if (problems.length === 0 && !type.includes('/') && !limitTypes.includes(type)) {
      errors.push(invalidValue(`${path}.type`, type, 'must be a standard limit type or fully qualified'));
    }
    if (types.has(type)) errors.push(duplicate(`${path}.type`, type));
    types.add(type);
    if (type === 'Pod') {
      for (const map of ['default', 'defaultRequest'] as const) {
        if (Object.keys(item[map] ?? {}).length > 0)
          errors.push(forbiddenField(`${path}.${map}`, "may not be specified when `type` is 'Pod'"));
      }
    }
    if (type === 'PersistentVolumeClaim' && item.min?.storage === undefined && item.max?.storage === undefined) {
      errors.push(required(path, 'either minimum or maximum storage value is required, but neither was provided'));
    }
    validateOrders(item, path, errors);
  });
  return errors;
}

export const limitranges: KindDefinition<V1LimitRange> = {
  group: '',
  version: 'v1',
  kind: 'LimitRange',
  resource: 'limitranges',
  singular: 'limitrange',
  shortNames: ['limits'],
  namespaced: true,
  schema: 'V1LimitRange',
  hasGeneration: false,
  columns: [nameColumn, createdAtColumn],
  setDefaults,
  validateCreate: validate,
  update: { validate },
};
