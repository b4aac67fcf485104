// `/debug/minke/why/NAMESPACE/NAME`: why a pod is on its node, or on none. Whoever may get the pod may ask.
import { notFound, StatusError } from '../api/mod.ts';
import { type EdgeResponse, jsonResponse } from './http/exchange.ts';
import type { PathInfo } from './http/request-info.ts';

export interface PodRef {
  readonly namespace: string;
  readonly name: string;
}

/** Gives a value for JSON; undefined where there is no such pod, or where nobody schedules. */
export type ExplainPod = (pod: PodRef) => object | undefined;

/** The pod that a path asks about; undefined for every other path. */
export function whyTarget({ path, verb }: PathInfo): PodRef | undefined {
  const found = verb === 'get' ? /^\/debug\/minke\/why\/([^/]+)\/([^/]+)$/.exec(path) : undefined;
  return found ? { namespace: found[1] ?? '', name: found[2] ?? '' } : undefined;
}

/** Throws the 404 of a pod that is not there, and a 503 where nobody schedules. */
export function serveWhy(explainPod: ExplainPod | undefined, pod: PodRef): EdgeResponse {
  if (!explainPod) throw new StatusError({ code: 503, reason: 'ServiceUnavailable', message: 'no scheduler runs beside this API server' });
  const explanation = explainPod(pod);
  if (!explanation) throw notFound({ group: '', resource: 'pods', name: pod.name });
  return jsonResponse(200, explanation);
}
