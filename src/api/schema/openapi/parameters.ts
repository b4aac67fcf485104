// The parameters of operations, in both dialects of OpenAPI.
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/ (query parameters)
import type { Dialect, Json } from './definitions.ts';

export interface Parameter {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'boolean';
  readonly description: string;
}

const text = (name: string, description: string): Parameter => ({ name, type: 'string', description });
const flag = (name: string, description: string): Parameter => ({ name, type: 'boolean', description });
const integer = (name: string, description: string): Parameter => ({ name, type: 'integer', description });

export const pretty = text('pretty', 'If "true", the output is indented.');
const dryRun = text(
  'dryRun',
  'When present, modifications are not persisted. The only value is "All": every stage of dry run is processed.',
);
const fieldManager = text('fieldManager', 'The name of the actor that makes the change: at most 128 printable characters.');
const fieldValidation = text(
  'fieldValidation',
  'What happens to unknown and duplicate fields: Ignore drops them, Warn (the default) sends a warning for each, Strict refuses the request.',
);
const force = flag('force', 'Only for apply patches: takes over the fields that another manager owns.');
const watch = flag('watch', 'Streams the changes as events.');
const bookmarks = flag('allowWatchBookmarks', 'Asks for events of type BOOKMARK.');

/** Of lists and of deletions of collections. */
const selecting = [
  text('continue', 'The token of the chunk of a list that comes next.'),
  text('fieldSelector', 'Restricts the objects by their fields.'),
  text('labelSelector', 'Restricts the objects by their labels.'),
  integer('limit', 'The most objects that one answer may hold.'),
  text('resourceVersion', 'Which state the objects are to be read from.'),
  text('resourceVersionMatch', 'How resourceVersion is meant: Exact or NotOlderThan.'),
  flag('sendInitialEvents', 'Begins a watch with the objects that are there.'),
  integer('timeoutSeconds', 'The longest that the call may take.'),
];
export const writeParameters = [dryRun, fieldManager, fieldValidation];
export const patchParameters = [...writeParameters, force];
export const listParameters = [bookmarks, ...selecting, watch];
export const deleteParameters = [
  dryRun,
  integer('gracePeriodSeconds', 'Seconds before the object is deleted; 0 deletes at once.'),
  flag('ignoreStoreReadErrorWithClusterBreakingPotential', 'Deletes an object that cannot be read, against the rules that hold it.'),
  flag('orphanDependents', 'Deprecated: use propagationPolicy.'),
  text('propagationPolicy', 'What happens to dependents: Orphan, Background or Foreground.'),
];
export const deleteCollectionParameters = [...deleteParameters, ...selecting];

const container = text('container', 'The container; it may be left out where there is but one.');
const streams = [
  container,
  flag('stderr', 'Whether the standard error is wanted.'),
  flag('stdin', 'Whether there is a standard input.'),
  flag('stdout', 'Whether the standard output is wanted.'),
  flag('tty', 'Whether it runs on a terminal.'),
];
const path = text('path', 'Where the request is passed on to.');

/** Of the subresources that connect, by the kind of their options. */
export const connectParameters: Readonly<Record<string, readonly Parameter[]>> = {
  Pod: [
    container,
    flag('follow', 'Goes on as the log grows.'),
    flag('insecureSkipTLSVerifyBackend', 'Does not check the certificate of the kubelet.'),
    integer('limitBytes', 'The most bytes that are given.'),
    flag('previous', 'The log of the instance before.'),
    integer('sinceSeconds', 'Only what is younger than so many seconds.'),
    text('stream', 'Which stream: All, Stdout or Stderr.'),
    integer('tailLines', 'Only so many lines of the end.'),
    flag('timestamps', 'Begins every line with its time.'),
  ],
  PodAttachOptions: streams,
  PodExecOptions: [text('command', 'The command and its arguments, each as a parameter of its own.'), ...streams],
  PodPortForwardOptions: [integer('ports', 'The ports to forward.')],
  PodProxyOptions: [path],
  ServiceProxyOptions: [path],
  NodeProxyOptions: [path],
};

export const pathParameters = (of: string): Parameter[] => [
  ...(of.includes('{name}') ? [text('name', 'name of the object')] : []),
  ...(of.includes('{namespace}') ? [text('namespace', 'object name and auth scope, such as for teams and projects')] : []),
  ...(of.includes('{path}') ? [path] : []),
];

export function parameterJson({ name, type, description }: Parameter, place: 'path' | 'query', dialect: Dialect): Json {
  const head = { name, in: place, description, ...(place === 'path' ? { required: true } : {}) };
  return dialect === 'v2' ? { ...head, type, uniqueItems: true } : { ...head, schema: { type, uniqueItems: true } };
}
