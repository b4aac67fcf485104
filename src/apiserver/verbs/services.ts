// What every verb works with.

import type { AdmissionChain } from '../admission/mod.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { HeavyTasks } from '../heavy/mod.ts';
import type { NodeUsageSource } from '../metrics-api/node-usage-source.ts';
import type { Registry } from '../registry/registry.ts';
import type { DecodeBody } from './body.ts';
import type { ManagedFields, PatchEngine } from './patch-engine.ts';

export interface Services {
  readonly registry: Registry;
  readonly admission: AdmissionChain;
  /** Who may do what, beyond what the edge has asked. */
  readonly authorizer: Authorizer;
  readonly patchEngine: PatchEngine;
  readonly managedFields: ManagedFields | undefined;
  readonly decodeBody: DecodeBody;
  /** True when other servers write to the same store: reads then ask the store for its newest revision. */
  readonly sharedStore: boolean;
  /** What nodes and their pods use. Absent: the server has no metrics.k8s.io. */
  readonly nodeUsage?: NodeUsageSource | undefined;
  /** Reads large YAML beside the event loop. Absent: it is read here, in steps. */
  readonly heavy?: HeavyTasks | undefined;
}
