// Carries a plan for the slices of one service out.

import type { ControllerContext } from '../runtime/controller.ts';
import type { Expectations } from '../runtime/expectations.ts';
import { endpointSliceType } from '../runtime/resource-types.ts';
import type { SlicePlan } from './spread.ts';

export interface SliceWriter {
  readonly context: Pick<ControllerContext, 'client' | 'signal'>;
  /** Created slices that the cache does not show yet: without them their endpoints would be written twice. */
  readonly expectations: Expectations;
}

/** Tries every write; rejects with the first failure. */
export async function writeSlices({ context, expectations }: SliceWriter, key: string, plan: SlicePlan): Promise<void> {
  const { client, signal } = context;
  expectations.expectCreations(key, plan.create.length);
  const writes = [
    ...plan.create.map(async (slice) => {
      try {
        await client.create(endpointSliceType, slice, { signal });
      } catch (error) {
        expectations.creationObserved(key);
        throw error;
      }
    }),
    ...plan.update.map((slice) => client.update(endpointSliceType, slice, { signal })),
    ...plan.delete.map(({ metadata }) => client.delete(endpointSliceType, metadata, { preconditions: { uid: metadata.uid }, signal })),
  ];
  const results = await Promise.allSettled(writes);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
