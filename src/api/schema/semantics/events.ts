// What the schema of events.k8s.io lacks: definition names, list and merge semantics, quantities, Go's names of types.
import type { PackageSemantics } from './package-semantics.ts';

export const events: readonly PackageSemantics[] = [
  {
    definitions: 'io.k8s.api.events.v1',
    group: 'events.k8s.io',
    version: 'v1',
    fields: {},
    types: `
      EventsV1Event EventsV1EventList EventsV1EventSeries
    `,
  },
];
