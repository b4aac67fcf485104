import { describe, expect, test } from 'vitest';
import { type Draft, pods, type V1Pod, type V1PodSpec, type V1RuntimeClass } from '../../api/mod.ts';
import type { AdmissionAttributes } from './chain.ts';
import { runtimeClass } from './runtime-class.ts';

const attributes = {
  operation: 'CREATE',
  kind: pods,
  name: 'p',
  namespace: 'ns',
  subresource: undefined,
} as unknown as AdmissionAttributes;
const toleration = { key: 'sandbox', operator: 'Exists' };
const classes: Readonly<Record<string, V1RuntimeClass>> = {
  plain: { handler: 'runc' },
  heavy: { handler: 'kata', overhead: { podFixed: { cpu: '250m', memory: '64Mi' } } },
  picky: { handler: 'gvisor', scheduling: { nodeSelector: { runtime: 'gvisor' }, tolerations: [toleration] } },
};

function admit(spec: Partial<V1PodSpec>): V1PodSpec | undefined {
  const plugin = runtimeClass({ get: (name) => classes[name] });
  const draft = structuredClone({ spec: { containers: [], ...spec } }) as Draft<V1Pod>;
  plugin.mutate?.(attributes, draft);
  plugin.validate?.(attributes, draft as V1Pod);
  return draft.spec as V1PodSpec;
}

describe('RuntimeClass', () => {
  test.each<[string, Partial<V1PodSpec>, Partial<V1PodSpec>]>([
    ['without a class nothing happens', {}, {}],
    ['a class that asks for nothing', { runtimeClassName: 'plain' }, {}],
    ['its overhead is set', { runtimeClassName: 'heavy' }, { overhead: { cpu: '250m', memory: '64Mi' } }],
    ['an overhead that is its own stays', { runtimeClassName: 'heavy', overhead: { cpu: '250m', memory: '64Mi' } }, {}],
    [
      'its node selector and tolerations are added',
      { runtimeClassName: 'picky', nodeSelector: { zone: 'a' }, tolerations: [{ key: 'x', operator: 'Exists' }] },
      { nodeSelector: { zone: 'a', runtime: 'gvisor' }, tolerations: [{ key: 'x', operator: 'Exists' }, toleration] },
    ],
    [
      'tolerations that stand are not added twice',
      { runtimeClassName: 'picky', tolerations: [toleration] },
      { nodeSelector: { runtime: 'gvisor' } },
    ],
  ])('%s', (_what, spec, more) => {
    expect(admit(spec)).toEqual({ containers: [], ...spec, ...more });
  });

  test.each<[string, Partial<V1PodSpec>, string]>([
    ['a class that is not there', { runtimeClassName: 'gone' }, 'pods "p" is forbidden: pod rejected: RuntimeClass "gone" not found'],
    [
      'another overhead',
      { runtimeClassName: 'heavy', overhead: { cpu: '1' } },
      "Pod's Overhead doesn't match RuntimeClass's defined Overhead",
    ],
    ['an overhead without a class', { overhead: { cpu: '1' } }, 'Pod Overhead set without corresponding RuntimeClass defined Overhead'],
    ['an overhead that the class lacks', { runtimeClassName: 'plain', overhead: { cpu: '1' } }, "Pod's Overhead doesn't match"],
    [
      'a node selector against its own',
      { runtimeClassName: 'picky', nodeSelector: { runtime: 'runc' } },
      'conflict: runtimeClass.scheduling.nodeSelector[runtime] = gvisor; pod.spec.nodeSelector[runtime] = runc',
    ],
  ])('refuses %s', (_what, spec, message) => {
    expect(() => admit(spec)).toThrow(message);
  });
});
