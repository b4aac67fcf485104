// Validation of probes and lifecycle hooks.
import type { IntOrString, V1HTTPGetAction, V1Lifecycle, V1LifecycleHandler, V1Probe } from '../../generated/types.gen.ts';
import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '../../meta/field-error.ts';
import { nonNegativeProblem, portNameProblems, portNumberProblems } from '../../meta/names.ts';
import { addProblems } from '../../meta/validate-metadata.ts';

type AnyHandler = Pick<V1Probe, 'exec' | 'httpGet' | 'tcpSocket' | 'grpc'> & Pick<V1LifecycleHandler, 'sleep'>;

export function validatePortNumberOrName(port: IntOrString | undefined, path: string, errors: FieldError[]): void {
  if (typeof port === 'string') addProblems(errors, path, port, portNameProblems(port));
  else addProblems(errors, path, port ?? 0, portNumberProblems(port ?? 0));
}

function validateHttpGet(action: V1HTTPGetAction, path: string, errors: FieldError[]): void {
  if ((action.path ?? '') === '') errors.push(required(`${path}.path`));
  validatePortNumberOrName(action.port, `${path}.port`, errors);
  const scheme = action.scheme ?? '';
  if (scheme !== 'HTTP' && scheme !== 'HTTPS') errors.push(notSupported(`${path}.scheme`, scheme, ['HTTP', 'HTTPS']));
  action.httpHeaders?.forEach((header, i) => {
    if (!/^[-A-Za-z0-9]+$/.test(header.name ?? '')) {
      const problem =
        "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
      errors.push(invalidValue(`${path}.httpHeaders[${i}].name`, header.name ?? '', problem));
    }
  });
}

function validateHandler(handler: AnyHandler, gracePeriodSeconds: number, path: string, errors: FieldError[]): void {
  let kinds = 0;
  const only = (field: string, validate: () => void): void => {
    if (kinds++ > 0) errors.push(forbiddenField(`${path}.${field}`, 'may not specify more than 1 handler type'));
    else validate();
  };
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler;
  if (exec !== undefined) {
    only('exec', () => {
      if ((exec.command ?? []).length === 0) errors.push(required(`${path}.exec.command`));
    });
  }
  if (httpGet !== undefined) only('httpGet', () => validateHttpGet(httpGet, `${path}.httpGet`, errors));
  if (tcpSocket !== undefined) only('tcpSocket', () => validatePortNumberOrName(tcpSocket.port, `${path}.tcpSocket.port`, errors));
  if (grpc !== undefined) only('grpc', () => addProblems(errors, `${path}.grpc.port`, grpc.port ?? 0, portNumberProblems(grpc.port ?? 0)));
  if (sleep !== undefined) {
    only('sleep', () => {
      const seconds = sleep.seconds ?? 0;
      if (seconds < 0 || seconds > gracePeriodSeconds) {
        const detail = `must be non-negative and less than terminationGracePeriodSeconds (${gracePeriodSeconds})`;
        errors.push(invalidValue(`${path}.sleep`, seconds, detail));
      }
    });
  }
  if (kinds === 0) errors.push(required(path, 'must specify a handler type'));
}

const counts = ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'] as const;

function validateProbe(probe: V1Probe, gracePeriodSeconds: number, path: string, errors: FieldError[]): void {
  validateHandler(probe, gracePeriodSeconds, path, errors);
  for (const count of counts) {
    const value = probe[count] ?? 0;
    if (value < 0) errors.push(invalidValue(`${path}.${count}`, value, nonNegativeProblem));
  }
  if (probe.terminationGracePeriodSeconds !== undefined && probe.terminationGracePeriodSeconds <= 0) {
    const at = `${path}.terminationGracePeriodSeconds`;
    errors.push(invalidValue(at, probe.terminationGracePeriodSeconds, 'must be greater than 0'));
  }
}

interface Probes {
  readonly livenessProbe?: V1Probe | undefined;
  readonly readinessProbe?: V1Probe | undefined;
  readonly startupProbe?: V1Probe | undefined;
}

/** Liveness and startup succeed or fail at once; readiness may ask for several successes. */
export function validateProbes(container: Probes, gracePeriodSeconds: number, path: string, errors: FieldError[]): void {
  const { livenessProbe, readinessProbe, startupProbe } = container;
  if (livenessProbe !== undefined) {
    validateProbe(livenessProbe, gracePeriodSeconds, `${path}.livenessProbe`, errors);
    validateSingleSuccess(livenessProbe, `${path}.livenessProbe`, errors);
  }
  if (readinessProbe !== undefined) {
    validateProbe(readinessProbe, gracePeriodSeconds, `${path}.readinessProbe`, errors);
    if (readinessProbe.terminationGracePeriodSeconds !== undefined) {
      const at = `${path}.readinessProbe.terminationGracePeriodSeconds`;
      errors.push(invalidValue(at, readinessProbe.terminationGracePeriodSeconds, 'must not be set for readinessProbes'));
    }
  }
  if (startupProbe !== undefined) {
    validateProbe(startupProbe, gracePeriodSeconds, `${path}.startupProbe`, errors);
    validateSingleSuccess(startupProbe, `${path}.startupProbe`, errors);
  }
}

function validateSingleSuccess(probe: V1Probe, path: string, errors: FieldError[]): void {
  if (probe.successThreshold !== 1) errors.push(invalidValue(`${path}.successThreshold`, probe.successThreshold ?? 0, 'must be 1'));
}

export function validateLifecycle(
  lifecycle: V1Lifecycle | undefined,
  gracePeriodSeconds: number,
  path: string,
  errors: FieldError[],
): void {
  if (lifecycle?.postStart !== undefined) validateHandler(lifecycle.postStart, gracePeriodSeconds, `${path}.postStart`, errors);
  if (lifecycle?.preStop !== undefined) validateHandler(lifecycle.preStop, gracePeriodSeconds, `${path}.preStop`, errors);
}
