// All functions of the dialect, by name.
import { stringType } from '../types.ts';
import { addresses } from './addresses.ts';
import { authorizers } from './authorizers.ts';
import { conversions } from './conversions.ts';
import { fn, type Library, type Overload, traversal } from './declare.ts';
import { namedFormats } from './formats.ts';
import { lists, sets } from './lists.ts';
import { operators } from './operators.ts';
import { optionals } from './optionals.ts';
import { quantities } from './quantities.ts';
import { regexes } from './regex.ts';
import { semvers } from './semvers.ts';
import { strings } from './strings.ts';
import { times } from './times.ts';
import { urls } from './urls.ts';

/** JSON pointers: what a key of an object is in the path of a JSON patch. */
const jsonPatch: Library = {
  'jsonpatch.escapeKey': [
    fn(
      'string_jsonpatch_escapeKey_string',
      [stringType],
      stringType,
      (key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1'),
      traversal(),
    ),
  ],
};

const libraries: readonly Library[] = [
  operators,
  conversions,
  strings,
  lists,
  sets,
  regexes,
  times,
  optionals,
  urls,
  addresses,
  quantities,
  semvers,
  namedFormats,
  authorizers,
  jsonPatch,
];

const functions = new Map<string, Overload[]>();
for (const library of libraries) {
  for (const [name, overloads] of Object.entries(library)) functions.set(name, [...(functions.get(name) ?? []), ...overloads]);
}

/** The overloads of a function, method or operator; undefined when there is none of this name. */
export const overloadsOf = (name: string): readonly Overload[] | undefined => functions.get(name);
