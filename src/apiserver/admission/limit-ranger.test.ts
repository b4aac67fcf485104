import { describe, expect, test } from 'vitest';
import {
  type Draft,
  draftOf,
  persistentvolumeclaims,
  pods,
  StatusError,
  type V1LimitRange,
  type V1LimitRangeItem,
  type V1Pod,
} from '../../api/mod.ts';
import type { AdmissionAttributes } from './chain.ts';
import { limitRanger } from './limit-ranger.ts';

const range = (...limits: V1LimitRangeItem[]): V1LimitRange => ({ metadata: { name: 'l', namespace: 'default' }, spec: { limits } });
const attributes = (kind: AdmissionAttributes['kind']): AdmissionAttributes => ({
  operation: 'CREATE',
  kind,
  subresource: undefined,
  namespace: 'default',
  name: 'p',
  old: undefined,
  user: { name: 'u', groups: [] },
  dryRun: false,
  warn: () => {},
  signal: new AbortController().signal,
});
const pod = (...resources: NonNullable<V1Pod['spec']>['containers'][number]['resources'][]): V1Pod => ({
  metadata: { name: 'p' },
  spec: { containers: resources.map((each, i) => ({ name: `c${i}`, image: 'i', ...(each ? { resources: each } : {}) })) },
});

describe('limitRanger()', () => {
  test('a container gets what it does not name, and the pod says what was set', () => {
    const plugin = limitRanger({
      in: () => [range({ type: 'Container', default: { cpu: '1', memory: '1Gi' }, defaultRequest: { cpu: '500m' } })],
    });
    const draft = draftOf(pod(undefined, { limits: { cpu: '2' } })) as Draft<V1Pod>;
    plugin.mutate?.(attributes(pods as never), draft as never);
    expect(draft.spec?.containers.map(({ resources }) => resources)).toEqual([
      { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } },
      { limits: { cpu: '2', memory: '1Gi' }, requests: { cpu: '500m' } },
    ]);
    expect(draft.metadata?.annotations).toEqual({
      'kubernetes.io/limit-ranger':
        'LimitRanger plugin set: cpu request for container c0; cpu, memory limit for container c0; cpu request for container c1; memory limit for container c1',
    });
  });

  test.each([
    {
      what: 'too little',
      item: { type: 'Container', min: { memory: '100Mi' } },
      resources: [{ requests: { memory: '50Mi' } }],
      says: 'minimum memory usage per Container is 100Mi, but request is 50Mi',
    },
    {
      what: 'nothing where a minimum is',
      item: { type: 'Container', min: { cpu: '1' } },
      resources: [undefined],
      says: 'minimum cpu usage per Container is 1.  No request is specified',
    },
    {
      what: 'too much',
      item: { type: 'Container', max: { cpu: '1' } },
      resources: [{ limits: { cpu: '1500m' } }],
      says: 'maximum cpu usage per Container is 1, but limit is 1500m',
    },
    {
      what: 'no limit where a maximum is',
      item: { type: 'Container', max: { cpu: '1' } },
      resources: [{ requests: { cpu: '1' } }],
      says: 'maximum cpu usage per Container is 1.  No limit is specified',
    },
    {
      what: 'too large a ratio',
      item: { type: 'Container', maxLimitRequestRatio: { cpu: '2' } },
      resources: [{ limits: { cpu: '3' }, requests: { cpu: '1' } }],
      says: 'cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000',
    },
    {
      what: 'a pod whose containers are too much together',
      item: { type: 'Pod', max: { memory: '1Gi' } },
      resources: [{ limits: { memory: '600Mi' } }, { limits: { memory: '600Mi' } }],
      says: 'maximum memory usage per Pod is 1Gi, but limit is 1200Mi',
    },
  ])('$what is refused', ({ item, resources, says }) => {
    const plugin = limitRanger({ in: () => [range(item)] });
    expect(() => plugin.validate?.(attributes(pods as never), pod(...resources))).toThrow(StatusError);
    expect(() => plugin.validate?.(attributes(pods as never), pod(...resources))).toThrow(`pods "p" is forbidden: ${says}`);
  });

  test('init containers get their defaults too', () => {
    const plugin = limitRanger({ in: () => [range({ type: 'Container', default: { cpu: '1' } })] });
    const draft = draftOf({ ...pod(), spec: { containers: [], initContainers: [{ name: 'i' }] } }) as Draft<V1Pod>;
    plugin.mutate?.(attributes(pods as never), draft as never);
    expect(draft.metadata?.annotations).toEqual({ 'kubernetes.io/limit-ranger': 'LimitRanger plugin set: cpu limit for init container i' });
  });

  test('a sidecar counts with the containers of the pod; a resize is held to the bounds', () => {
    const plugin = limitRanger({ in: () => [range({ type: 'Pod', max: { cpu: '2' } })] });
    const { spec } = pod({ limits: { cpu: '1500m' } });
    const sidecar = { name: 's', restartPolicy: 'Always', resources: { limits: { cpu: '1' } } };
    const whole: V1Pod = { metadata: { name: 'p' }, spec: { containers: spec?.containers ?? [], initContainers: [sidecar] } };
    const says = 'maximum cpu usage per Pod is 2, but limit is 2500m';
    const resize = { ...attributes(pods as never), operation: 'UPDATE', subresource: 'resize' } as const;
    expect(() => plugin.validate?.(attributes(pods as never), whole)).toThrow(says);
    expect(() => plugin.validate?.(resize, whole)).toThrow(says);
    expect(() => plugin.validate?.({ ...resize, subresource: 'status' }, whole)).not.toThrow();
  });

  test('every problem is told', () => {
    const plugin = limitRanger({ in: () => [range({ type: 'Container', min: { cpu: '1', memory: '1Gi' } })] });
    expect(() => plugin.validate?.(attributes(pods as never), pod(undefined))).toThrow(
      'pods "p" is forbidden: [minimum cpu usage per Container is 1.  No request is specified, minimum memory usage per Container is 1Gi.  No request is specified]',
    );
  });

  test('what is within bounds passes', () => {
    const plugin = limitRanger({ in: () => [range({ type: 'Container', min: { cpu: '100m' }, max: { cpu: '2' } })] });
    expect(() => plugin.validate?.(attributes(pods as never), pod({ requests: { cpu: '0.1' }, limits: { cpu: '2000m' } }))).not.toThrow();
  });

  test('a claim is held to its bounds', () => {
    const plugin = limitRanger({ in: () => [range({ type: 'PersistentVolumeClaim', max: { storage: '1Gi' } })] });
    const claim = { metadata: { name: 'p' }, spec: { resources: { requests: { storage: '2Gi' } } } };
    expect(() => plugin.validate?.(attributes(persistentvolumeclaims as never), claim)).toThrow(
      'persistentvolumeclaims "p" is forbidden: maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi',
    );
  });
});
