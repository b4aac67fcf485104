// What a pod asks of its bandwidth, as far as the node has to say something of it: the runtime reads and sets it. Pure.
// https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/network-plugins/#support-traffic-shaping
import { milliValueOf, quantityProblem, type V1Pod } from '../../api/mod.ts';

const annotations = ['kubernetes.io/ingress-bandwidth', 'kubernetes.io/egress-bandwidth'] as const;
/** Bits a second. */
const least = 1_000;
const most = 1_000_000_000_000_000;

/** Undefined when a bandwidth is not asked for, or can be had. Throws where what is asked for makes no sense, in upstream's words. */
export function bandwidthWarning(pod: V1Pod, canShape: boolean): string | undefined {
  const asked = annotations.flatMap((name) => {
    const value = pod.metadata?.annotations?.[name];
    return value === undefined ? [] : [{ name, value }];
  });
  for (const { name, value } of asked) {
    const problem = quantityProblem(value);
    if (problem !== undefined) throw new Error(`invalid value ${JSON.stringify(value)} of ${name}: ${problem}`);
    const bits = milliValueOf(value) / 1000;
    if (bits < least) throw new Error(`invalid value ${JSON.stringify(value)} of ${name}: resource is unreasonably small (< 1kbit)`);
    if (bits > most) throw new Error(`invalid value ${JSON.stringify(value)} of ${name}: resource is unreasonably large (> 1Pbit)`);
  }
  if (asked.length === 0 || canShape || pod.spec?.hostNetwork === true) return undefined;
  return `The pod asks for ${asked.map(({ name }) => name).join(' and ')}, which this node's kernel cannot give: its traffic is not held to it`;
}
