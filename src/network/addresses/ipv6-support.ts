// Whether the kernel has what pods with IPv6 addresses need.
import type { FileSystem } from '../../base/ports/fs.ts';
import type { Processes } from '../../base/ports/process.ts';
import { renderRules } from '../cni/rules.ts';
import { ipv6 } from './family.ts';

const nftMs = 10_000;
const disabled = '/proc/sys/net/ipv6/conf/all/disable_ipv6';

/** What is missing, as the end of a sentence; undefined when nothing is. Changes nothing. */
export async function ipv6Problem(fs: FileSystem, processes: Processes, nftPath: string): Promise<string | undefined> {
  const state = await fs.readText(disabled);
  if (state === undefined) return 'the kernel has no IPv6';
  if (state.trim() !== '0') return 'IPv6 is switched off (net.ipv6.conf.all.disable_ipv6)';
  const range = 'fd00::/64';
  const input = renderRules({ table: 'minke-check', bridge: 'minke-check', podCidr: range, clusterCidr: range, bridgeNetfilter: true });
  const { code } = await processes.run(nftPath, ['-c', '-f', '-'], { input, deadlineMs: nftMs });
  return code === 0 ? undefined : `the kernel cannot translate addresses of IPv6 (nftables, family ${ipv6.ip})`;
}
