// What calls of admission webhooks cost and come to, under upstream's names.
// Source: https://kubernetes.io/docs/reference/instrumentation/metrics/
import type { Metrics } from '../../../base/mod.ts';
import type { Operation } from '../../admission/chain.ts';

/** Seconds, as upstream has them. */
const durationBuckets = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25];

export type HookType = 'admit' | 'validating';

export interface ObservedCall {
  readonly name: string;
  readonly type: HookType;
  readonly operation: Operation;
  readonly seconds: number;
  readonly code: number;
  readonly rejected: boolean;
  /** Why the request was rejected, where it was. */
  readonly errorType: 'no_error' | 'calling_webhook_error' | 'apiserver_internal_error';
}

export interface WebhookMetrics {
  called(call: ObservedCall): void;
  failedOpen(name: string, type: HookType): void;
}

/** Undefined metrics: nobody counts. */
export function createWebhookMetrics(metrics: Metrics | undefined): WebhookMetrics {
  if (!metrics) return { called: () => {}, failedOpen: () => {} };
  const durations = metrics.histogram({
    name: 'apiserver_admission_webhook_admission_duration_seconds',
    help: 'Admission webhook latency histogram in seconds, identified by name and broken out for each operation and API resource and type (validate or admit).',
    labels: ['name', 'type', 'operation', 'rejected'],
    buckets: durationBuckets,
  });
  const requests = metrics.counter({
    name: 'apiserver_admission_webhook_request_total',
    help: 'Admission webhook request total, identified by name and broken out for each admission type (validating or mutating) and operation. Additional labels specify whether the request was rejected or not and an HTTP status code.',
    labels: ['name', 'type', 'operation', 'code', 'rejected'],
  });
  const rejections = metrics.counter({
    name: 'apiserver_admission_webhook_rejection_count',
    help: 'Admission webhook rejection count, identified by name and broken out for each admission type (validating or admit) and operation. Additional labels specify an error type (calling_webhook_error or apiserver_internal_error if an error occurred; no_error otherwise) and optionally a non-zero rejection code if the webhook rejects the request with an HTTP status code (honored by the apiserver when the code is greater or equal to 400).',
    labels: ['name', 'type', 'operation', 'error_type', 'rejection_code'],
  });
  const open = metrics.counter({
    name: 'apiserver_admission_webhook_fail_open_count',
    help: 'Admission webhook fail open count, identified by name and broken out for each admission type (validating or mutating).',
    labels: ['name', 'type'],
  });
  return {
    called({ name, type, operation, seconds, code, rejected, errorType }) {
      durations.of(name, type, operation, String(rejected)).observe(seconds);
      requests.of(name, type, operation, String(code), String(rejected)).add();
      if (rejected) rejections.of(name, type, operation, errorType, String(code)).add();
    },
    failedOpen: (name, type) => open.of(name, type).add(),
  };
}
