// One pass over JSON bytes that tells whether the engine's own parser keeps everything we need to know of them.

/** Nesting beyond this is refused: it serves nobody, and recursion over it must never exhaust the stack. */
export const jsonDepthMax = 1000;

/** A body may have so many objects. An object that fits the store has fewer: a million empty containers would only be judged, at length. */
export const jsonObjectsMax = 100_000;

/** Integers of up to this many digits are exact in a double. */
const safeDigits = 15;

export interface JsonScan {
  /** How many object keys the text has. An object tree with fewer has lost duplicates. */
  readonly keys: number;
  /** True when there is a number that a double may not keep as written: a fraction, an exponent, or too many digits. */
  readonly exactNumbers: boolean;
  readonly depth: number;
  readonly objects: number;
}

const quote = 0x22;
const backslash = 0x5c;

/** Counts keys, nesting and remarkable numbers. Tells nothing about validity: for malformed text any answer may come. */
export function scanJson(bytes: Uint8Array): JsonScan {
  const length = bytes.length;
  let keys = 0;
  let objects = 0;
  let exactNumbers = false;
  let depth = 0;
  let deepest = 0;
  let digits = 0;
  for (let i = 0; i < length; i++) {
    const c = bytes[i] as number;
    if (c === quote) {
      i++;
      while (i < length && bytes[i] !== quote) i += bytes[i] === backslash ? 2 : 1;
      digits = 0;
    } else if (c >= 0x30 && c <= 0x39) {
      if (++digits > safeDigits) exactNumbers = true;
    } else if (c === 0x3a) {
      // Outside of strings a colon follows a key, and nothing else.
      keys++;
      digits = 0;
    } else if (c === 0x7b || c === 0x5b) {
      if (++depth > deepest) deepest = depth;
      if (c === 0x7b) objects++;
      digits = 0;
    } else {
      if (c === 0x7d || c === 0x5d) depth--;
      // `.`, `e`, `E` after a digit.
      else if (digits > 0 && (c === 0x2e || c === 0x65 || c === 0x45)) exactNumbers = true;
      digits = 0;
    }
  }
  return { keys, exactNumbers, depth: deepest, objects };
}
