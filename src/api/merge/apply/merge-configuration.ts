// An apply configuration merged into an object without asking who owns what, as mutating admission policies do.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/#apply-configuration
import type { ObjectSchema } from '../../schema/mod.ts';
import { mergeValues } from './merge-values.ts';
import { type Shape, shapeOf } from './shape.ts';
import { shapeUnder } from './value-fields.ts';
import { isMap } from './values.ts';

/** What a configuration may not touch, because it would take away what it does not name. The message lists the paths. */
export class AtomicError extends Error {
  override readonly name = 'AtomicError';
  constructor(paths: readonly string[]) {
    super(`invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: ${paths.join(', ')}`);
  }
}

/** Throws {@link AtomicError}. The result shares what it does not change. */
export function mergeConfiguration(live: object, configuration: object, schema: ObjectSchema | undefined): object {
  const shape = shapeOf(schema);
  const atomics = atomicsIn(configuration, shape, '');
  if (atomics.length > 0) throw new AtomicError(atomics);
  return mergeValues(live, configuration, shape) as object;
}

function atomicsIn(value: unknown, shape: Shape, path: string): string[] {
  if (Array.isArray(value)) {
    const own = shape.at === 'leaf' ? [path] : [];
    if (shape.at !== 'list') return own;
    return value.flatMap((item, index) => atomicsIn(item, shape.element, `${path}[${index}]`));
  }
  if (!isMap(value)) return [];
  if (shape.at === 'leaf') return [path];
  return Object.entries(value).flatMap(([key, item]) => {
    const under = shapeUnder(shape, `f:${key}`);
    return under ? atomicsIn(item, under, `${path}.${key}`) : [];
  });
}
