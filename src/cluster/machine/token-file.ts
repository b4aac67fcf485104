// The file of `--token-auth-file`: lines of token, user, uid and, in quotes, groups. Pure.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#static-token-file
import type { StaticToken } from '../../apiserver/mod.ts';
import { MachineError } from './data-dir.ts';

/** Throws MachineError, naming the line and never what is in it: it holds secrets. */
export function parseTokenFile(text: string, path: string): readonly StaticToken[] {
  const tokens: StaticToken[] = [];
  const seen = new Set<string>();
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const wrong = (why: string) =>
      new MachineError(`--token-auth-file: line ${at + 1} of ${path} ${why}; it wants token,user,uid,"group1,group2".`);
    const fields = fieldsOf(line);
    if (!fields) throw wrong('has a quote that does not end');
    const [token = '', name = '', uid = '', groups = ''] = fields.map((field) => field.trim());
    if (fields.length < 3) throw wrong(`has ${fields.length} fields`);
    if (token === '') throw wrong('has no token');
    if (seen.has(token)) throw wrong('repeats the token of another line');
    seen.add(token);
    tokens.push({
      token,
      user: {
        name,
        ...(uid === '' ? {} : { uid }),
        groups: groups
          .split(',')
          .map((group) => group.trim())
          .filter((group) => group !== ''),
      },
    });
  }
  return tokens;
}

/** The fields of one line of CSV; undefined when a quote does not end. */
function fieldsOf(line: string): readonly string[] | undefined {
  const fields: string[] = [];
  let field = '';
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const c = line[i] as string;
    if (quoted && c === '"' && line[i + 1] === '"') {
      field += c;
      i++;
    } else if (c === '"') quoted = !quoted;
    else if (c === ',' && !quoted) {
      fields.push(field);
      field = '';
    } else field += c;
  }
  return quoted ? undefined : [...fields, field];
}
