// minke.json, beside a root file system: how its image is run. Pure.
import type { BuildConfig } from './image-config.ts';

const lists = ['entrypoint', 'cmd', 'env', 'exposedPorts'] as const;
const words = ['workingDir', 'user', 'stopSignal'] as const;
const known: readonly string[] = [...lists, ...words, 'labels'];

/** `problem` continues the sentence `"<path>" ...`. */
export type ImageFile = { readonly ok: true; readonly config: BuildConfig } | { readonly ok: false; readonly problem: string };

export function parseImageFile(text: string): ImageFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { ok: false, problem: `is not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { ok: false, problem: 'must hold one JSON object' };
  const fields = value as Readonly<Record<string, unknown>>;
  for (const [key, found] of Object.entries(fields)) {
    if (!known.includes(key)) return { ok: false, problem: `has an unknown field "${key}": want ${known.join(', ')}` };
    const isList = (lists as readonly string[]).includes(key);
    if (isList && !isStrings(found)) return { ok: false, problem: `has a wrong "${key}": want a list of strings` };
    if ((words as readonly string[]).includes(key) && typeof found !== 'string')
      return { ok: false, problem: `has a wrong "${key}": want a string` };
    if (key === 'labels' && !isStringMap(found)) return { ok: false, problem: 'has wrong "labels": want an object of strings' };
    if (key === 'env' && isStrings(found)) {
      const wrong = found.find((entry) => !/^[^=]+=/.test(entry));
      if (wrong !== undefined) return { ok: false, problem: `has a wrong "env" entry "${wrong}": want NAME=value` };
    }
  }
  return { ok: true, config: fields as BuildConfig };
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function isStringMap(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every((item) => typeof item === 'string')
  );
}
