// Claims of devices: what is asked for, under which constraints, with which configuration. Validation and defaults.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
import type {
  V1DeviceClaim,
  V1DeviceClaimConfiguration,
  V1DeviceConstraint,
  V1DeviceRequest,
  V1DeviceSelector,
  V1DeviceToleration,
  V1ExactDeviceRequest,
  V1ResourceClaimSpec,
} from '../generated/types.gen.ts';
import { validateDistinct, validateDriverName, validateName } from '../meta/field-checks.ts';
import { duplicate, type FieldError, invalidValue, notSupported, quoteValue, required, tooLong, tooMany } from '../meta/field-error.ts';
import { byteLength, dnsLabelProblems, dnsSubdomainProblems, labelValueProblems, qualifiedNameProblems } from '../meta/names.ts';
import type { Draft } from '../meta/object.ts';
import { addProblems } from '../meta/validate-metadata.ts';

const requestsMax = 32;
const firstAvailableMax = 8;
const selectorsMax = 32;
const constraintsMax = 32;
const configsMax = 32;
const tolerationsMax = 16;
const expressionBytesMax = 10 * 1024;
const parametersBytesMax = 10 * 1024;
const attributeNameMax = 32;
const tolerationEffects = ['NoExecute', 'NoSchedule', 'None'];

type Ask = Pick<V1ExactDeviceRequest, 'allocationMode' | 'count' | 'deviceClassName' | 'selectors' | 'tolerations'>;

function setAskDefaults(ask: Draft<Ask>): void {
  if ((ask.allocationMode ?? '') === '') ask.allocationMode = 'ExactCount';
  if (ask.allocationMode === 'ExactCount' && (ask.count ?? 0) === 0) ask.count = 1;
  for (const toleration of ask.tolerations ?? []) if ((toleration.operator ?? '') === '') toleration.operator = 'Equal';
}

export function setClaimSpecDefaults(spec: Draft<V1ResourceClaimSpec> | undefined): void {
  for (const request of spec?.devices?.requests ?? []) {
    if (request.exactly) setAskDefaults(request.exactly);
    for (const alternative of request.firstAvailable ?? []) setAskDefaults(alternative);
  }
}

/** Checks the size of a list, then each item. */
export function validateEach<T>(
  list: readonly T[] | undefined,
  max: number,
  path: string,
  errors: FieldError[],
  check: (item: T, path: string) => void,
): void {
  const items = list ?? [];
  if (items.length > max) errors.push(tooMany(path, items.length, max));
  items.forEach((item, i) => {
    check(item, `${path}[${i}]`);
  });
}

export function validateSelectors(selectors: readonly V1DeviceSelector[] | undefined, path: string, errors: FieldError[]): void {
  validateEach(selectors, selectorsMax, path, errors, ({ cel }, at) => {
    if (cel === undefined) return void errors.push(required(`${at}.cel`));
    const expression = cel.expression ?? '';
    if (expression === '') errors.push(required(`${at}.cel.expression`));
    else if (byteLength(expression) > expressionBytesMax) errors.push(tooLong(`${at}.cel.expression`, expressionBytesMax));
  });
}

function validateToleration(toleration: V1DeviceToleration, path: string, errors: FieldError[]): void {
  const { key = '', operator = '', value = '', effect } = toleration;
  if (key !== '') addProblems(errors, `${path}.key`, key, qualifiedNameProblems(key));
  if (operator === 'Exists') {
    if (value !== '') errors.push(invalidValue(`${path}.value`, value, 'must be empty for operator `Exists`'));
  } else if (operator === 'Equal') {
    if (key === '') errors.push(required(`${path}.key`));
    addProblems(errors, `${path}.value`, value, labelValueProblems(value));
  } else if (operator === '') errors.push(required(`${path}.operator`));
  else errors.push(notSupported(`${path}.operator`, operator, ['Equal', 'Exists']));
  if (effect !== undefined && effect !== '' && !tolerationEffects.includes(effect)) {
    errors.push(notSupported(`${path}.effect`, effect, tolerationEffects));
  }
}

function validateAsk(ask: Ask, path: string, errors: FieldError[]): void {
  validateName(ask.deviceClassName, dnsSubdomainProblems, `${path}.deviceClassName`, errors);
  validateSelectors(ask.selectors, `${path}.selectors`, errors);
  const { allocationMode: mode = '', count = 0 } = ask;
  if (mode === 'All') {
    if (count !== 0) errors.push(invalidValue(`${path}.count`, count, "must not be specified when allocationMode is 'All'"));
  } else if (mode === 'ExactCount') {
    if (count <= 0) errors.push(invalidValue(`${path}.count`, count, 'must be greater than zero'));
  } else errors.push(notSupported(`${path}.allocationMode`, mode, ['All', 'ExactCount']));
  validateEach(ask.tolerations, tolerationsMax, `${path}.tolerations`, errors, (toleration, at) =>
    validateToleration(toleration, at, errors),
  );
}

const oneOfRequest = 'exactly one of `exactly` or `firstAvailable` is required';

