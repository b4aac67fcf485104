// Swagger 2.0 documents of several servers as one: each brings the paths of its own group version, and the types they need. Pure.

export type Json = { [name: string]: unknown };

const refPrefix = '#/definitions/';
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const objectAt = (document: Json, name: string): Json => (isObject(document[name]) ? (document[name] as Json) : {});

/** Calls `see` with every `$ref`'s definition name. */
function eachRef(value: unknown, see: (name: string) => void): void {
  if (Array.isArray(value)) for (const one of value) eachRef(one, see);
  else if (isObject(value)) {
    const { $ref } = value;
    if (typeof $ref === 'string' && $ref.startsWith(refPrefix)) see($ref.slice(refPrefix.length));
    for (const one of Object.values(value)) eachRef(one, see);
  }
}

/** The paths at or below `prefix`, and the definitions that they reach. */
export function ownPart(document: Json, prefix: string): Json {
  const own = Object.entries(objectAt(document, 'paths')).filter(([path]) => path === prefix || path.startsWith(`${prefix}/`));
  const paths = Object.fromEntries(own);
  const all = objectAt(document, 'definitions');
  const definitions: Json = Object.create(null);
  const waiting: unknown[] = [paths];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    eachRef(value, (name) => {
      if (name in definitions || !Object.hasOwn(all, name)) return;
      definitions[name] = all[name];
      waiting.push(all[name]);
    });
  }
  return { paths, definitions };
}

function renamed(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (names.size === 0) return value;
  if (Array.isArray(value)) return value.map((one) => renamed(one, names));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => {
      const name = key === '$ref' && typeof one === 'string' ? names.get(one.slice(refPrefix.length)) : undefined;
      return [key, name === undefined ? renamed(one, names) : `${refPrefix}${name}`];
    }),
  );
}

/** `own` with the others' paths and definitions. Another type of the same name gets a name of its own: `Foo_v2`. */
export function mergeSwagger(own: Json, parts: readonly Json[]): Json {
  const paths: Json = { ...objectAt(own, 'paths') };
  const definitions: Json = { ...objectAt(own, 'definitions') };
  for (const part of parts) {
    const theirs = objectAt(part, 'definitions');
    const names = new Map<string, string>();
    for (const [name, definition] of Object.entries(theirs)) {
      if (!Object.hasOwn(definitions, name) || JSON.stringify(definitions[name]) === JSON.stringify(definition)) continue;
      let i = 2;
      while (Object.hasOwn(definitions, `${name}_v${i}`) || Object.hasOwn(theirs, `${name}_v${i}`)) i++;
      names.set(name, `${name}_v${i}`);
    }
    for (const [name, definition] of Object.entries(theirs)) definitions[names.get(name) ?? name] = renamed(definition, names);
    for (const [path, item] of Object.entries(objectAt(part, 'paths'))) paths[path] ??= renamed(item, names);
  }
  return { ...own, paths, definitions };
}
