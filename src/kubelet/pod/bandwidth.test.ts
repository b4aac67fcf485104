// Bandwidths that make no sense are refused before the sandbox is made; a node that cannot give them says so.
import { describe, expect, test } from 'vitest';
import { bandwidthWarning } from './bandwidth.ts';

const [ingress, egress] = ['kubernetes.io/ingress-bandwidth', 'kubernetes.io/egress-bandwidth'];
const pod = (annotations: Record<string, string>, spec: object = {}) => ({ metadata: { annotations }, spec }) as never;

describe('bandwidthWarning()', () => {
  test.each([{}, { [ingress]: '1M' }, { [egress]: '1k', [ingress]: '1P' }])('%j can be had', (annotations) => {
    expect(bandwidthWarning(pod(annotations as Record<string, string>), true)).toBeUndefined();
  });

  test.each([
    ['999', 'resource is unreasonably small (< 1kbit)'],
    ['2P', 'resource is unreasonably large (> 1Pbit)'],
    ['fast', 'invalid value "fast" of kubernetes.io/egress-bandwidth'],
    ['-1M', 'unreasonably small'],
  ])('%s is refused: %s', (value, message) => {
    expect(() => bandwidthWarning(pod({ [egress]: value }), true)).toThrow(message);
  });

  test('a kernel that cannot is told of, unless the pod has the host’s network', () => {
    expect(bandwidthWarning(pod({ [ingress]: '1M', [egress]: '1M' }), false)).toContain(`${ingress} and ${egress}`);
    expect(bandwidthWarning(pod({ [ingress]: '1M' }, { hostNetwork: true }), false)).toBeUndefined();
    expect(bandwidthWarning(pod({}), false)).toBeUndefined();
  });
});
