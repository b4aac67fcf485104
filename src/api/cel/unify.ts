// Which types fit which, and what type parameters stand for.
import { type CelType, dynType, paramOf } from './types.ts';

/** Null is a value of the types that are messages upstream. */
const isNullable = (type: CelType): boolean =>
  type.kind === 'object' || type.kind === 'opaque' || type.kind === 'duration' || type.kind === 'timestamp';

/** What is known of type parameters. A parameter is replaced as far as it is known. */
export class Bindings {
  #known = new Map<string, CelType>();
  #fresh = 0;

  fresh(): CelType {
    return paramOf(`_var${this.#fresh++}`);
  }

  /** Tries; what it learned is kept only when it fits. */
  attempt(fits: () => boolean): boolean {
    const before = new Map(this.#known);
    if (fits()) return true;
    this.#known = before;
    return false;
  }

  #find(type: CelType): CelType {
    let found = type;
    while (found.kind === 'param') {
      const next = this.#known.get(found.name);
      if (next === undefined) return found;
      found = next;
    }
    return found;
  }

  #bind(name: string, type: CelType): boolean {
    if (type.kind === 'param' && type.name === name) return true;
    if (this.#mentions(type, name)) return false;
    this.#known.set(name, type);
    return true;
  }

  #mentions(type: CelType, name: string): boolean {
    const found = this.#find(type);
    switch (found.kind) {
      case 'param':
        return found.name === name;
      case 'list':
        return this.#mentions(found.element, name);
      case 'map':
        return this.#mentions(found.key, name) || this.#mentions(found.value, name);
      case 'optional':
        return this.#mentions(found.value, name);
      default:
        return false;
    }
  }

  /** The last parameter of a chain: the one that is rebound when a value turns out to be dynamic. */
  #lastParam(type: CelType): string | undefined {
    let name: string | undefined;
    let found: CelType | undefined = type;
    while (found?.kind === 'param') {
      name = found.name;
      found = this.#known.get(found.name);
    }
    return name;
  }

  /** Whether a value of `actual` may stand where `expected` is wanted. */
  fits(expected: CelType, actual: CelType): boolean {
    const want = this.#find(expected);
    const have = this.#find(actual);
    if (want.kind === 'param') return this.#bind(want.name, have);
    if (have.kind === 'param') return this.#bind(have.name, want);
    if (have.kind === 'dyn' || want.kind === 'dyn') {
      const name = have.kind === 'dyn' ? this.#lastParam(expected) : undefined;
      if (name !== undefined) this.#known.set(name, dynType);
      return true;
    }
    if (have.kind === 'null' || want.kind === 'null') return have.kind === want.kind || isNullable(want) || isNullable(have);
    if (want.kind === 'list') return have.kind === 'list' && this.fits(want.element, have.element);
    if (want.kind === 'map') return have.kind === 'map' && this.fits(want.key, have.key) && this.fits(want.value, have.value);
    if (want.kind === 'optional') return have.kind === 'optional' && this.fits(want.value, have.value);
    if (want.kind === 'object' || want.kind === 'opaque') return have.kind === want.kind && have.name === want.name;
    return want.kind === have.kind;
  }

  /** The type with its parameters filled in; those that nothing is known of become dyn when `isFinal`. */
  resolve(type: CelType, isFinal = false): CelType {
    const found = this.#find(type);
    switch (found.kind) {
      case 'param':
        return isFinal ? dynType : found;
      case 'list': {
        const element = this.resolve(found.element, isFinal);
        return element === found.element ? found : { kind: 'list', element };
      }
      case 'map': {
        const key = this.resolve(found.key, isFinal);
        const value = this.resolve(found.value, isFinal);
        return key === found.key && value === found.value ? found : { kind: 'map', key, value };
      }
      case 'optional': {
        const value = this.resolve(found.value, isFinal);
        return value === found.value ? found : { kind: 'optional', value };
      }
      default:
        return found;
    }
  }

  /** The type with each parameter of a declaration replaced by the one that `names` has for it. */
  instantiate(type: CelType, names: Map<string, CelType>): CelType {
    switch (type.kind) {
      case 'param': {
        const known = names.get(type.name) ?? this.fresh();
        names.set(type.name, known);
        return known;
      }
      case 'list':
        return { ...type, element: this.instantiate(type.element, names) };
      case 'map':
        return { ...type, key: this.instantiate(type.key, names), value: this.instantiate(type.value, names) };
      case 'optional':
        return { ...type, value: this.instantiate(type.value, names) };
      default:
        return type;
    }
  }
}
