// Event: something that happened to an object, for people to read. Kept for an hour.
import type { CoreV1Event } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { nameColumn } from '../meta/columns.ts';
import { type FieldError, invalidValue, required } from '../meta/field-error.ts';
import { qualifiedNameProblems } from '../meta/names.ts';
import type { Draft } from '../meta/object.ts';
import { humanAge } from '../meta/time.ts';
import { addProblems } from '../meta/validate-metadata.ts';

const shortTextMax = 128;
const messageMax = 1024;

/** These fields are always shown, null or empty when nothing is known. */
function setDefaults(draft: Draft<CoreV1Event>): void {
  draft.source ??= {};
  for (const field of ['firstTimestamp', 'lastTimestamp', 'eventTime'] as const) {
    if (draft[field] === undefined) draft[field] = null as unknown as string;
  }
  draft.reportingComponent ??= '';
  draft.reportingInstance ??= '';
}

/** An event without eventTime is of the old kind; the new kind must say more. */
function validate(event: CoreV1Event): FieldError[] {
  const errors: FieldError[] = [];
  const namespace = event.metadata?.namespace ?? '';
  const about = event.involvedObject?.namespace ?? '';
  // Events about cluster-scoped objects live in "default" (new ones in "kube-system", too).
  const homes = event.eventTime ? ['', 'default', 'kube-system'] : ['', 'default'];
  const agrees = about === '' ? homes.includes(namespace) : event.eventTime ? true : about === namespace;
  if (!agrees) errors.push(invalidValue('involvedObject.namespace', about, 'does not match event.namespace'));
  if (event.eventTime) validateNewEvent(event, errors);
  return errors;
}

function validateNewEvent(event: CoreV1Event, errors: FieldError[]): void {
  const { reportingComponent = '', reportingInstance = '', action = '', reason = '', message = '' } = event;
  if (reportingComponent === '') errors.push(required('reportingController'));
  else addProblems(errors, 'reportingController', reportingComponent, qualifiedNameProblems(reportingComponent));
  for (const [field, value] of Object.entries({ reportingInstance, action, reason })) {
    if (value === '') errors.push(required(field));
    if (value.length > shortTextMax) errors.push(invalidValue(field, '', `can have at most ${shortTextMax} characters`));
  }
  if (message.length > messageMax) errors.push(invalidValue('message', '', `can have at most ${messageMax} characters`));
}

const firstSeen = (event: CoreV1Event, nowMs: number): string => humanAge(event.firstTimestamp || event.eventTime || undefined, nowMs);

function lastSeen(event: CoreV1Event, nowMs: number): string {
  if (event.series) return humanAge(event.series.lastObservedTime ?? undefined, nowMs);
  return event.lastTimestamp ? humanAge(event.lastTimestamp, nowMs) : firstSeen(event, nowMs);
}

function objectCell({ involvedObject }: CoreV1Event): string {
  const kind = (involvedObject?.kind ?? '').toLowerCase();
  return involvedObject?.name ? `${kind}/${involvedObject.name}` : kind;
}

function sourceCell({ source, reportingComponent, reportingInstance }: CoreV1Event): string {
  const component = source?.component || reportingComponent || '';
  const host = source?.host || reportingInstance || '';
  return host === '' ? component : `${component}, ${host}`;
}

export const events: KindDefinition<CoreV1Event> = {
  group: '',
  version: 'v1',
  kind: 'Event',
  resource: 'events',
  expires: true,
  singular: 'event',
  shortNames: ['ev'],
  namespaced: true,
  schema: 'CoreV1Event',
  createsOnUpdate: true,
  hasGeneration: false,
  columns: [
    { name: 'Last Seen', type: 'string', description: 'Time since the event was last seen', cell: lastSeen },
    { name: 'Type', type: 'string', description: 'Type of event', cell: ({ type }) => type ?? '' },
    { name: 'Reason', type: 'string', cell: ({ reason }) => reason ?? '' },
    { name: 'Object', type: 'string', cell: objectCell },
    { name: 'Subobject', type: 'string', priority: 1, cell: ({ involvedObject }) => involvedObject?.fieldPath ?? '' },
    { name: 'Source', type: 'string', priority: 1, cell: sourceCell },
    { name: 'Message', type: 'string', cell: ({ message }) => (message ?? '').trim() },
    { name: 'First Seen', type: 'string', priority: 1, cell: firstSeen },
    { name: 'Count', type: 'string', priority: 1, cell: ({ series, count }) => series?.count ?? (count || 1) },
    { ...nameColumn, priority: 1 },
  ],
  selectableFields: {
    'involvedObject.kind': ({ involvedObject }) => involvedObject?.kind ?? '',
    'involvedObject.namespace': ({ involvedObject }) => involvedObject?.namespace ?? '',
    'involvedObject.name': ({ involvedObject }) => involvedObject?.name ?? '',
    'involvedObject.uid': ({ involvedObject }) => involvedObject?.uid ?? '',
    'involvedObject.apiVersion': ({ involvedObject }) => involvedObject?.apiVersion ?? '',
    'involvedObject.resourceVersion': ({ involvedObject }) => involvedObject?.resourceVersion ?? '',
    'involvedObject.fieldPath': ({ involvedObject }) => involvedObject?.fieldPath ?? '',
    reason: ({ reason }) => reason ?? '',
    reportingComponent: ({ reportingComponent }) => reportingComponent ?? '',
    source: ({ source, reportingComponent }) => source?.component || reportingComponent || '',
    type: ({ type }) => type ?? '',
  },
  setDefaults,
  validateCreate: validate,
  update: { validate },
};
