import { expect, test } from 'vitest';
import type { V1PodStatus } from '../../api/mod.ts';
import { statusPatch } from './status-patch.ts';

const status: V1PodStatus = {
  phase: 'Running',
  podIP: '10.0.0.2',
  podIPs: [{ ip: '10.0.0.2' }],
  conditions: [{ type: 'Ready', status: 'False', reason: 'r', message: 'm' }],
};

test('equal statuses need no write, whatever others have put in', () => {
  const current = { ...status, nominatedNodeName: 'n', conditions: [...(status.conditions ?? []), { type: 'lb', status: 'True' }] };
  expect(statusPatch(current, status)).toBeUndefined();
});

test('only what differs is sent', () => {
  expect(statusPatch(status, { ...status, phase: 'Failed', reason: 'x' })).toEqual({ phase: 'Failed', reason: 'x' });
  expect(statusPatch({ ...status, reason: 'x' }, status)).toEqual({ reason: null });
});

test('a condition is sent alone, and clears what it no longer says', () => {
  const next = { ...status, conditions: [{ type: 'Ready', status: 'True' }] };
  expect(statusPatch(status, next)).toEqual({ conditions: [{ type: 'Ready', status: 'True', reason: null, message: null }] });
});

test('an address that is gone is named', () => {
  expect(statusPatch(status, { ...status, podIP: '10.0.0.3', podIPs: [{ ip: '10.0.0.3' }] })).toEqual({
    podIP: '10.0.0.3',
    podIPs: [{ ip: '10.0.0.3' }, { ip: '10.0.0.2', $patch: 'delete' }],
  });
});
