// The operators on values, under cel-go's names. `&&`, `||`, `?:` and `[?]` on absent things are the evaluator's.
import { compareValues, equalValues, itemKey, listContains } from '../equality.ts';
import { inDurationRange, inTimestampRange } from '../time.ts';
import {
  boolType,
  bytesType,
  type CelType,
  doubleType,
  durationType,
  dynType,
  intType,
  optionalOf,
  stringType,
  timestampType,
  uintType,
} from '../types.ts';
import {
  CelDuration,
  CelList,
  type CelMap,
  CelOptional,
  CelTimestamp,
  CelUint,
  type CelValue,
  Failure,
  isInt64,
  isMap,
  keyLabel,
  type LiteralMap,
  noneOptional,
  noSuchKey,
  noSuchOverload,
  type Result,
  typeNameOf,
} from '../values.ts';
import {
  A,
  add,
  B,
  fixed,
  fn,
  type Library,
  listA,
  mapAB,
  type Overload,
  optionalA,
  perCharacter,
  scale,
  shorterCosts,
  sizeOf,
  unknownSize,
} from './declare.ts';

const intOverflow = new Failure('integer overflow');
const uintOverflow = new Failure('unsigned integer overflow');
const divisionByZero = new Failure('division by zero');
const modulusByZero = new Failure('modulus by zero');

const int = (value: bigint): Result => (isInt64(value) ? value : intOverflow);
const uint = (value: bigint): Result => (value >= 0n && value < 2n ** 64n ? new CelUint(value) : uintOverflow);
const duration = (nanos: bigint): Result => (inDurationRange(nanos) ? new CelDuration(nanos) : new Failure('duration overflow'));
const timestamp = (nanos: bigint): Result => (inTimestampRange(nanos) ? new CelTimestamp(nanos) : new Failure('timestamp overflow'));

type IntOp = (a: bigint, b: bigint) => bigint;

const onInts = (id: string, op: IntOp, zero?: Failure): Overload =>
  fn(id, [intType, intType], intType, (a: bigint, b: bigint) => (zero !== undefined && b === 0n ? zero : int(op(a, b))));
const onUints = (id: string, op: IntOp, zero?: Failure): Overload =>
  fn(id, [uintType, uintType], uintType, (a: CelUint, b: CelUint) =>
    zero !== undefined && b.value === 0n ? zero : uint(op(a.value, b.value)),
  );
const onDoubles = (id: string, op: (a: number, b: number) => number): Overload =>
  fn(id, [doubleType, doubleType], doubleType, (a: number, b: number) => op(a, b));

const concatCosts = {
  cost: ([a, b]: readonly CelValue[]) => Math.ceil((sizeOf(a) + sizeOf(b)) * perCharacter),
  estimate: ([a, b]: readonly { readonly size: { min: number; max: number } }[]) => {
    const size = add(a?.size ?? unknownSize, b?.size ?? unknownSize);
    return { cost: scale(size, perCharacter), size };
  },
};

const itemsOf = (list: CelList): unknown[] => list.items.map((_, index) => list.at(index));

/** Beyond so many items, lists that are joined again and again would fill the memory. */
const itemsMax = 1_000_000;
/** Upstream joins lists without copying, at a cost of one; here, long ones cost what copying them takes. */
const itemsPerUnit = 100;

const joinLists = (a: CelList, b: CelList): Result =>
  a.size + b.size > itemsMax ? new Failure(`the list would have more than ${itemsMax} items`) : concatLists(a, b);

/** Lists that their schema calls sets keep what they have and add what is new; maps overwrite by key. */
function concatLists(a: CelList, b: CelList): CelList {
  if (a.order === undefined) {
    if (a.element === b.element && b.order === undefined) return new CelList([...a.items, ...b.items], a.element);
    return new CelList([...itemsOf(a), ...itemsOf(b)]);
  }
  const items = itemsOf(a);
  const places = new Map(items.map((item, index) => [itemKey(item as Result, a.order), index]));
  for (const item of itemsOf(b)) {
    const key = itemKey(item as Result, a.order);
    const place = key === undefined ? undefined : places.get(key);
    if (place === undefined) {
      if (key !== undefined) places.set(key, items.length);
      items.push(item);
    } else if (a.order.listType === 'map') items[place] = item;
  }
  return new CelList(items, undefined, a.order);
}

