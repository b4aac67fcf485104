// The work that would hold the event loop for long, as functions of values that can be copied: done here, or in a thread beside.
import { createHash } from 'node:crypto';
import { loadYaml, type ParsedYaml } from '../../api/codec/mod.ts';
import { type Json, mergeSwagger } from '../aggregation/merge-openapi.ts';

export interface MergeInput {
  /** This server's own document, Swagger 2.0 as JSON. */
  readonly own: Uint8Array;
  /** The others' parts, as a JSON array. */
  readonly parts: string;
  /** Whether the merged document is wanted in protobuf. */
  readonly protobuf: boolean;
}

/** A document and its SHA-512, upper-case hexadecimal. */
export interface MadeDocument {
  readonly bytes: Uint8Array;
  readonly hash: string;
}

/** Errors of the text are values: they keep their place across threads. */
export type YamlResult = ParsedYaml | { readonly line: number | undefined; readonly error: string };

export interface HeavyTasks {
  /** The first document of a text. */
  readonly yaml: (text: Uint8Array) => Promise<YamlResult>;
  readonly mergeOpenApi: (input: MergeInput) => Promise<MadeDocument>;
}

export const heavyTasks: HeavyTasks = {
  async yaml(text) {
    const yaml = await loadYaml();
    try {
      const steps = yaml.firstDocument(Buffer.from(text).toString('utf8'));
      for (;;) {
        const step = steps.next();
        if (step.done) return step.value;
      }
    } catch (error) {
      if (error instanceof yaml.YamlError) return { line: error.line, error: error.what };
      throw error;
    }
  },

  async mergeOpenApi({ own, parts, protobuf }) {
    const document = mergeSwagger(JSON.parse(Buffer.from(own).toString('utf8')) as Json, JSON.parse(parts) as Json[]);
    const bytes = protobuf
      ? (await import('../../api/schema/openapi/mod.ts')).encodeOpenApiV2(document)
      : Buffer.from(JSON.stringify(document));
    return madeOf(bytes);
  },
};

export const madeOf = (bytes: Uint8Array): MadeDocument => ({
  bytes,
  hash: createHash('sha512').update(bytes).digest('hex').toUpperCase(),
});
