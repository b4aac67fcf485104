import { describe, expect, test } from 'vitest';
import { attachmentNameOf, type V1Node, type V1Pod, type V1VolumeAttachment } from '../../api/mod.ts';
import { type AttachableVolume, detachVerdict, needsVolumes, planAttachments, volumesAttached } from './plan.ts';

const id = { driver: 'disk.example.com', volumeHandle: 'h1' };
const unique = 'kubernetes.io/csi/disk.example.com^h1';
const volume = (exclusive = true): AttachableVolume => ({ name: 'pv', id, exclusive });
const pod = (name: string, namespace = 'ns'): V1Pod => ({ metadata: { name, namespace } });
const attached = (nodeName: string, more: { leaving?: boolean; attacher?: string } = {}): V1VolumeAttachment => ({
  metadata: { name: attachmentNameOf(id, nodeName), ...(more.leaving ? { deletionTimestamp: 'now' } : {}) },
  spec: { attacher: more.attacher ?? id.driver, nodeName, source: { persistentVolumeName: 'pv' } },
});
const pods = (of: Record<string, readonly V1Pod[]>) => new Map(Object.entries(of));

test('the name of an attachment is as upstream’s', () => {
  // sha256 of "h1disk.example.comn1"
  expect(attachmentNameOf(id, 'n1')).toBe('csi-0f30d008e2c35a9079ad5b387acb76fc4f32c1715f29f3d316190f5a1976198c');
});

describe('planAttachments()', () => {
  test.each<[string, Parameters<typeof planAttachments>[0], object[]]>([
    ['a pod on a node', { volume: volume(), pods: pods({ n1: [pod('a')] }), attachments: [] }, [{ do: 'attach', nodeName: 'n1' }]],
    ['it is attached already', { volume: volume(), pods: pods({ n1: [pod('a')] }), attachments: [attached('n1')] }, []],
    [
      'its attachment is going: first it has to be gone',
      { volume: volume(), pods: pods({ n1: [pod('a')] }), attachments: [attached('n1', { leaving: true })] },
      [],
    ],
    ['nobody needs it', { volume: volume(), pods: pods({}), attachments: [attached('n1')] }, [{ do: 'detach' }]],
    [
      'nobody needs it, and it is going already',
      { volume: volume(), pods: pods({}), attachments: [attached('n1', { leaving: true })] },
      [],
    ],
    ['the volume is gone', { volume: undefined, pods: pods({ n1: [pod('a')] }), attachments: [attached('n1')] }, [{ do: 'detach' }]],
    [
      'another node has it',
      { volume: volume(), pods: pods({ n2: [pod('b')] }), attachments: [attached('n1')] },
      [
        { do: 'detach', attachment: { spec: { nodeName: 'n1' } } },
        {
          do: 'refuse',
          message:
            'Multi-Attach error for volume "pv" Volume is already exclusively attached to one node and can\'t be attached to another',
        },
      ],
    ],
    [
      'a pod of another node uses it',
      { volume: volume(), pods: pods({ n1: [pod('a'), pod('z')], n2: [pod('b')] }), attachments: [attached('n1')] },
      [
        {
          do: 'refuse',
          pods: [{ metadata: { name: 'b' } }],
          message: 'Multi-Attach error for volume "pv" Volume is already used by pod(s) a, z',
        },
      ],
    ],
    [
      'a pod of another namespace uses it',
      { volume: volume(), pods: pods({ n1: [pod('a', 'x')], n2: [pod('b')] }), attachments: [attached('n1')] },
      [{ do: 'refuse', message: 'Multi-Attach error for volume "pv" Volume is already used by 1 pod(s) in different namespaces' }],
    ],
    [
      'two nodes at once: one of them',
      { volume: volume(), pods: pods({ n2: [pod('b')], n1: [pod('a')] }), attachments: [] },
      [{ do: 'attach', nodeName: 'n1' }, { do: 'refuse' }],
    ],
    [
      'two nodes may share it',
      { volume: volume(false), pods: pods({ n1: [pod('a')], n2: [pod('b')] }), attachments: [attached('n1')] },
      [
        {
          do: 'attach',
          nodeName: 'n2',
          attachment: { spec: { attacher: id.driver, nodeName: 'n2', source: { persistentVolumeName: 'pv' } } },
        },
      ],
    ],
  ])('%s', (_what, input, want) => {
    const actions = planAttachments(input);
    expect(actions).toHaveLength(want.length);
    expect(actions).toMatchObject(want);
  });
});

test.each([
  ['runs', { spec: { containers: [], nodeName: 'n' } }, true],
  ['has no node', { spec: { containers: [] } }, false],
  ['has succeeded', { spec: { containers: [], nodeName: 'n' }, status: { phase: 'Succeeded' } }, false],
  ['has failed', { spec: { containers: [], nodeName: 'n' }, status: { phase: 'Failed' } }, false],
])('a pod that %s needs its volumes: or not', (_what, of, want) => {
  expect(needsVolumes(of)).toBe(want);
});

describe('detachVerdict()', () => {
  const node = (more: { ready?: boolean; inUse?: boolean; taint?: boolean }): V1Node => ({
    spec: more.taint ? { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] } : {},
    status: {
      conditions: [{ type: 'Ready', status: more.ready === false ? 'Unknown' : 'True' }],
      ...(more.inUse === false ? {} : { volumesInUse: [unique] }),
    },
  });
  const minutes = 60_000;
  test.each<[string, V1Node | undefined, number, object]>([
    ['the node is gone', undefined, 0, { is: 'go', forced: false }],
    ['the node has let go of it', node({ inUse: false }), 0, { is: 'go', forced: false }],
    ['the node uses it, however long', node({}), 60 * minutes, { is: 'wait', atMs: undefined }],
    ['the node uses it, is ready, and has the taint', node({ taint: true }), 60 * minutes, { is: 'wait' }],
    ['the node is away', node({ ready: false }), 5 * minutes, { is: 'wait', atMs: 6 * minutes }],
    ['the node is away for long', node({ ready: false }), 6 * minutes, { is: 'go', forced: true }],
    ['the node is away, and out of service', node({ ready: false, taint: true }), 1, { is: 'go', forced: true }],
  ])('%s', (_what, of, nowMs, want) => {
    expect(detachVerdict(of, { id, sinceMs: 0, nowMs })).toMatchObject(want);
  });
});

describe('volumesAttached()', () => {
  const node = (...names: string[]): V1Node => ({ status: { volumesAttached: names.map((name) => ({ name, devicePath: '' })) } });
  test.each<[string, V1Node, readonly string[], readonly string[] | undefined]>([
    ['nothing new', node(unique), [unique], undefined],
    ['one more', node(), [unique], [unique]],
    ['one less', node(unique), [], []],
    ['what others attach stays', node('example.com/other', unique), [], ['example.com/other']],
  ])('%s', (_what, of, now, want) => {
    expect(volumesAttached(of, now)?.map(({ name }) => name)).toEqual(want);
  });
});
