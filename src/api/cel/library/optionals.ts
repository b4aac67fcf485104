// Optionals: values that may not be there. `optMap` and `optFlatMap` are macros; `?.` and `[?]` are operators.
import { boolType } from '../types.ts';
import {
  CelDuration,
  CelList,
  CelOptional,
  CelTimestamp,
  CelUint,
  type CelValue,
  Failure,
  isMap,
  noneOptional,
  type Result,
} from '../values.ts';
import { A, fn, type Library, method, optionalA } from './declare.ts';

/** Zero, empty, false and null, as `optional.ofNonZeroValue` sees them. */
function isZero(value: CelValue): boolean {
  if (value === null || value === '' || value === 0 || value === false || value === 0n) return true;
  if (value instanceof CelList || isMap(value)) return value.size === 0;
  if (value instanceof Uint8Array) return value.length === 0;
  if (value instanceof CelUint) return value.value === 0n;
  if (value instanceof CelDuration) return value.nanos === 0n;
  if (value instanceof CelTimestamp) return value.nanos === -62_135_596_800_000_000_000n;
  return value instanceof CelOptional && value.value === undefined;
}

const valueOrFailure = (optional: CelOptional): Result =>
  optional.value === undefined ? new Failure('optional.none() dereference') : optional.value;

export const optionals: Library = {
  'optional.none': [fn('optional_none', [], optionalA, () => noneOptional)],
  'optional.of': [fn('optional_of', [A], optionalA, (value: CelValue) => new CelOptional(value))],
  'optional.ofNonZeroValue': [
    fn('optional_ofNonZeroValue', [A], optionalA, (value: CelValue) => (isZero(value) ? noneOptional : new CelOptional(value))),
  ],
  hasValue: [method('optional_hasValue', [optionalA], boolType, (optional: CelOptional) => optional.value !== undefined)],
  value: [method('optional_value', [optionalA], A, valueOrFailure)],
  or: [
    method('optional_or_optional', [optionalA, optionalA], optionalA, (optional: CelOptional, other: CelOptional) =>
      optional.value === undefined ? other : optional,
    ),
  ],
  orValue: [
    method('optional_orValue_value', [optionalA, A], A, (optional: CelOptional, other: CelValue) =>
      optional.value === undefined ? other : optional.value,
    ),
  ],
};
