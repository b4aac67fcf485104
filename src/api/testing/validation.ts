// For tests of kinds: a valid object of each, and what validation says of a changed one.
import { readFileSync } from 'node:fs';
import type { KindDefinition } from '../kind.ts';
import { apiVersionOf, deepFreeze, draftOf, type KubeObject } from '../meta/object.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests change whatever they like.
export type Loose = any;

interface Example {
  readonly groupVersion: string;
  readonly resource: string;
  readonly stored: KubeObject;
}

const read = (name: string) => JSON.parse(readFileSync(new URL(`../testdata/${name}.json`, import.meta.url), 'utf8'));
const examples: readonly Example[] = read('other-defaulting');

/** A stored object of the kind, private to the caller. */
export function exampleOf(kind: KindDefinition<Loose>): Loose {
  const found = examples.find((each) => each.groupVersion === apiVersionOf(kind) && each.resource === kind.resource);
  if (found === undefined) throw new Error(`no example of ${kind.resource}`);
  const { labels } = found.stored.metadata ?? {};
  return draftOf({ ...found.stored, metadata: { ...found.stored.metadata, uid: labels?.['controller-uid'] ?? 'a uid' } });
}

/** Every cause, as `field: message`, of creating the example changed so. */
export function createCauses(kind: KindDefinition<Loose>, change: (draft: Loose) => void, base: Loose = exampleOf(kind)): string[] {
  const draft = draftOf(base) as Loose;
  change(draft);
  kind.setDefaults?.(draft);
  return (kind.validateCreate?.(deepFreeze(draft)) ?? []).map(({ text }) => text);
}

/** Every cause of replacing the example by one that is changed so. `endpoint` is the object's own, or a subresource. */
export function updateCauses(
  kind: KindDefinition<Loose>,
  change: (draft: Loose) => void,
  base: Loose = exampleOf(kind),
  endpoint: 'update' | 'status' = 'update',
): string[] {
  const old = deepFreeze(draftOf(base) as Loose);
  const draft = draftOf(base) as Loose;
  change(draft);
  kind.setDefaults?.(draft);
  const rules = kind[endpoint];
  rules?.prepare?.(draft, old, { nowMs: 0, nowTime: '1970-01-01T00:00:00Z' });
  return (rules?.validate?.(deepFreeze(draft), old) ?? []).map(({ text }) => text);
}
