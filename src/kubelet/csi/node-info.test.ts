import { expect, test } from 'vitest';
import type { V1Node } from '../../api/mod.ts';
import { driverEntry, nodeChange } from './node-info.ts';

const key = 'csi.volume.kubernetes.io/nodeid';
const node = (annotation?: string, labels: Record<string, string> = {}): V1Node => ({
  metadata: { labels, annotations: annotation === undefined ? {} : { [key]: annotation } },
});
const info = { nodeId: 'i-1', maxVolumes: 0, topology: { zone: 'a' } };
const change = (ids: string | null, labels?: object) => ({ metadata: { annotations: { [key]: ids }, ...(labels ? { labels } : {}) } });

test.each<[string, V1Node, Parameters<typeof nodeChange>[2], unknown]>([
  ['the first driver', node(), info, change('{"d":"i-1"}', { zone: 'a' })],
  ['one more', node('{"e":"x"}'), info, change('{"e":"x","d":"i-1"}', { zone: 'a' })],
  ['one that is known as it is', node('{"d":"i-1"}', { zone: 'a' }), info, undefined],
  ['one with another name for the node', node('{"d":"i-0"}', { zone: 'a' }), info, change('{"d":"i-1"}', {})],
  ['one whose label is gone', node('{"d":"i-1"}'), info, change('{"d":"i-1"}', { zone: 'a' })],
  ['one that goes, of two', node('{"d":"i-1","e":"x"}', { zone: 'a' }), undefined, change('{"e":"x"}')],
  ['the last that goes', node('{"d":"i-1"}', { zone: 'a' }), undefined, change(null)],
  ['one that goes and was not there', node(), undefined, undefined],
  ['an annotation that cannot be read', node('{"d":'), info, change('{"d":"i-1"}', { zone: 'a' })],
  ['an annotation that is no object', node('"text"'), info, change('{"d":"i-1"}', { zone: 'a' })],
  ['an annotation that is a list', node('["x"]'), info, change('{"d":"i-1"}', { zone: 'a' })],
])('the node’s metadata: %s', (_what, of, driver, want) => {
  expect(nodeChange(of, 'd', driver)).toEqual(want);
});

test('a driver that contradicts a label of the node is refused', () => {
  expect(() => nodeChange(node(undefined, { zone: 'b' }), 'd', info)).toThrow(
    'detected topology value collision: driver reported "zone":"a" but existing label is "zone":"b"',
  );
});

test.each([
  [0, undefined],
  [-1, undefined],
  [4, { count: 4 }],
  [2 ** 40, { count: 2 ** 31 - 1 }],
])('a driver that takes %d volumes has the limit %j', (maxVolumes, allocatable) => {
  const entry = driverEntry('d', { nodeId: 'i-1', maxVolumes, topology: { zone: 'a', rack: 'r' } });
  expect(entry).toEqual({ name: 'd', nodeID: 'i-1', topologyKeys: ['rack', 'zone'], ...(allocatable ? { allocatable } : {}) });
});
