// The words after `minke why`.
import { CommandError, dataDirOf, type Environment, parse } from './flags.ts';
import type { WhyOptions } from './why.ts';

export type WhyCommand = { readonly do: 'why' } & WhyOptions;

const whyFlags = {
  'data-dir': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  namespace: { type: 'string', short: 'n' },
  kubeconfig: { type: 'string' },
  all: { type: 'boolean' },
  output: { type: 'string', short: 'o' },
} as const;

/** `pod NAME` and `pod/NAME`. Undefined: help is wanted. Throws {@link CommandError}. */
export function parseWhy(rest: readonly string[], environment: Environment): WhyCommand | undefined {
  const { values, positionals } = parse('why', rest, whyFlags, 2);
  if (values.help) return undefined;
  const [kind, name] = positionals.flatMap((word) => word.split('/'));
  if (!kind || !name) throw new CommandError('`minke why` wants a pod: minke why pod NAME [-n NAMESPACE]');
  if (!['pod', 'pods', 'po'].includes(kind)) throw new CommandError(`minke why: got "${kind}", wants "pod".`);
  if (values.output !== undefined && values.output !== 'json') throw new CommandError(`--output: got "${values.output}", wants "json".`);
  return {
    do: 'why',
    dataDir: dataDirOf(values['data-dir'], environment),
    kubeconfig: values.kubeconfig,
    namespace: values.namespace ?? 'default',
    name,
    all: values.all ?? false,
    json: values.output === 'json',
  };
}
