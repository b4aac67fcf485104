// Kubernetes' lists: order, sum, extremes and places of items. Sets: containment of lists, whatever their order.
import { compareValues, equalValues, listContains } from '../equality.ts';
import {
  boolType,
  bytesType,
  type CelType,
  doubleType,
  durationType,
  intType,
  listOf,
  stringType,
  timestampType,
  uintType,
} from '../types.ts';
import { CelDuration, type CelList, CelUint, type CelValue, Failure, type Result } from '../values.ts';
import {
  A,
  add,
  fixed,
  fn,
  type Library,
  listA,
  method,
  multiply,
  perCharacter,
  type Sizing,
  scale,
  sizeOf,
  treeCost,
  unknownSize,
} from './declare.ts';
import { operators } from './operators.ts';

/** One unit an item, and the length of each where items are texts. */
const listCosts = {
  cost: ([list]: readonly CelValue[]) => treeCost(list ?? null),
  estimate: ([list]: readonly Sizing[]) => {
    const item = list?.elementSize === undefined ? fixed(1) : add(fixed(1), scale(list.elementSize, perCharacter));
    return { cost: multiply(list?.size ?? unknownSize, item) };
  },
};

const comparable: readonly (readonly [string, CelType])[] = [
  ['int', intType],
  ['uint', uintType],
  ['double', doubleType],
  ['bool', boolType],
  ['string', stringType],
  ['bytes', bytesType],
  ['timestamp', timestampType],
  ['duration', durationType],
];

function isSorted(list: CelList): Result {
  for (let i = 1; i < list.size; i++) {
    const [before, item] = [list.at(i - 1), list.at(i)];
    if (before instanceof Failure) return before;
    if (item instanceof Failure) return item;
    const order = compareValues(before, item);
    if (order instanceof Failure) return order;
    if (order === undefined || order > 0) return false;
  }
  return true;
}

const extreme =
  (name: 'min' | 'max') =>
  (list: CelList): Result => {
    if (list.size === 0) return new Failure(`${name} called on empty list`);
    let best = list.at(0);
    for (let i = 1; i < list.size; i++) {
      const item = list.at(i);
      if (item instanceof Failure) return item;
      if (best instanceof Failure) return best;
      const order = compareValues(item, best);
      if (order instanceof Failure) return order;
      if (order !== undefined && (name === 'min' ? order < 0 : order > 0)) best = item;
    }
    return best;
  };

function sumFrom(zero: CelValue, overload: string) {
  const plus = operators['_+_']?.find(({ id }) => id === overload);
  return (list: CelList): Result => {
    let sum: Result = zero;
    for (let i = 0; i < list.size; i++) {
      const item = list.at(i);
      if (item instanceof Failure) return item;
      if (sum instanceof Failure || plus === undefined) return sum;
      if (typeof item !== typeof zero) return new Failure('no such overload');
      sum = plus.call(sum, item);
    }
    return sum;
  };
}

const sums: readonly (readonly [string, CelType, CelValue, string])[] = [
  ['int', intType, 0n, 'add_int64'],
  ['uint', uintType, new CelUint(0n), 'add_uint64'],
  ['double', doubleType, 0, 'add_double'],
  ['duration', durationType, new CelDuration(0n), 'add_duration_duration'],
];

const place =
  (fromEnd: boolean) =>
  (list: CelList, value: CelValue): Result => {
    for (let step = 0; step < list.size; step++) {
      const at = fromEnd ? list.size - 1 - step : step;
      const item = list.at(at);
      const equal = item instanceof Failure ? item : equalValues(item, value);
      if (equal instanceof Failure) return equal;
      if (equal) return BigInt(at);
    }
    return -1n;
  };

export const lists: Library = {
  isSorted: comparable.map(([id, type]) => method(`list_${id}_is_sorted_bool`, [listOf(type)], boolType, isSorted, listCosts)),
  min: comparable.map(([id, type]) => method(`list_${id}_min_${id}`, [listOf(type)], type, extreme('min'), listCosts)),
  max: comparable.map(([id, type]) => method(`list_${id}_max_${id}`, [listOf(type)], type, extreme('max'), listCosts)),
  sum: sums.map(([id, type, zero, plus]) => method(`list_${id}_sum_${id}`, [listOf(type)], type, sumFrom(zero, plus), listCosts)),
  indexOf: [method('list_a_index_of_int', [listA, A], intType, place(false), listCosts)],
  lastIndexOf: [method('list_a_last_index_of_int', [listA, A], intType, place(true), listCosts)],
};

function containsAll(list: CelList, items: CelList): Result {
  for (let i = 0; i < items.size; i++) {
    const item = items.at(i);
    const found = item instanceof Failure ? item : listContains(list, item);
    if (found !== true) return found;
  }
  return true;
}

function intersects(a: CelList, b: CelList): Result {
  for (let i = 0; i < a.size; i++) {
    const item = a.at(i);
    if (!(item instanceof Failure) && listContains(b, item) === true) return true;
  }
  return false;
}

const productCosts = (times: number) => ({
  cost: ([a, b]: readonly CelValue[]) => 1 + times * sizeOf(a) * sizeOf(b),
  estimate: ([a, b]: readonly Sizing[]) => ({
    cost: add(fixed(1), multiply(fixed(times), multiply(a?.size ?? unknownSize, b?.size ?? unknownSize))),
  }),
});

export const sets: Library = {
  'sets.contains': [fn('sets_contains_list_list', [listA, listA], boolType, containsAll, productCosts(1))],
  'sets.intersects': [fn('sets_intersects_list_list', [listA, listA], boolType, intersects, productCosts(1))],
  'sets.equivalent': [
    fn(
      'sets_equivalent_list_list',
      [listA, listA],
      boolType,
      (a: CelList, b: CelList) => {
        const within = containsAll(a, b);
        return within === true ? containsAll(b, a) : within;
      },
      productCosts(2),
    ),
  ],
};
