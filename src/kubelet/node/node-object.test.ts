import { expect, test } from 'vitest';
import { defaultSettings } from '../configuration/settings.ts';
import { type NodeFacts, type NodeInput, nodeStatus, patchOf } from './node-object.ts';

const machine = {
  cpus: 2,
  memoryBytes: 2 ** 31,
  ephemeralStorageBytes: 2 ** 34,
  os: 'linux',
  architecture: 'amd64',
  addresses: ['10.0.0.1'],
};
const texts = { kernelVersion: '', osImage: '', machineId: '', systemUuid: '', bootId: '', oomScoreAdjMin: 0 };
const input: NodeInput = {
  ...{ nodeName: 'n', machine: { ...machine, ...texts }, podCidr: undefined, labels: {}, listenPort: undefined, version: 'v1' },
  settings: defaultSettings,
};
const features = { handlers: [], supplementalGroupsPolicy: false };
const facts: NodeFacts = { notReady: undefined, runtimeVersion: 'x', images: [], features, nowMs: 0 };
const dongles = 'example.com/dongle';

test('what others say that the node has is for pods, until they take it away', () => {
  const alone = nodeStatus(input, { facts, before: undefined });
  const given = { ...alone, capacity: { ...alone.capacity, [dongles]: '4' } };
  const status = nodeStatus(input, { facts, before: given });
  expect([status.capacity, status.allocatable]).toEqual([
    { ...alone.capacity, [dongles]: '4' },
    { ...alone.allocatable, [dongles]: '4' },
  ]);
  // Written is what is the kubelet's: whoever changes theirs in this moment is not undone.
  expect(patchOf(status, given).status).toMatchObject({ capacity: alone.capacity, allocatable: { [dongles]: '4' } });
  expect(patchOf(status, given).status.capacity).not.toHaveProperty([dongles]);
  const taken = { ...status, capacity: alone.capacity ?? {} };
  const after = nodeStatus(input, { facts, before: taken });
  expect(after.allocatable).toEqual(alone.allocatable);
  expect(patchOf(after, taken).status.allocatable).toEqual({ ...alone.allocatable, [dongles]: null });
});
