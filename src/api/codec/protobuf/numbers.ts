// The field numbers of every type that has a protobuf form, by our names of types: text, read type by type when first asked for.
// Source: the generated.proto files that Kubernetes publishes with its API types.
import { admissionregistration } from './numbers/admissionregistration.ts';
import { apiextensions } from './numbers/apiextensions.ts';
import { apiregistration } from './numbers/apiregistration.ts';
import { apps } from './numbers/apps.ts';
import { authentication } from './numbers/authentication.ts';
import { authorization } from './numbers/authorization.ts';
import { autoscaling } from './numbers/autoscaling.ts';
import { batch } from './numbers/batch.ts';
import { certificates } from './numbers/certificates.ts';
import { coordination } from './numbers/coordination.ts';
import { core } from './numbers/core.ts';
import { discovery } from './numbers/discovery.ts';
import { events } from './numbers/events.ts';
import { flowcontrol } from './numbers/flowcontrol.ts';
import { meta } from './numbers/meta.ts';
import { networking } from './numbers/networking.ts';
import { node } from './numbers/node.ts';
import { policy } from './numbers/policy.ts';
import { rbac } from './numbers/rbac.ts';
import { resource } from './numbers/resource.ts';
import { scheduling } from './numbers/scheduling.ts';
import { storage } from './numbers/storage.ts';

const tables = [
  admissionregistration,
  apiextensions,
  apiregistration,
  apps,
  authentication,
  authorization,
  autoscaling,
  batch,
  certificates,
  coordination,
  core,
  discovery,
  events,
  flowcontrol,
  meta,
  networking,
  node,
  policy,
  rbac,
  resource,
  scheduling,
  storage,
];

/**
 * One field of a type. `2/hostPath=1` is field 1 of the message that is field 2 of this one, and stands in the same JSON
 * object; `replicas=1*` marks a scalar whose zero is a value: other optional zeros are what is sent for "not set".
 */
export interface FieldNumber {
  readonly name: string;
  readonly number: number;
  /** Numbers of the messages around it that JSON does not show, outermost first. */
  readonly inside: readonly number[];
  readonly zeroCounts: boolean;
}

let lines: ReadonlyMap<string, string> | undefined;

function linesByType(): ReadonlyMap<string, string> {
  lines ??= new Map(
    tables.flatMap((table) =>
      table
        .trim()
        .split('\n')
        .map((line): [string, string] => {
          const space = line.indexOf(' ');
          return space < 0 ? [line, ''] : [line.slice(0, space), line.slice(space + 1)];
        }),
    ),
  );
  return lines;
}

/** The names of the types that have numbers of their own. Lists all have the same and are not among them. */
export const numberedTypes = (): readonly string[] => [...linesByType().keys()];

const listNumbers: readonly FieldNumber[] = [
  { name: 'metadata', number: 1, inside: [], zeroCounts: false },
  { name: 'items', number: 2, inside: [], zeroCounts: false },
];

/** The numbers of an API type such as `V1Pod` or `V1PodList`; undefined when it has no protobuf form. */
export function numbersOf(typeName: string): readonly FieldNumber[] | undefined {
  const text = linesByType().get(typeName);
  if (text !== undefined) return text === '' ? [] : text.split(' ').map(parseNumber);
  return typeName.endsWith('List') ? listNumbers : undefined;
}

const fieldPattern = /^((?:\d+\/)*)([^=]+)=(\d+)(\*?)$/;

function parseNumber(text: string): FieldNumber {
  const match = fieldPattern.exec(text);
  if (!match) throw new Error(`Cannot read field number "${text}"`);
  const [, inside = '', name = '', number, star] = match;
  return { name, number: Number(number), inside: inside.split('/').slice(0, -1).map(Number), zeroCounts: star === '*' };
}
