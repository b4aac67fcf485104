// What the verbs ask of the merge algorithms, as parameters; and the engine made of those in `api/merge`, with upstream's errors.
import {
  applyEngine,
  badRequest,
  type Draft,
  jsonPatch,
  type KindDefinition,
  type KubeObject,
  mergePatch,
  PatchError,
  StatusError,
  StrategicMergeError,
  schemaOf,
  strategicMerge,
} from '../../api/mod.ts';
import { plainError } from './options.ts';

/** Documents are plain JSON values; they are never changed in place, and results may share parts with them. All throw StatusError. */
export interface PatchEngine {
  /** RFC 6902, with upstream's liberties. */
  readonly jsonPatch: (document: unknown, patch: unknown) => unknown;
  /** RFC 7386. */
  readonly mergePatch: (document: unknown, patch: unknown) => unknown;
  /** `schema` is the name of the type in the generated schema: `V1Pod`. */
  readonly strategicMerge: (document: unknown, patch: unknown, schema: string) => unknown;
  /** Server-side apply: the object as it is to stand, its managedFields included. Absent: answered with 415. */
  readonly apply?: (input: ApplyInput) => unknown;
}

export interface ApplyInput {
  /** How the object stands; undefined when it does not exist. Frozen. */
  readonly live: KubeObject | undefined;
  readonly patch: unknown;
  readonly kind: KindDefinition;
  /** Every kind that serves these objects, the stored one among them. Absent: `kind` alone. */
  readonly versions?: readonly KindDefinition[] | undefined;
  readonly manager: string;
  readonly force: boolean;
  readonly subresource: string | undefined;
  readonly nowTime: string;
}

export interface ManagedFieldsUpdate {
  /** What is about to be stored; the engine sets its metadata.managedFields. */
  readonly draft: Draft<KubeObject>;
  /** How it stands; undefined on create. Frozen. */
  readonly old: KubeObject | undefined;
  readonly kind: KindDefinition;
  /** Every kind that serves these objects, the stored one among them. Absent: `kind` alone. */
  readonly versions?: readonly KindDefinition[] | undefined;
  readonly manager: string;
  readonly operation: 'Update' | 'Apply';
  readonly subresource: string | undefined;
  readonly nowTime: string;
  readonly apiVersion: string;
}

/** Keeps metadata.managedFields right after writes that are not server-side apply. */
export interface ManagedFields {
  readonly update: (write: ManagedFieldsUpdate) => void;
}

/** The patches of `api/merge`. */
export const patchEngine: PatchEngine = {
  jsonPatch: (document, patch) => explained(() => jsonPatch(document, patch)),
  mergePatch: (document, patch) => explained(() => mergePatch(document, patch)),
  strategicMerge: (document, patch, schema) => explained(() => strategicMerge(document, patch, schemaOf(schema))),
  apply: applyEngine,
};

function explained<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof StrategicMergeError) throw plainError(error.message);
    if (!(error instanceof PatchError)) throw error;
    if (error.problem === 'malformed') throw badRequest(error.message);
    if (error.problem === 'tooLarge') {
      const message = `Request entity too large: ${error.message}`;
      throw new StatusError({ code: 413, reason: 'RequestEntityTooLarge', message, cause: error });
    }
    const message = 'the server rejected our request due to an error in our request';
    throw new StatusError({ code: 422, reason: 'Invalid', message, details: {}, cause: error });
  }
}
