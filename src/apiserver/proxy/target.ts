// Which container of which node a log, exec, attach or port-forward is for, and the kubelet's path for it. Pure.
// Messages and the order of checks are upstream's: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
import { badRequest, type FieldError, invalid, invalidValue, type V1Pod } from '../../api/mod.ts';
import { allOf, firstOf, isTrue, type Query } from '../http/request-info.ts';

export type Connect = 'log' | 'exec' | 'attach' | 'portforward';

/** `nodeName` is undefined only for the log of a pod that has no node: its log is empty. */
export interface Target {
  readonly nodeName: string | undefined;
  readonly target: string;
}

/** Throws 400 or 422. */
export function targetOf(connect: Connect, pod: V1Pod, query: Query): Target {
  const name = pod.metadata?.name ?? '';
  const place = `${encodeURIComponent(pod.metadata?.namespace ?? '')}/${encodeURIComponent(name)}`;
  const nodeName = pod.spec?.nodeName || undefined;
  if (connect === 'log') {
    checkLogOptions(name, query);
    const container = containerOf(pod, firstOf(query, 'container'));
    return { nodeName, target: `/containerLogs/${place}/${encodeURIComponent(container)}${search(logQuery(query))}` };
  }
  const path =
    connect === 'portforward'
      ? `/portForward/${place}${search(portQuery(query))}`
      : `/${connect}/${place}/${encodeURIComponent(containerOf(pod, firstOf(query, 'container')))}${search(streamQuery(connect, query))}`;
  if (nodeName === undefined) throw badRequest(`pod ${name} does not have a host assigned`);
  return { nodeName, target: path };
}

/** The container asked for, or the only one. */
function containerOf(pod: V1Pod, asked: string | undefined): string {
  const name = pod.metadata?.name ?? '';
  const containers = (pod.spec?.containers ?? []).map((container) => container.name);
  const initContainers = (pod.spec?.initContainers ?? []).map((container) => container.name);
  const ephemeral = (pod.spec?.ephemeralContainers ?? []).map((container) => container.name);
  if (asked !== undefined && asked !== '') {
    if ([...containers, ...initContainers, ...ephemeral].includes(asked)) return asked;
    throw badRequest(`container ${asked} is not valid for pod ${name}`);
  }
  if (containers.length === 1 && containers[0] !== undefined) return containers[0];
  if (containers.length === 0) throw badRequest(`a container name must be specified for pod ${name}`);
  const orInit = initContainers.length > 0 ? ` or one of the init containers: [${initContainers.join(' ')}]` : '';
  throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${containers.join(' ')}]${orInit}`);
}

type Pairs = readonly (readonly [string, string])[];

const search = (pairs: Pairs): string =>
  pairs.length === 0 ? '' : `?${new URLSearchParams(pairs.map(([name, value]): [string, string] => [name, value]))}`;

/** The API's names for what the streams are; the kubelet has its own. */
const streamNames: Readonly<Record<string, string>> = { stdin: 'input', stdout: 'output', stderr: 'error', tty: 'tty' };

function streamQuery(connect: 'exec' | 'attach', query: Query): Pairs {
  const streams = Object.entries(streamNames).flatMap(([asked, kubelets]): Pairs => (isTrue(query, asked) ? [[kubelets, '1']] : []));
  const commands = connect === 'exec' ? allOf(query, 'command').map((part) => ['command', part] as const) : [];
  return [...streams, ...commands];
}

const portQuery = (query: Query): Pairs => {
  const ports = allOf(query, 'ports').flatMap((text) => text.split(','));
  return ports.length === 0 ? [] : [['port', ports.join(',')]];
};

const logFlags: readonly string[] = ['follow', 'previous', 'timestamps'];
const logValues: readonly string[] = ['sinceSeconds', 'sinceTime', 'tailLines', 'limitBytes', 'stream'];

function logQuery(query: Query): Pairs {
  const flags = logFlags.flatMap((name): Pairs => (isTrue(query, name) ? [[name, 'true']] : []));
  const values = logValues.flatMap((name): Pairs => {
    const value = firstOf(query, name);
    return value === undefined || value === '' ? [] : [[name, value]];
  });
  return [...flags, ...values];
}

/** Smallest values of the numeric options. */
const logMinimums: Readonly<Record<string, number>> = { sinceSeconds: 1, tailLines: 0, limitBytes: 1 };

function checkLogOptions(name: string, query: Query): void {
  const errors: FieldError[] = [];
  for (const [option, least] of Object.entries(logMinimums)) {
    const text = firstOf(query, option);
    if (text === undefined || text === '') continue;
    if (!/^-?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
    const value = Number(text);
    if (value < least)
      errors.push(invalidValue(option, value, least === 0 ? 'must be greater than or equal to 0' : 'must be greater than 0'));
  }
  if (firstOf(query, 'sinceSeconds') && firstOf(query, 'sinceTime')) {
    errors.push({
      type: 'FieldValueForbidden',
      field: '',
      message: 'Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified',
      text: ': Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified',
    });
  }
  if (errors.length > 0) throw invalid({ group: '', kind: 'PodLogOptions', name }, errors);
}
