import { expect, test } from 'vitest';
import { builtinKinds } from '../../api/mod.ts';
import type { Encoded, Result } from '../request.ts';
import { apiForms } from './forms.ts';
import { respond } from './respond.ts';

const kind = builtinKinds.find(({ resource }) => resource === 'configmaps');

/** Items of a kilobyte that note when somebody asks for their text. */
function itemsOf(count: number): { entries: readonly Encoded[]; asked: Set<number> } {
  const asked = new Set<number>();
  const entries = Array.from({ length: count }, (_, at) => ({
    object: {},
    get bytes() {
      asked.add(at);
      return Buffer.from(JSON.stringify({ text: 'x'.repeat(1_013) }));
    },
  }));
  return { entries, asked };
}

test.each([
  { gzip: false, least: 256, most: 270 },
  { gzip: true, least: 128, most: 140 },
])(
  'of a large list no more text is made before its first bytes than tells that it is large (gzip: $gzip)',
  async ({ gzip, least, most }) => {
    if (!kind) throw new Error('no config maps');
    const { entries, asked } = itemsOf(1_000);
    const result: Extract<Result, { as: 'list' }> = { as: 'list', kind, entries, resourceVersion: '7' };
    const output = { form: 'object', mediaType: 'application/json' } as const;
    const { body } = await respond(result, { output, gzip, query: {}, nowMs: 0, forms: apiForms });
    expect(body.as).toBe('stream');
    expect(asked.size).toBeGreaterThan(least - 10);
    expect(asked.size).toBeLessThan(most);
    if (body.as === 'stream') for await (const _ of body.batches);
    expect(asked.size).toBe(1_000);
  },
);
