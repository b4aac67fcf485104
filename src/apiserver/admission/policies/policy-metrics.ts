// What validating policies come to, under upstream's names.
// Source: https://kubernetes.io/docs/reference/instrumentation/metrics/
import type { Metrics } from '../../../base/mod.ts';

export interface ObservedCheck {
  readonly policy: string;
  readonly binding: string;
  readonly action: 'deny' | 'audit' | 'warn';
  /** The condition could not be evaluated. */
  readonly failed: boolean;
}

export type ObserveCheck = (check: ObservedCheck) => void;

/** Undefined metrics: nobody counts. */
export function createPolicyMetrics(metrics: Metrics | undefined): ObserveCheck {
  if (!metrics) return () => {};
  const checks = metrics.counter({
    name: 'apiserver_validating_admission_policy_check_total',
    help: 'Validation admission policy check total, labeled by policy and further identified by binding and enforcement action taken.',
    labels: ['policy', 'policy_binding', 'error_type', 'enforcement_action'],
  });
  return ({ policy, binding, action, failed }) => checks.of(policy, binding, failed ? 'invalid_error' : 'no_error', action).add();
}
