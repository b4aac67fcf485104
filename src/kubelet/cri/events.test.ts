import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { decodeEvent, encodeEvent, subscription } from './events.ts';

test.each([
  ['/tasks/start', '', { type: 'started', containerId: 'c1' }],
  ['/tasks/exit', 'c1', { type: 'stopped', containerId: 'c1' }],
  ['/tasks/oom', '', { type: 'oom', containerId: 'c1' }],
  ['/containers/delete', '', { type: 'deleted', containerId: 'c1' }],
  // The end of a command run in the container, not of the container.
  ['/tasks/exit', 'exec-7', undefined],
  ['/images/create', '', undefined],
])('%s of "%s" is %j', (topic, id, expected) => {
  expect(decodeEvent(encodeEvent(topic, 'c1', id))).toEqual(expected);
});

test('reads the fields that it needs among all the others', () => {
  // Laid out by hand after containerd's task.proto: TaskExit of container_id, id, pid, exit_status, exited_at, in a whole envelope.
  const value = Buffer.from('0a03616263120361626318d2092089012a060880a1e0cb06', 'hex');
  const url = Buffer.from('containerd.events.TaskExit');
  const any = Buffer.concat([Buffer.from([0x0a, url.length]), url, Buffer.from([0x12, value.length]), value]);
  const part = (tag: number, bytes: Buffer) => Buffer.concat([Buffer.from([tag, bytes.length]), bytes]);
  const envelope = Buffer.concat([
    part(0x0a, Buffer.from('0880a1e0cb06', 'hex')),
    part(0x12, Buffer.from('k8s.io')),
    part(0x1a, Buffer.from('/tasks/exit')),
    part(0x22, any),
  ]);
  expect(decodeEvent(envelope)).toEqual({ type: 'stopped', containerId: 'abc' });
});

test('asks for its topics by quoted name: containerd refuses a bare slash', () => {
  expect(subscription.toString('latin1')).toContain('namespace==k8s.io,topic=="/tasks/exit"');
});
