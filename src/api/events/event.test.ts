// Events of events.k8s.io: the core group's objects by other names.
import { describe, expect, test } from 'vitest';
import { events } from '../core/event.ts';
import type { Loose } from '../testing/validation.ts';
import { eventsV1 } from './event.ts';

const immutable = 'field is immutable';

describe('events.k8s.io', () => {
  const event: Loose = {
    metadata: { name: 'e', namespace: 'default' },
    regarding: { kind: 'Pod', name: 'p', namespace: 'default' },
    note: 'hello',
    reason: 'Because',
    action: 'Greet',
    type: 'Normal',
    reportingController: 'example.com/c',
    reportingInstance: 'i',
    eventTime: '2026-11-20T08:36:42.000000Z',
  };
  const store = (object: Loose): Loose => {
    const draft = eventsV1.storage?.toStorage({ ...object }) as Loose;
    events.setDefaults?.(draft);
    return draft;
  };

  test('are the core ones by other names', () => {
    const stored = store(event);
    expect(stored).toMatchObject({
      apiVersion: 'v1',
      involvedObject: event.regarding,
      message: 'hello',
      reportingComponent: 'example.com/c',
    });
    expect(eventsV1.storage?.validateCreate?.(stored)).toEqual([]);
    const shown = eventsV1.storage?.fromStorage(stored) as Loose;
    expect(shown).toEqual({
      ...event,
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      deprecatedSource: {},
      deprecatedFirstTimestamp: null,
      deprecatedLastTimestamp: null,
    });
    expect(Object.entries(eventsV1.selectableFields ?? {}).map(([field, cell]) => `${field}=${cell(stored)}`)).toContain(
      'regarding.name=p',
    );
  });

  test('say when, and do not count', () => {
    const causes = eventsV1.storage?.validateCreate?.(store({ ...event, eventTime: undefined, type: 'Odd', deprecatedCount: 3 }));
    expect(causes?.map(({ text }) => text)).toEqual([
      'eventTime: Required value',
      'type: Invalid value: "": has invalid value: Odd',
      'count: Invalid value: "": needs to be unset',
    ]);
    const next = store({ ...event, note: 'bye' });
    expect(eventsV1.storage?.validateUpdate?.(next, store(event)).map(({ text }) => text)).toEqual([
      `message: Invalid value: "bye": ${immutable}`,
    ]);
  });
});
