// Sets of field paths, in the very form in which managedFields carries them: a tree whose keys are path elements.
// Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
import { canonicalElement, compareElements, ownElement } from './path-element.ts';

/**
 * { 'f:spec': { 'f:replicas': {}, 'f:template': { '.': {}, 'f:x': {} } } } has three members: .spec.replicas, .spec.template and
 * .spec.template.x, but not .spec. Below the root an empty node is a member; a node with children is one when it has '.'. An empty root is
 * the empty set. Nodes are never changed once made, and sets share them: what an operation does not touch comes back as it was (`===`).
 * Keys stand in upstream's order.
 */
export interface FieldSet {
  readonly [element: string]: FieldSet;
}

export const noFields: FieldSet = Object.freeze({});

/** A member without children. The same value as the empty set: what it means depends on where it stands. */
export const leaf: FieldSet = noFields;

/** True for the empty set. */
export function isEmptySet(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

/** True when a node below the root is a member itself. */
export const isMember = (node: FieldSet): boolean => node[ownElement] !== undefined || isEmptySet(node);

/** Collects the children of a node. */
export class FieldSetBuilder {
  readonly #keys: string[] = [];
  readonly #nodes: FieldSet[] = [];
  readonly #ranks: number[] = [];
  #ranked = true;

  /** Each element is added once. `rank`: its place among the fields of the struct that it is one of. */
  add(element: string, node: FieldSet, rank = -1): void {
    if (rank < 0) this.#ranked = false;
    this.#keys.push(element);
    this.#nodes.push(node);
    this.#ranks.push(rank);
  }

  /** The node, a member itself if `own`; undefined when there is nothing to it. */
  build(own: boolean): FieldSet | undefined {
    const count = this.#keys.length;
    if (count === 0) return own ? leaf : undefined;
    this.#sort();
    const node: Record<string, FieldSet> = {};
    if (own) node[ownElement] = leaf;
    for (let i = 0; i < count; i++) node[this.#keys[i] ?? ''] = this.#nodes[i] ?? leaf;
    return node;
  }

  /** By insertion: there are few, and mostly they come in order. */
  #sort(): void {
    const [keys, nodes, ranks, ranked] = [this.#keys, this.#nodes, this.#ranks, this.#ranked];
    if (!ranked && keys.length > insertionMax) {
      this.#sortMany();
      return;
    }
    for (let i = 1; i < keys.length; i++) {
      const [key = '', node = leaf, rank = -1] = [keys[i], nodes[i], ranks[i]];
      let at = i;
      while (at > 0 && (ranked ? (ranks[at - 1] ?? 0) > rank : compareElements(keys[at - 1] ?? '', key) > 0)) {
        keys[at] = keys[at - 1] ?? '';
        nodes[at] = nodes[at - 1] ?? leaf;
        ranks[at] = ranks[at - 1] ?? -1;
        at--;
      }
      keys[at] = key;
      nodes[at] = node;
      ranks[at] = rank;
    }
  }

  #sortMany(): void {
    const pairs = this.#keys.map((key, i) => ({ key, node: this.#nodes[i] ?? leaf })).sort((a, b) => compareElements(a.key, b.key));
    for (const [i, { key, node }] of pairs.entries()) {
      this.#keys[i] = key;
      this.#nodes[i] = node;
    }
  }
}

/** Beyond this many children sorting by insertion would cost the square. */
const insertionMax = 24;

/** `node` with some children replaced (undefined: dropped) or added, and with `own` as said. The same node when that changes nothing. */
function rebuild(
  node: FieldSet,
  changes: ReadonlyMap<string, FieldSet | undefined> | undefined,
  own: boolean,
  atRoot: boolean,
): FieldSet | undefined {
  if (!changes && (atRoot || isMember(node) === own)) return node;
  const builder = new FieldSetBuilder();
  for (const element in node) {
    if (element === ownElement) continue;
    const child = changes?.has(element) ? changes.get(element) : node[element];
    if (child) builder.add(element, child);
  }
  for (const [element, child] of changes ?? []) if (child && node[element] === undefined) builder.add(element, child);
  return builder.build(own);
}

/** What is a member of either. */
export const union = (a: FieldSet, b: FieldSet): FieldSet => {
  if (a === b || isEmptySet(b)) return a;
  return isEmptySet(a) ? b : (unite(a, b, true) ?? noFields);
};

function unite(a: FieldSet, b: FieldSet, atRoot: boolean): FieldSet | undefined {
  let changes: Map<string, FieldSet | undefined> | undefined;
  for (const element in b) {
    if (element === ownElement) continue;
    const [mine, theirs] = [a[element], b[element]];
    if (mine === theirs) continue;
    const both = mine && theirs ? unite(mine, theirs, false) : theirs;
    if (both === mine) continue;
    changes ??= new Map();
    changes.set(element, both);
  }
  return rebuild(a, changes, !atRoot && (isMember(a) || isMember(b)), atRoot);
}

/** What is a member of `a` and not of `b`. A member's children stay: without `.a`, a set of `.a` and `.a.b` is `.a.b`. */
export const difference = (a: FieldSet, b: FieldSet): FieldSet => subtract(a, b, { whole: false, atRoot: true }) ?? noFields;

/** What is a member of `a` and neither a member of `b` nor below one. */
export const recursiveDifference = (a: FieldSet, b: FieldSet): FieldSet => subtract(a, b, { whole: true, atRoot: true }) ?? noFields;

function subtract(a: FieldSet, b: FieldSet, how: { readonly whole: boolean; readonly atRoot: boolean }): FieldSet | undefined {
  if (!how.atRoot && how.whole && isMember(b)) return undefined;
  let changes: Map<string, FieldSet | undefined> | undefined;
  for (const element in b) {
    const [mine, theirs] = [a[element], b[element]];
    if (element === ownElement || !mine || !theirs) continue;
    const rest = subtract(mine, theirs, { whole: how.whole, atRoot: false });
    if (rest === mine) continue;
    changes ??= new Map();
    changes.set(element, rest);
  }
  return rebuild(a, changes, !how.atRoot && isMember(a) && !isMember(b), how.atRoot);
}

/** What is a member of both. */
export const intersection = (a: FieldSet, b: FieldSet): FieldSet => (a === b ? a : (intersect(a, b, true) ?? noFields));

function intersect(a: FieldSet, b: FieldSet, atRoot: boolean): FieldSet | undefined {
  const builder = new FieldSetBuilder();
  for (const element in a) {
    const [mine, theirs] = [a[element], b[element]];
    if (element === ownElement || !mine || !theirs) continue;
    const both = mine === theirs ? mine : intersect(mine, theirs, false);
    if (both) builder.add(element, both);
  }
  return builder.build(!atRoot && isMember(a) && isMember(b));
}

export function equalSets(a: FieldSet, b: FieldSet): boolean {
  if (a === b) return true;
  return isEmptySet(a) === isEmptySet(b) && sameNodes(a, b, true);
}

function sameNodes(a: FieldSet, b: FieldSet, atRoot: boolean): boolean {
  if (a === b) return true;
  if (!atRoot && isMember(a) !== isMember(b)) return false;
  for (const element in b) if (element !== ownElement && !a[element]) return false;
  for (const element in a) {
    if (element === ownElement) continue;
    const [mine, theirs] = [a[element], b[element]];
    if (!mine || !theirs || !sameNodes(mine, theirs, false)) return false;
  }
  return true;
}

export function hasPath(set: FieldSet, path: readonly string[]): boolean {
  let node: FieldSet | undefined = set;
  for (const element of path) {
    node = node[element];
    if (!node) return false;
  }
  return path.length > 0 && isMember(node);
}

/** The set of these paths. */
export function setOf(...paths: readonly (readonly string[])[]): FieldSet {
  return paths.reduce(
    (set: FieldSet, path) =>
      union(
        set,
        path.reduceRight((node: FieldSet, element) => ({ [element]: node }), leaf),
      ),
    noFields,
  );
}

/** Every member's path: those of one node before those below them. */
export function membersOf(set: FieldSet, prefix: readonly string[] = []): string[][] {
  const members: string[][] = [];
  for (const element in set) if (element !== ownElement && isMember(set[element] ?? leaf)) members.push([...prefix, element]);
  for (const element in set) {
    const node = set[element];
    if (element !== ownElement && node) members.push(...membersOf(node, [...prefix, element]));
  }
  return members;
}

/** The members that have no members below them. */
export function leavesOf(set: FieldSet): FieldSet {
  const builder = new FieldSetBuilder();
  for (const element in set) {
    const node = set[element];
    if (element === ownElement || !node) continue;
    builder.add(element, isEmptySet(node) ? leaf : leavesOf(node));
  }
  return builder.build(false) ?? noFields;
}

const depthMax = 200;

/** Reads what somebody sent as fieldsV1, into the form and order that the others compare by. Throws SyntaxError. */
export function parseFieldSet(value: unknown): FieldSet {
  return readNode(value, 0) ?? noFields;
}

function readNode(value: unknown, depth: number): FieldSet | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new SyntaxError('A set of fields is an object');
  if (depth > depthMax) throw new SyntaxError(`A set of fields is at most ${depthMax} levels deep`);
  const children = new Map<string, FieldSet>();
  let own = depth > 0;
  for (const [text, inner] of Object.entries(value)) {
    own = false;
    if (text === ownElement) continue;
    const element = canonicalElement(text);
    const node = element === undefined ? undefined : readNode(inner, depth + 1);
    if (element === undefined || !node) continue;
    const known = children.get(element);
    children.set(element, known ? (unite(known, node, false) ?? node) : node);
  }
  const builder = new FieldSetBuilder();
  for (const [element, node] of children) builder.add(element, node);
  return builder.build(depth > 0 && (own || Object.hasOwn(value, ownElement)));
}
