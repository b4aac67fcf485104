// Sets of completion indexes as ordered intervals: 100,000 of them in a few words, such as "0,2-7,9". Pure.

/** Ordered, without overlaps and without neighbours that touch; each with its first and last index. */
export type Indexes = readonly (readonly [first: number, last: number])[];

export const noIndexes: Indexes = [];

/** Two indexes in a row are written `3,4`, three and more `3-5`, as in `status.completedIndexes`. */
export const formatIndexes = (indexes: Indexes): string =>
  indexes.map(([first, last]) => (first === last ? `${first}` : `${first}${last === first + 1 ? ',' : '-'}${last}`)).join(',');

/** What cannot be read, or is not below `completions`, is left out: a size may have been lowered since. */
export function parseIndexes(text: string | undefined, completions: number): Indexes {
  const found: [number, number][] = [];
  for (const part of (text ?? '').split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (match === null) continue;
    const first = Number(match[1]);
    const last = Math.min(Number(match[2] ?? match[1]), completions - 1);
    if (first <= last) found.push([first, last]);
  }
  return merged(found);
}

export const indexesOf = (numbers: Iterable<number>): Indexes => merged([...numbers].map((number) => [number, number] as const));

export const unite = (a: Indexes, b: Indexes): Indexes => (b.length === 0 ? a : a.length === 0 ? b : merged([...a, ...b]));

function merged(intervals: readonly (readonly [number, number])[]): Indexes {
  const result: [number, number][] = [];
  for (const [first, last] of [...intervals].sort((a, b) => a[0] - b[0])) {
    const top = result.at(-1);
    if (top && first <= top[1] + 1) top[1] = Math.max(top[1], last);
    else result.push([first, last]);
  }
  return result;
}

export const countOf = (indexes: Indexes): number => indexes.reduce((sum, [first, last]) => sum + last - first + 1, 0);

export function hasIndex(indexes: Indexes, index: number): boolean {
  let low = 0;
  let high = indexes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((indexes[middle]?.[1] ?? 0) < index) low = middle + 1;
    else high = middle;
  }
  const found = indexes[low];
  return found !== undefined && found[0] <= index;
}

/** How many of `some` are also in `indexes`. */
export function countCommon(indexes: Indexes, some: Indexes): number {
  let count = 0;
  let i = 0;
  let j = 0;
  while (i < indexes.length && j < some.length) {
    const [a, b] = [indexes[i], some[j]];
    if (!a || !b) break;
    count += Math.max(0, Math.min(a[1], b[1]) - Math.max(a[0], b[0]) + 1);
    if (a[1] < b[1]) i++;
    else j++;
  }
  return count;
}

/** The first `count` indexes below `completions` that are not in `taken`. */
export function firstFree(taken: Indexes, count: number, completions: number): readonly number[] {
  const free: number[] = [];
  let next = 0;
  for (const [first, last] of [...taken, [completions, completions] as const]) {
    for (; next < first && next < completions && free.length < count; next++) free.push(next);
    next = Math.max(next, last + 1);
  }
  return free;
}
