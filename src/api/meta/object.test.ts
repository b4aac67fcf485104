import { describe, expect, test } from 'vitest';
import { deepFreeze, draftOf } from './object.ts';

describe('draftOf()', () => {
  test('copies in depth; the copy may be changed', () => {
    const object = deepFreeze({ metadata: { labels: { a: 'b' } }, items: [{ n: 1 }] });
    const draft = draftOf(object) as { metadata: { labels: Record<string, string> }; items: { n: number }[] };
    draft.metadata.labels.a = 'c';
    draft.items.push({ n: 2 });
    expect([draft, object]).toEqual([
      { metadata: { labels: { a: 'c' } }, items: [{ n: 1 }, { n: 2 }] },
      { metadata: { labels: { a: 'b' } }, items: [{ n: 1 }] },
    ]);
  });

  test('a key named __proto__ is a key like any other', () => {
    const object: unknown = JSON.parse('{"a":{"__proto__":{"polluted":1},"constructor":2}}');
    const draft = draftOf(object) as { a: Record<string, unknown> };
    expect(Object.keys(draft.a)).toEqual(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(draft.a)).toBe(Object.prototype);
    expect(draft.a.polluted).toBeUndefined();
    expect(JSON.stringify(draft)).toBe(JSON.stringify(object));
  });
});