const addition: readonly Overload[] = [
  onInts('add_int64', (a, b) => a + b),
  onUints('add_uint64', (a, b) => a + b),
  onDoubles('add_double', (a, b) => a + b),
  fn('add_string', [stringType, stringType], stringType, (a: string, b: string) => a + b, concatCosts),
  fn('add_bytes', [bytesType, bytesType], bytesType, (a: Uint8Array, b: Uint8Array) => new Uint8Array(Buffer.concat([a, b])), concatCosts),
  fn('add_list', [listA, listA], listA, joinLists, {
    cost: ([a, b]) => 1 + Math.floor((sizeOf(a) + sizeOf(b)) / itemsPerUnit),
    estimate: ([a, b]) => ({ cost: fixed(1), size: add(a?.size ?? unknownSize, b?.size ?? unknownSize) }),
  }),
  fn('add_duration_duration', [durationType, durationType], durationType, (a: CelDuration, b: CelDuration) => duration(a.nanos + b.nanos)),
  fn('add_duration_timestamp', [durationType, timestampType], timestampType, (a: CelDuration, b: CelTimestamp) =>
    timestamp(a.nanos + b.nanos),
  ),
  fn('add_timestamp_duration', [timestampType, durationType], timestampType, (a: CelTimestamp, b: CelDuration) =>
    timestamp(a.nanos + b.nanos),
  ),
];

const subtraction: readonly Overload[] = [
  onInts('subtract_int64', (a, b) => a - b),
  onUints('subtract_uint64', (a, b) => a - b),
  onDoubles('subtract_double', (a, b) => a - b),
  fn('subtract_duration_duration', [durationType, durationType], durationType, (a: CelDuration, b: CelDuration) =>
    duration(a.nanos - b.nanos),
  ),
  fn('subtract_timestamp_duration', [timestampType, durationType], timestampType, (a: CelTimestamp, b: CelDuration) =>
    timestamp(a.nanos - b.nanos),
  ),
  fn('subtract_timestamp_timestamp', [timestampType, timestampType], durationType, (a: CelTimestamp, b: CelTimestamp) =>
    duration(a.nanos - b.nanos),
  ),
];

const sameTypes: readonly (readonly [string, CelType])[] = [
  ['bool', boolType],
  ['int64', intType],
  ['uint64', uintType],
  ['double', doubleType],
  ['string', stringType],
  ['bytes', bytesType],
  ['timestamp', timestampType],
  ['duration', durationType],
];
const mixedTypes: readonly (readonly [string, CelType, CelType])[] = [
  ['int64_double', intType, doubleType],
  ['int64_uint64', intType, uintType],
  ['uint64_double', uintType, doubleType],
  ['uint64_int64', uintType, intType],
  ['double_int64', doubleType, intType],
  ['double_uint64', doubleType, uintType],
];

function ordering(name: string, holds: (order: number) => boolean): Overload[] {
  const call = (a: CelValue, b: CelValue): Result => {
    const order = compareValues(a, b);
    if (order instanceof Failure) return order;
    return order !== undefined && holds(order);
  };
  return [
    ...sameTypes.map(([id, type]) =>
      fn(`${name}_${id}`, [type, type], boolType, call, type === stringType || type === bytesType ? shorterCosts : {}),
    ),
    ...mixedTypes.map(([id, a, b]) => fn(`${name}_${id}`, [a, b], boolType, call)),
  ];
}

/** An index is an int, or any number that is whole. */
function indexNumber(index: CelValue): number | undefined {
  if (typeof index === 'bigint') return Number(index);
  if (index instanceof CelUint) return Number(index.value);
  return typeof index === 'number' && Number.isInteger(index) ? index : undefined;
}

/** The item, or undefined when there is none. */
export function lookUp(container: CelValue, key: CelValue): Result | undefined {
  if (container instanceof CelList) {
    const index = indexNumber(key);
    if (index === undefined) return new Failure(`unsupported index type '${typeNameOf(key)}' in list`);
    return index >= 0 && index < container.size ? container.at(index) : undefined;
  }
  if (isMap(container)) return container.get(key);
  return noSuchOverload;
}

function index(container: CelValue, key: CelValue): Result {
  const found = lookUp(container, key);
  if (found !== undefined) return found;
  return container instanceof CelList ? new Failure(`index out of bounds: ${keyLabel(key)}`) : noSuchKey(keyLabel(key));
}

const optionalOfResult = (found: Result | undefined): Result =>
  found instanceof Failure ? found : found === undefined ? noneOptional : new CelOptional(found);

function optionalIndex(container: CelValue, key: CelValue): Result {
  if (!(container instanceof CelOptional)) return optionalOfResult(lookUp(container, key));
  return container.value === undefined ? noneOptional : optionalOfResult(lookUp(container.value, key));
}

const contains = (value: CelValue, container: CelValue): Result => {
  if (container instanceof CelList) return listContains(container, value);
  if (!isMap(container)) return noSuchOverload;
  const found = container.get(value);
  return found !== undefined;
};

const nominal = new Set(['kubernetes.Quantity', 'net.IP', 'net.CIDR', 'kubernetes.Semver', 'kubernetes.URL', 'kubernetes.NamedFormat']);

