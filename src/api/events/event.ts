// Event in events.k8s.io/v1: the same objects as the core group's, under newer names, and stricter about new ones.
import { events as stored } from '../core/event.ts';
import type { CoreV1Event, EventsV1Event } from '../generated/types.gen.ts';
import type { Column, KindDefinition } from '../kind.ts';
import { validateUnchanged } from '../meta/field-checks.ts';
import { type FieldError, invalidValue, required } from '../meta/field-error.ts';
import type { Draft } from '../meta/object.ts';

/** The newer name of each field that has one, beside the core group's. All others are called alike. */
const names = [
  ['regarding', 'involvedObject'],
  ['note', 'message'],
  ['reportingController', 'reportingComponent'],
  ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
] as const;
const toCore: ReadonlyMap<string, string> = new Map(names);
const fromCore: ReadonlyMap<string, string> = new Map(names.map(([events, core]) => [core, events]));
/** What is empty is left out in this version, and always shown in the core's. */
const shownOnlyIfSet = new Set(['reportingController', 'reportingInstance']);

const renamed = (object: object, to: ReadonlyMap<string, string>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(object).map(([field, value]) => [to.get(field) ?? field, value]));

const toStorage = (draft: Draft<EventsV1Event>): Draft<CoreV1Event> => {
  const object = { ...renamed(draft, toCore), apiVersion: 'v1', kind: 'Event' };
  return { involvedObject: {}, ...object } as unknown as Draft<CoreV1Event>;
};

function fromStorage(object: CoreV1Event): EventsV1Event {
  const all = { ...renamed(object, fromCore), apiVersion: 'events.k8s.io/v1', kind: 'Event' };
  const shown = Object.entries(all).filter(([field, value]) => !shownOnlyIfSet.has(field) || value !== '');
  return Object.fromEntries(shown) as unknown as EventsV1Event;
}

const oldFields = ['firstTimestamp', 'lastTimestamp', 'count', 'source'] as const;

/** A new event says who reports, what was done and when; the old way of counting is not for it. */
function validateCreate(event: CoreV1Event): FieldError[] {
  const errors: FieldError[] = [];
  if (!event.eventTime) errors.push(required('eventTime'));
  if (event.type !== 'Normal' && event.type !== 'Warning') errors.push(invalidValue('type', '', `has invalid value: ${event.type ?? ''}`));
  for (const field of oldFields) {
    const value = event[field];
    const isSet = typeof value === 'object' && value !== null ? Object.values(value).some((part) => part) : Boolean(value);
    if (isSet) errors.push(invalidValue(field, '', 'needs to be unset'));
  }
  return [...errors, ...(stored.validateCreate?.(event) ?? [])];
}

const fixed = [
  'involvedObject',
  'reason',
  'message',
  'source',
  'firstTimestamp',
  'lastTimestamp',
  'count',
  'type',
  'eventTime',
  'action',
  'related',
  'reportingComponent',
  'reportingInstance',
] as const satisfies readonly (keyof CoreV1Event)[];

/** Only the series goes on. */
function validateUpdate(next: CoreV1Event, old: CoreV1Event): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of fixed) {
    const path = field === 'reportingComponent' ? 'reportingController' : field;
    validateUnchanged(next[field], old[field], path, errors);
  }
  return [...errors, ...(stored.update?.validate?.(next, old) ?? [])];
}

const field = (name: keyof CoreV1Event['involvedObject'] & string) => (object: unknown) => {
  const value = (object as CoreV1Event).involvedObject?.[name];
  return typeof value === 'string' ? value : '';
};

export const eventsV1: KindDefinition<EventsV1Event> = {
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  resource: 'events',
  singular: 'event',
  shortNames: ['ev'],
  namespaced: true,
  schema: 'EventsV1Event',
  hasGeneration: false,
  // They read the stored object.
  columns: stored.columns as unknown as readonly Column<EventsV1Event>[],
  selectableFields: {
    'regarding.kind': field('kind'),
    'regarding.namespace': field('namespace'),
    'regarding.name': field('name'),
    'regarding.uid': field('uid'),
    'regarding.apiVersion': field('apiVersion'),
    'regarding.resourceVersion': field('resourceVersion'),
    'regarding.fieldPath': field('fieldPath'),
    reason: (object) => (object as unknown as CoreV1Event).reason ?? '',
    reportingController: (object) => (object as unknown as CoreV1Event).reportingComponent ?? '',
    type: (object) => (object as unknown as CoreV1Event).type ?? '',
  },
  storage: { kind: stored, toStorage, fromStorage, validateCreate, validateUpdate },
};
