// Reads a configuration field by field: what is missing, of the wrong type, out of range or unknown is told by its path.
import { type FieldError, invalidValue, notSupported, required } from './field-error.ts';

export interface IntegerRange {
  readonly min: number;
  readonly max: number;
  readonly default: number;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** One object of the configuration. Every field that nobody asked for when `end` is called is an error. */
export class ConfigFields {
  readonly path: string;
  readonly errors: FieldError[];
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #asked = new Set<string>();

  constructor(value: unknown, path: string, errors: FieldError[]) {
    this.path = path;
    this.errors = errors;
    if (value !== undefined && value !== null && !isRecord(value)) errors.push(invalidValue(path, value, 'must be an object'));
    this.#values = isRecord(value) ? value : {};
  }

  at(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }

  has(name: string): boolean {
    return this.raw(name) !== undefined;
  }

  raw(name: string): unknown {
    this.#asked.add(name);
    return this.#values[name] ?? undefined;
  }

  text(name: string): string | undefined {
    const value = this.raw(name);
    if (value === undefined || typeof value === 'string') return value;
    this.errors.push(invalidValue(this.at(name), value, 'must be a string'));
    return undefined;
  }

  requiredText(name: string): string {
    const value = this.text(name) ?? '';
    if (value === '' && !this.errors.some((error) => error.field === this.at(name))) this.errors.push(required(this.at(name)));
    return value;
  }

  choice<T extends string>(name: string, choices: readonly T[], otherwise: T): T {
    const value = this.text(name);
    const found = choices.find((choice) => choice === value);
    if (value !== undefined && found === undefined) this.errors.push(notSupported(this.at(name), value, choices));
    return found ?? otherwise;
  }

  flag(name: string): boolean {
    const value = this.raw(name);
    if (value !== undefined && typeof value !== 'boolean') this.errors.push(invalidValue(this.at(name), value, 'must be true or false'));
    return value === true;
  }

  integer(name: string, range: IntegerRange): number {
    const value = this.raw(name);
    if (value === undefined) return range.default;
    if (typeof value === 'number' && Number.isInteger(value) && value >= range.min && value <= range.max) return value;
    this.errors.push(invalidValue(this.at(name), value, `must be an integer from ${range.min} to ${range.max}`));
    return range.default;
  }

  list<T>(name: string, read: (value: unknown, path: string) => T): readonly T[] {
    const value = this.raw(name);
    if (value === undefined) return [];
    if (Array.isArray(value)) return value.map((item, i) => read(item, `${this.at(name)}[${i}]`));
    this.errors.push(invalidValue(this.at(name), value, 'must be a list'));
    return [];
  }

  texts(name: string): readonly string[] {
    return this.list(name, (value, path) => {
      if (typeof value !== 'string') this.errors.push(invalidValue(path, value, 'must be a string'));
      return String(value);
    });
  }

  object(name: string): ConfigFields {
    return new ConfigFields(this.raw(name), this.at(name), this.errors);
  }

  /** Fields that are known and mean nothing here. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.#asked.add(name);
  }

  end(): void {
    for (const name of Object.keys(this.#values)) {
      if (!this.#asked.has(name)) this.errors.push(invalidValue(this.at(name), this.#values[name], 'unknown field'));
    }
  }
}
