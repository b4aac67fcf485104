// PriorityLevelConfiguration: a share of the server's concurrency, and how requests wait for it.
import type { V1LimitedPriorityLevelConfiguration, V1PriorityLevelConfiguration, V1QueuingConfiguration } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn, none } from '../meta/columns.ts';
import { keepStatus } from '../meta/endpoint-rules.ts';
import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '../meta/field-error.ts';
import type { Draft } from '../meta/object.ts';
import { validateFlowConditions } from './flow-schema.ts';

const defaultShares = 30;
const defaultQueuing = { queues: 64, queueLengthLimit: 50, handSize: 8 } as const;
const queuesMax = 10_000_000;
/** A hand is dealt from a hash of 64 bits: more than this it cannot choose evenly. */
const entropyBitsMax = 60;

function setDefaults(draft: Draft<V1PriorityLevelConfiguration>): void {
  const { limited, exempt } = draft.spec ?? {};
  if (exempt) {
    exempt.nominalConcurrencyShares ??= 0;
    exempt.lendablePercent ??= 0;
  }
  if (limited) {
    limited.nominalConcurrencyShares ??= defaultShares;
    limited.lendablePercent ??= 0;
    const queuing = limited.limitResponse?.queuing;
    if (!queuing) return;
    for (const field of ['queues', 'queueLengthLimit', 'handSize'] as const) {
      if ((queuing[field] ?? 0) === 0) queuing[field] = defaultQueuing[field];
    }
  }
}

/** How many bits it takes to deal a hand of so many cards from such a deck; no further than the first figure above the limit. */
function handEntropyBits(deck: number, hand: number): number {
  let bits = 0;
  for (let i = 0; i < hand && bits <= entropyBitsMax; i++) bits += Math.log2(Math.max(1, deck - i));
  return Math.ceil(bits);
}

function validateQueuing(queuing: V1QueuingConfiguration, path: string, errors: FieldError[]): void {
  const { queues = 0, queueLengthLimit = 0, handSize = 0 } = queuing;
  if (queueLengthLimit <= 0) errors.push(invalidValue(`${path}.queueLengthLimit`, queueLengthLimit, 'must be positive'));
  if (queues <= 0) errors.push(invalidValue(`${path}.queues`, queues, 'must be positive'));
  else if (queues > queuesMax) errors.push(invalidValue(`${path}.queues`, queues, `must not be greater than ${queuesMax}`));
  if (handSize <= 0) errors.push(invalidValue(`${path}.handSize`, handSize, 'must be positive'));
  else if (handSize > queues) errors.push(invalidValue(`${path}.handSize`, handSize, `should not be greater than queues (${queues})`));
  else if (handEntropyBits(queues, handSize) > entropyBitsMax) {
    const bits = handEntropyBits(queues, handSize);
    const detail = `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${entropyBitsMax} (${bits})`;
    errors.push(invalidValue(`${path}.handSize`, handSize, detail));
  }
}

function validatePercents(level: { readonly lendablePercent?: number | undefined }, path: string, errors: FieldError[]): void {
  const percent = level.lendablePercent;
  if (percent !== undefined && (percent < 0 || percent > 100)) {
    errors.push(invalidValue(`${path}.lendablePercent`, percent, 'must be between 0 and 100, inclusive'));
  }
}

function validateShares(level: { readonly nominalConcurrencyShares?: number | undefined }, path: string, errors: FieldError[]): void {
  const shares = level.nominalConcurrencyShares ?? 0;
  if (shares < 0) errors.push(invalidValue(`${path}.nominalConcurrencyShares`, shares, 'must be a non-negative integer'));
}

function validateLimited(limited: V1LimitedPriorityLevelConfiguration, path: string, errors: FieldError[]): void {
  validateShares(limited, path, errors);
  const { type = '', queuing } = limited.limitResponse ?? {};
  const at = `${path}.limitResponse`;
  if (type === 'Reject') {
    if (queuing !== undefined) errors.push(forbiddenField(`${at}.queuing`, 'must be nil if limited.limitResponse.type is not Limited'));
  } else if (type === 'Queue') {
    if (queuing === undefined) errors.push(required(`${at}.queuing`, 'must not be empty if limited.limitResponse.type is Limited'));
    else validateQueuing(queuing, `${at}.queuing`, errors);
  } else errors.push(notSupported(`${at}.type`, type, ['Queue', 'Reject']));
  validatePercents(limited, path, errors);
  const borrowing = limited.borrowingLimitPercent;
  if (borrowing !== undefined && borrowing < 0) {
    errors.push(invalidValue(`${path}.borrowingLimitPercent`, borrowing, 'if specified, must be a non-negative integer'));
  }
}

function validate({ metadata, spec }: V1PriorityLevelConfiguration): FieldError[] {
  const errors: FieldError[] = [];
  const type = spec?.type ?? '';
  if ((metadata?.name === 'exempt') !== (type === 'Exempt')) {
    errors.push(invalidValue('spec.type', type, "type must be 'Exempt' if and only if `name` is 'exempt'"));
  }
  if (type === 'Exempt') {
    if (spec?.limited !== undefined) errors.push(forbiddenField('spec.limited', 'must be nil if the type is not Limited'));
    if (spec?.exempt === undefined) errors.push(required('spec.exempt', 'must not be empty when type is Exempt'));
    else {
      validateShares(spec.exempt, 'spec.exempt', errors);
      validatePercents(spec.exempt, 'spec.exempt', errors);
    }
  } else if (type === 'Limited') {
    if (spec?.exempt !== undefined) errors.push(forbiddenField('spec.exempt', 'must be nil if the type is Limited'));
    if (spec?.limited === undefined) errors.push(required('spec.limited', 'must not be empty when type is Limited'));
    else validateLimited(spec.limited, 'spec.limited', errors);
  } else errors.push(notSupported('spec.type', type, ['Exempt', 'Limited']));
  return errors;
}

const queuingOf = ({ spec }: V1PriorityLevelConfiguration) => spec?.limited?.limitResponse?.queuing;

export const prioritylevelconfigurations: KindDefinition<V1PriorityLevelConfiguration> = {
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'PriorityLevelConfiguration',
  resource: 'prioritylevelconfigurations',
  singular: 'prioritylevelconfiguration',
  namespaced: false,
  schema: 'V1PriorityLevelConfiguration',
  hasGeneration: true,
  columns: [
    nameColumn,
    { name: 'Type', type: 'string', cell: ({ spec }) => spec?.type ?? '' },
    {
      name: 'NominalConcurrencyShares',
      type: 'string',
      cell: ({ spec }) => (spec?.limited ?? spec?.exempt)?.nominalConcurrencyShares ?? none,
    },
    { name: 'Queues', type: 'string', cell: (level) => queuingOf(level)?.queues ?? none },
    { name: 'HandSize', type: 'string', cell: (level) => queuingOf(level)?.handSize ?? none },
    { name: 'QueueLengthLimit', type: 'string', cell: (level) => queuingOf(level)?.queueLengthLimit ?? none },
    ageColumn,
  ],
  setDefaults,
  prepareCreate: (draft) => {
    draft.status = {};
  },
  validateCreate: validate,
  update: { prepare: keepStatus, validate },
  status: { validate: ({ status }) => validateFlowConditions(status?.conditions) },
};