/** Opaque values compare at the price of one, as far as their sizes say nothing. */
const equalityCosts = {
  cost: (args: readonly CelValue[]) => {
    const [a] = args;
    const isNominal = typeof a === 'object' && a !== null && 'opaqueType' in a;
    return isNominal ? 1 : (shorterCosts.cost?.(args) ?? 1);
  },
  estimate: (args: Parameters<NonNullable<typeof shorterCosts.estimate>>[0]) => {
    const type = args[0]?.type;
    if (type?.kind === 'opaque' && (nominal.has(type.name) || type.name.startsWith('kubernetes.authorization.'))) return { cost: fixed(1) };
    return shorterCosts.estimate?.(args) ?? { cost: fixed(1) };
  },
};

function mapInsert(map: LiteralMap, key: CelValue, value?: CelValue): Result {
  if (value !== undefined) return map.insert(key, value) ?? map;
  const more = key as CelMap;
  for (const name of more.keys()) {
    const item = more.get(name);
    if (item instanceof Failure) return item;
    const failure = item === undefined ? undefined : map.insert(name, item);
    if (failure !== undefined) return failure;
  }
  return map;
}

export const operators: Library = {
  '_+_': addition,
  '_-_': subtraction,
  '_*_': [
    onInts('multiply_int64', (a, b) => a * b),
    onUints('multiply_uint64', (a, b) => a * b),
    onDoubles('multiply_double', (a, b) => a * b),
  ],
  '_/_': [
    onInts('divide_int64', (a, b) => a / b, divisionByZero),
    onUints('divide_uint64', (a, b) => a / b, divisionByZero),
    onDoubles('divide_double', (a, b) => a / b),
  ],
  '_%_': [onInts('modulo_int64', (a, b) => a % b, modulusByZero), onUints('modulo_uint64', (a, b) => a % b, modulusByZero)],
  '-_': [fn('negate_int64', [intType], intType, (a: bigint) => int(-a)), fn('negate_double', [doubleType], doubleType, (a: number) => -a)],
  '!_': [fn('logical_not', [boolType], boolType, (a: boolean) => !a)],
  '_==_': [fn('equals', [A, A], boolType, equalValues, equalityCosts)],
  '_!=_': [
    fn(
      'not_equals',
      [A, A],
      boolType,
      (a: CelValue, b: CelValue) => {
        const equal = equalValues(a, b);
        return equal instanceof Failure ? equal : !equal;
      },
      shorterCosts,
    ),
  ],
  '_<_': ordering('less', (order) => order < 0),
  '_<=_': ordering('less_equals', (order) => order <= 0),
  '_>_': ordering('greater', (order) => order > 0),
  '_>=_': ordering('greater_equals', (order) => order >= 0),
  '@in': [
    fn('in_list', [A, listA], boolType, contains, {
      cost: ([, list]) => sizeOf(list),
      estimate: ([, list]) => ({ cost: list?.size ?? unknownSize }),
    }),
    fn('in_map', [A, mapAB], boolType, contains),
  ],
  '_[_]': [
    fn('index_list', [listA, intType], A, index),
    fn('index_map', [mapAB, A], B, index),
    fn('optional_list_index_int', [optionalOf(listA), intType], optionalA, optionalIndex),
    fn('optional_map_index_value', [optionalOf(mapAB), A], optionalOf(B), optionalIndex),
  ],
  '_[?_]': [
    fn('list_optindex_optional_int', [listA, intType], optionalA, optionalIndex),
    fn('map_optindex_optional_value', [mapAB, A], optionalOf(B), optionalIndex),
    fn('optional_list_optindex_optional_int', [optionalOf(listA), intType], optionalA, optionalIndex),
    fn('optional_map_optindex_optional_value', [optionalOf(mapAB), A], optionalOf(B), optionalIndex),
  ],
  '_&&_': [fn('logical_and', [boolType, boolType], boolType, () => noSuchOverload)],
  '_||_': [fn('logical_or', [boolType, boolType], boolType, () => noSuchOverload)],
  '_?_:_': [fn('conditional', [boolType, A, A], A, () => noSuchOverload)],
  '@not_strictly_false': [fn('not_strictly_false', [boolType], boolType, (a: boolean) => a)],
  dyn: [
    fn('to_dyn', [A], dynType, (value: CelValue) => value, {
      estimate: ([value]) => ({ cost: fixed(1), size: value?.size ?? unknownSize }),
    }),
  ],
  'cel.@mapInsert': [
    fn('@mapInsert_map_key_value', [mapAB, A, B], mapAB, mapInsert),
    fn('@mapInsert_map_map', [mapAB, mapAB], mapAB, mapInsert),
  ],
};
