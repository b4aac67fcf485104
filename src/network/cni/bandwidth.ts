// Whether pods can be held to a bandwidth (kubernetes.io/ingress-bandwidth, egress-bandwidth) by the CNI plugin of that name: it needs token
// buckets, ifb devices and redirection in the kernel, and the program tc. containerd gives each bucket the largest burst there is (512 MB), as
// upstream's kubelet did: a pod is held to its rate once it has sent or got so much.
// https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/network-plugins/#support-traffic-shaping
import type { Processes } from '../../base/ports/process.ts';

const trialMs = 10_000;
/** What the plugin does, in a network namespace that ends with the trial. */
const trial = [
  'ip link add i0 type ifb',
  'ip link add v0 type veth peer name v1',
  'tc qdisc add dev v0 root tbf rate 1mbit burst 32kbit latency 25ms',
  'tc qdisc add dev v1 ingress',
  'tc filter add dev v1 parent ffff: protocol all u32 match u32 0 0 action mirred egress redirect dev i0',
].join(' && ');

/** Changes nothing of the machine. */
export async function shapesBandwidth(processes: Processes): Promise<boolean> {
  try {
    const { code } = await processes.run('unshare', ['--net', 'sh', '-c', trial], { deadlineMs: trialMs });
    return code === 0;
  } catch {
    return false;
  }
}
