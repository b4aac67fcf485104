// What persistent volumes and claims have in common: access modes, volume modes, and how they are shown.
import { type FieldError, forbiddenField, notSupported } from '../meta/field-error.ts';

export const volumeModes: readonly string[] = ['Block', 'Filesystem'];
const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
const shortModes: readonly (readonly [mode: string, short: string])[] = [
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
];
export const unset = '<unset>';

export function validateAccessModes(modes: readonly string[], path: string, errors: FieldError[]): void {
  for (const mode of modes) if (!accessModes.includes(mode)) errors.push(notSupported(path, mode, accessModes));
  if (modes.includes('ReadWriteOncePod') && modes.some((mode) => mode !== 'ReadWriteOncePod')) {
    errors.push(forbiddenField(path, 'may not use ReadWriteOncePod with other access modes'));
  }
}

/** `RWO,RWX`, each once, in a fixed order. */
export const accessModesCell = (modes: readonly string[] | undefined): string =>
  shortModes
    .filter(([mode]) => modes?.includes(mode))
    .map(([, short]) => short)
    .join(',');

const classAnnotation = 'volume.beta.kubernetes.io/storage-class';

interface Annotated {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> | undefined } | undefined;
}

/** The storage class of a volume or claim: an annotation of old comes first. */
export const storageClassOf = (
  object: Annotated & { readonly spec?: { readonly storageClassName?: string | undefined } | undefined },
): string => object.metadata?.annotations?.[classAnnotation] ?? object.spec?.storageClassName ?? '';

export const hasClassAnnotation = (object: Annotated): boolean => Boolean(object.metadata?.annotations?.[classAnnotation]);

/** A warning of an annotation that a field has replaced. */
export const annotationWarning = (object: Annotated, key: string, since: string, field: string): string[] =>
  object.metadata?.annotations?.[key] === undefined
    ? []
    : [`metadata.annotations[${key}]: deprecated since ${since}; use "${field}" attribute instead`];

export const classAnnotationWarning = (object: Annotated): string[] =>
  annotationWarning(object, classAnnotation, 'v1.8', 'storageClassName');
