// What pods of one bridge send to each other is switched, not routed: whether the kernel's IP filters see it, and what helps where they do not.
import { errorText, type Logger } from '../../base/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { Processes } from '../../base/ports/process.ts';
import type { Nft } from '../nftables/nft.ts';
import { renderDetour } from './nftables.ts';

const ipMs = 10_000;
const ofAllBridges = (name: string): string => `/proc/sys/net/bridge/bridge-nf-call-${name}`;

/** `direct`: the filters see bridged packets. `detour`: such packets are sent up to the node and routed back. `none`: neither can be had. */
export type Sight = 'direct' | 'detour' | 'none';

/** Asks the kernel; changes nothing. */
export async function policySight(fs: FileSystem, processes: Processes, nftPath: string): Promise<Sight> {
  if (await fs.exists(ofAllBridges('iptables'))) return 'direct';
  const input = renderDetour('minke-check', ['10.0.0.0/8'], '02:00:00:00:00:01');
  const { code } = await processes.run(nftPath, ['-c', '-f', '-'], { input, deadlineMs: ipMs });
  return code === 0 ? 'detour' : 'none';
}

export interface SightOptions {
  readonly fs: FileSystem;
  readonly processes: Processes;
  readonly programs: { readonly ip: string; readonly nft: string };
  readonly nft: Nft;
  readonly table: string;
  readonly bridge: string;
  /** Of each family. */
  readonly podCidrs: readonly string[];
  readonly log: Logger;
}

/** Can be repeated. What it sets is the bridge's own and goes with it, but for the detour's table. */
export async function bringIntoSight(options: SightOptions): Promise<void> {
  const { fs, processes, programs, nft, table, bridge, podCidrs, log } = options;
  const sight = await policySight(fs, processes, programs.nft);
  const settings = `/sys/class/net/${bridge}`;
  if (sight === 'direct') {
    for (const name of ['iptables', 'ip6tables']) {
      const isOn = (await fs.readText(ofAllBridges(name)))?.trim() === '1';
      if (!isOn) await fs.writeInto(`${settings}/bridge/nf_call_${name}`, '1');
    }
    return;
  }
  if (sight === 'none') {
    log.warn(
      'Network policies hold for traffic from and to other nodes only: this kernel has neither br_netfilter nor bridge tables of nftables',
    );
    return;
  }
  // The bridge's address is that of one of its ports, unless it is set: it must not change while packets are sent to it.
  const mac = ((await fs.readText(`${settings}/address`)) ?? '').trim();
  const { code, stderr } = await processes.run(programs.ip, ['link', 'set', bridge, 'address', mac], { deadlineMs: ipMs });
  if (code !== 0) throw new Error(`Cannot fix the address "${mac}" of the bridge "${bridge}": ${stderr.trim()}`);
  await fs.writeInto(`/proc/sys/net/ipv4/conf/${bridge}/send_redirects`, '0').catch((error: unknown) => {
    log.info('The node may tell pods of shorter ways to each other', { error: errorText(error) });
  });
  await nft(renderDetour(table, podCidrs, mac));
}