function validateRequest(request: V1DeviceRequest, path: string, errors: FieldError[]): void {
  validateName(request.name, dnsLabelProblems, `${path}.name`, errors);
  const alternatives = request.firstAvailable ?? [];
  if (request.exactly === undefined && alternatives.length === 0) errors.push(required(path, oneOfRequest));
  else if (request.exactly !== undefined && alternatives.length > 0) {
    errors.push(invalidValue(path, null, `${oneOfRequest}, but multiple fields are set`));
  } else if (request.exactly !== undefined) validateAsk(request.exactly, `${path}.exactly`, errors);
  else {
    const names = new Set<string>();
    validateEach(alternatives, firstAvailableMax, `${path}.firstAvailable`, errors, (alternative, at) => {
      validateName(alternative.name, dnsLabelProblems, `${at}.name`, errors);
      validateAsk(alternative, at, errors);
      if (names.has(alternative.name)) errors.push(duplicate(at, alternative.name));
      names.add(alternative.name);
    });
  }
}

/** All names by which constraints, configuration and results may refer to requests: `gpu`, `gpu/large`. */
export function requestNames(claim: V1DeviceClaim | undefined): Set<string> {
  return new Set(
    (claim?.requests ?? []).flatMap(({ name, firstAvailable = [] }) => [
      name,
      ...firstAvailable.map((alternative) => `${name}/${alternative.name}`),
    ]),
  );
}

function validateReferences(
  references: readonly string[] | undefined,
  names: ReadonlySet<string>,
  path: string,
  errors: FieldError[],
): void {
  const given = references ?? [];
  validateEach(given, requestsMax, path, errors, (name, at) => {
    for (const segment of name.split('/')) addProblems(errors, at, name, dnsLabelProblems(segment));
    if (!names.has(name)) {
      errors.push(
        invalidValue(at, name, "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"),
      );
    }
  });
  validateDistinct(given, (i) => `${path}[${i}]`, errors);
}

/** `domain.example.com/name`: an attribute of a driver's devices. */
function validateAttributeName(name: string, path: string, errors: FieldError[]): void {
  const slash = name.lastIndexOf('/');
  if (slash < 0) errors.push(invalidValue(path, name, 'a fully qualified name must be a domain and a name separated by a slash'));
  const [domain, id] = [slash < 0 ? undefined : name.slice(0, slash), name.slice(slash + 1)];
  if (domain === '') errors.push(required(path, 'the domain must not be empty'));
  else if (domain !== undefined) validateDriverName(domain, path, errors);
  if (id === '') errors.push(required(path, 'the name must not be empty'));
  else if (id.length > attributeNameMax) errors.push(tooLong(path, attributeNameMax));
  else if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(id))
    errors.push(
      invalidValue(
        path,
        id,
        "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')",
      ),
    );
}

function validateConstraint(constraint: V1DeviceConstraint, names: ReadonlySet<string>, path: string, errors: FieldError[]): void {
  validateReferences(constraint.requests, names, `${path}.requests`, errors);
  const { matchAttribute, distinctAttribute } = constraint;
  if (matchAttribute !== undefined) validateAttributeName(matchAttribute, `${path}.matchAttribute`, errors);
  else if (distinctAttribute !== undefined) validateAttributeName(distinctAttribute, `${path}.distinctAttribute`, errors);
  else errors.push(required(path, 'exactly one of `matchAttribute` or `distinctAttribute` is required'));
  if (matchAttribute !== undefined && distinctAttribute !== undefined) {
    errors.push(
      invalidValue(path, null, 'exactly one of `matchAttribute` or `distinctAttribute` is required, but multiple fields are set'),
    );
  }
}

export function validateConfiguration(config: Pick<V1DeviceClaimConfiguration, 'opaque'>, path: string, errors: FieldError[]): void {
  const { opaque } = config;
  if (opaque === undefined) return void errors.push(required(`${path}.opaque`));
  validateDriverName(opaque.driver ?? '', `${path}.opaque.driver`, errors);
  const parameters = opaque.parameters;
  const at = `${path}.opaque.parameters`;
  if (parameters === undefined || parameters === null) errors.push(required(at));
  else if (typeof parameters !== 'object' || Array.isArray(parameters))
    errors.push(invalidValue(at, '<value omitted>', 'must be a valid JSON object'));
  else if (byteLength(quoteValue(parameters)) > parametersBytesMax) errors.push(tooLong(at, parametersBytesMax));
}

export function validateClaimSpec(spec: V1ResourceClaimSpec | undefined, path: string, errors: FieldError[]): void {
  const devices = spec?.devices;
  const at = `${path}.devices`;
  const names = requestNames(devices);
  const seen = new Set<string>();
  validateEach(devices?.requests, requestsMax, `${at}.requests`, errors, (request, where) => {
    validateRequest(request, where, errors);
    if (seen.has(request.name)) errors.push(duplicate(where, request.name));
    seen.add(request.name);
  });
  validateEach(devices?.constraints, constraintsMax, `${at}.constraints`, errors, (each, where) =>
    validateConstraint(each, names, where, errors),
  );
  validateEach(devices?.config, configsMax, `${at}.config`, errors, (config, where) => {
    validateReferences(config.requests, names, `${where}.requests`, errors);
    validateConfiguration(config, where, errors);
  });
}
