// CEL: what a rule costs that looks at each item of a list, and what compiling it costs.
import { type CelSchema, celTypeOfSchema, compileCel, perCallCostLimit } from '../../src/api/cel/mod.ts';
import type { Part } from '../part.ts';

const items = 100;
const rounds = 2000;
const compilations = 500;

const schema: CelSchema = {
  type: 'object',
  properties: {
    ports: {
      type: 'array',
      maxItems: items,
      items: { type: 'object', properties: { name: { type: 'string', maxLength: 63 }, port: { type: 'integer' } } },
    },
  },
};
const rule = `self.ports.all(p, p.port > 0 && p.port < 65536 && p.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$'))`;
const bareName = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;

/** The median of `count` runs, in microseconds. */
function medianUs(count: number, run: () => void): number {
  const times = Array.from({ length: count }, () => {
    const from = performance.now();
    run();
    return performance.now() - from;
  }).sort((a, b) => a - b);
  return (times[count >> 1] ?? 0) * 1000;
}

export const celPart: Part = {
  name: 'cel',
  about: `CEL: a rule over a list of ${items} items`,
  async run({ report }) {
    const self = celTypeOfSchema(schema);
    if (self === undefined) throw new Error('the schema has no type');
    const program = compileCel(rule, { variables: { self } });
    const object = { ports: Array.from({ length: items }, (_, i) => ({ name: `port-${i}`, port: 8000 + i })) };
    const evaluate = (): void => {
      if (program.evaluate({ self: object }, { remaining: perCallCostLimit }) !== true) throw new Error('the rule does not hold');
    };
    medianUs(rounds, evaluate);
    const bare = medianUs(rounds, () => {
      if (!object.ports.every(({ name, port }) => port > 0 && port < 65536 && bareName.test(name)))
        throw new Error('the check does not hold');
    });
    report({
      what: `validation of a list of ${items} items by a rule with a regular expression`,
      measured: medianUs(rounds, evaluate) / 1000,
      unit: 'ms',
      limit: { what: 'the same by hand in JavaScript', value: bare / 1000 },
    });
    report({
      what: 'compiling the rule: parse, check, estimate',
      measured: medianUs(compilations, () => compileCel(rule, { variables: { self } }).estimateCost()) / 1000,
      unit: 'ms',
    });
  },
};
