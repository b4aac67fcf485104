// What server-side apply refuses before it merges anything: fields that the schema does not have, values of another type, items given twice.
import type { FieldSchema, ObjectSchema, ValueSchema } from '../../schema/schema.ts';
import { keyElement, pathText, valueElement } from './path-element.ts';
import { isMap, type JsonMap } from './values.ts';

interface Walk {
  readonly path: string[];
  readonly problems: string[];
}

/** The problems, worded as upstream words them: `.spec.foo: field not declared in schema`. */
export function appliedProblems(applied: JsonMap, schema: ObjectSchema): readonly string[] {
  const walk: Walk = { path: [], problems: [] };
  checkStruct(applied, schema, walk);
  return walk.problems;
}

/** Several problems in one text. */
export const problemsText = (problems: readonly string[]): string =>
  problems.length === 1 ? (problems[0] ?? '') : ['errors:', ...problems.map((problem) => `  ${problem}`)].join('\n');

function report(walk: Walk, message: string): void {
  const at = pathText(walk.path);
  walk.problems.push(at === '' ? message : `${at}: ${message}`);
}

function inside(walk: Walk, element: string, check: () => void): void {
  walk.path.push(element);
  check();
  walk.path.pop();
}

function checkStruct(value: JsonMap, schema: ObjectSchema, walk: Walk): void {
  for (const [name, inner] of Object.entries(value)) {
    const field = schema.fields.get(name);
    inside(walk, `f:${name}`, () => (field ? checkValue(inner, field, walk) : report(walk, 'field not declared in schema')));
  }
}

function checkValue(value: unknown, schema: ValueSchema | FieldSchema, walk: Walk): void {
  if (value === null || value === undefined) return;
  switch (schema.kind) {
    case 'object':
    case 'map':
      if (!isMap(value)) report(walk, `expected map, got ${pointerText(value)}`);
      else if (schema.object) checkStruct(value, schema.object, walk);
      else checkMap(value, schema.element, walk);
      break;
    case 'array':
      if (Array.isArray(value)) checkList(value, schema, walk);
      else report(walk, `expected list, got ${pointerText(value)}`);
      break;
    default:
      checkScalar(value, schema, walk);
  }
}

function checkMap(value: JsonMap, element: ValueSchema | undefined, walk: Walk): void {
  if (!element) return;
  for (const [key, inner] of Object.entries(value)) inside(walk, `f:${key}`, () => checkValue(inner, element, walk));
}

function checkScalar(value: unknown, schema: ValueSchema, walk: Walk): void {
  switch (schema.kind) {
    case 'string':
    case 'bytes':
      if (typeof value !== 'string') report(walk, `expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`);
      return;
    case 'integer':
    case 'number':
      if (typeof value !== 'number' && typeof value !== 'bigint') report(walk, `expected numeric (int or float), got ${goType(value)}`);
      return;
    case 'boolean':
      if (typeof value !== 'boolean') report(walk, `expected boolean, got ${pointerText(value)}`);
      return;
    case 'any':
      return;
    default:
      if (typeof value === 'object') report(walk, `expected any scalar, got ${pointerText(value)}`);
  }
}

function checkList(list: readonly unknown[], schema: ValueSchema | FieldSchema, walk: Walk): void {
  const { element } = schema;
  if (!element) return;
  const seen = new Set<string>();
  for (const [index, item] of list.entries()) {
    const at = itemAt(schema, item, index);
    if (at.problem !== undefined) {
      report(walk, `element ${index}: ${at.problem}`);
      continue;
    }
    if (seen.has(at.element)) report(walk, `duplicate entries for key ${pathText([at.element])}`);
    seen.add(at.element);
    inside(walk, at.element, () => checkValue(item, element, walk));
  }
}

type ItemAt = { readonly element: string; readonly problem?: undefined } | { readonly problem: string };

function itemAt(schema: ValueSchema | FieldSchema, item: unknown, index: number): ItemAt {
  const listType = 'listType' in schema ? schema.listType : undefined;
  if (listType === 'set') {
    return item === null ? { problem: 'set element may not be null' } : { element: valueElement(item) };
  }
  if (listType !== 'map' || !('listMapKeys' in schema)) return { element: `i:${index}` };
  if (item === null) return { problem: 'associative list with keys may not have a null element' };
  if (!isMap(item)) return { problem: 'associative list with keys may not have non-map elements' };
  const keys = [...schema.listMapKeys].sort();
  const defaults = keys.map((key) => schema.element?.object?.fields.get(key)?.default);
  const element = keyElement(item, keys, defaults);
  if (element !== undefined) return { element };
  const missing = keys.find((key, i) => item[key] === undefined && defaults[i] === undefined) ?? keys[0] ?? '';
  return {
    problem: `associative list with keys has an element that omits key field ${JSON.stringify(missing)} (and doesn't have default value)`,
  };
}

function goType(value: unknown): string {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  if (Array.isArray(value)) return '[]interface {}';
  return typeof value === 'object' ? 'map[string]interface {}' : 'float64';
}

/** As Go's %#v prints it. */
function goSyntax(value: unknown): string {
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`;
  if (!isMap(value)) return value === null ? 'interface {}(nil)' : (JSON.stringify(value) ?? String(value));
  const fields = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${goSyntax(value[key])}`);
  return `map[string]interface {}{${fields.join(', ')}}`;
}

/** As Go's %v prints a pointer to a struct of one field. */
const pointerText = (value: unknown): string => `&{${goPlain(value)}}`;

function goPlain(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goPlain).join(' ')}]`;
  if (!isMap(value)) return value === null || value === undefined ? '<nil>' : String(value);
  const fields = Object.keys(value)
    .sort()
    .map((key) => `${key}:${goPlain(value[key])}`);
  return `map[${fields.join(' ')}]`;
}
