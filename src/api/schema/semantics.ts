// What client-node's declarations do not tell about types and fields: one table for each API group, indexed by type.
import type { ListType, MapType } from './schema.ts';
import { admissionregistration } from './semantics/admissionregistration.ts';
import { apiextensions } from './semantics/apiextensions.ts';
import { apiregistration } from './semantics/apiregistration.ts';
import { apps } from './semantics/apps.ts';
import { authentication } from './semantics/authentication.ts';
import { authorization } from './semantics/authorization.ts';
import { autoscaling } from './semantics/autoscaling.ts';
import { batch } from './semantics/batch.ts';
import { certificates } from './semantics/certificates.ts';
import { coordination } from './semantics/coordination.ts';
import { core } from './semantics/core.ts';
import { discovery } from './semantics/discovery.ts';
import { events } from './semantics/events.ts';
import { flowcontrol } from './semantics/flowcontrol.ts';
import { meta } from './semantics/meta.ts';
import { networking } from './semantics/networking.ts';
import { node } from './semantics/node.ts';
import type { PackageSemantics } from './semantics/package-semantics.ts';
import { policy } from './semantics/policy.ts';
import { rbac } from './semantics/rbac.ts';
import { resource } from './semantics/resource.ts';
import { scheduling } from './semantics/scheduling.ts';
import { storage } from './semantics/storage.ts';

export interface TypeSemantics {
  readonly package: PackageSemantics;
  readonly atomic: boolean;
  readonly fields: Readonly<Record<string, string>>;
}

export interface FieldMarks {
  listType?: ListType;
  listMapKeys?: readonly string[];
  mapType?: MapType;
  patchStrategy?: readonly ('merge' | 'replace' | 'retainKeys')[];
  patchMergeKey?: string;
  quantity?: boolean;
  goType?: string;
  default?: string;
}

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

let index: Map<string, TypeSemantics> | undefined;

/** Every type with its package and marks, made when first asked for. */
export function semantics(): ReadonlyMap<string, TypeSemantics> {
  if (index) return index;
  const made = new Map<string, TypeSemantics>();
  for (const entry of tables.flat()) {
    for (const name of entry.types.trim().split(/\s+/)) {
      made.set(name, { package: entry, atomic: entry.atomic?.includes(name) === true, fields: entry.fields[name] ?? {} });
    }
  }
  index = made;
  return made;
}

/** Reads the marks of one field: `map:port,protocol patch=merge:port`. */
export function parseMarks(text: string | undefined): FieldMarks {
  const marks: FieldMarks = {};
  if (text === undefined) return marks;
  for (const word of text.split(' ')) {
    const colon = word.indexOf(':');
    const head = colon < 0 ? word : word.slice(0, colon);
    const rest = colon < 0 ? undefined : word.slice(colon + 1);
    if (head === 'atomic' || head === 'set') marks.listType = head;
    else if (head === 'map') {
      marks.listType = 'map';
      marks.listMapKeys = (rest ?? '').split(',');
    } else if (head === 'atomic-map') marks.mapType = 'atomic';
    else if (head === 'granular-map') marks.mapType = 'granular';
    else if (head === 'quantity') marks.quantity = true;
    else if (head.startsWith('patch=')) {
      marks.patchStrategy = head.slice('patch='.length).split('+') as ('merge' | 'replace' | 'retainKeys')[];
      if (rest !== undefined) marks.patchMergeKey = rest;
    } else if (word.startsWith('go=')) marks.goType = word.slice('go='.length);
    else if (word.startsWith('default=')) marks.default = word.slice('default='.length);
    else throw new Error(`Cannot read field mark "${word}"`);
  }
  return marks;
}
