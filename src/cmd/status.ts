// `minke status`: whether the cluster runs, where it answers, and what this machine lacks for a node.

import { join } from 'node:path';
import { createHttpClient } from '../base/ports/http-client.ts';
import { clusterPaths, findHolder, type MachinePorts, readIdentity } from '../cluster/machine/mod.ts';
import { findPrograms, nodeFacts, runtimePaths } from '../kubelet/containerd/mod.ts';
import { ipv6Problem, policySight, shapesBandwidth } from '../network/mod.ts';

const askMs = 5_000;

/** Gives the exit code: 0 when the API server is ready, 1 when not. */
export async function status(dataDir: string, ports: MachinePorts, out: (text: string) => void): Promise<number> {
  const { fs, processes, clock } = ports;
  const identity = await readIdentity(fs, dataDir);
  const line = (name: string, value: string) => out(`${name.padEnd(16)}${value}\n`);
  if (!identity) {
    out(`There is no cluster in ${dataDir}. Make one with \`minke up${dataDir === '/var/lib/minke' ? '' : ` --data-dir ${dataDir}`}\`.\n`);
    return 1;
  }
  const holder = await findHolder({ fs, processes, dataDir });
  const api = holder ? await askReady(clock, { url: holder.url, authority: await fs.readText(join(dataDir, 'pki/ca.crt')) }) : 'stopped';
  line('minke', holder ? `running (process ${holder.pid})` : 'stopped');
  line('API server', holder ? `${holder.url} (${api})` : 'stopped');
  if (identity.server === undefined) line('kubeconfig', clusterPaths(dataDir).kubeconfig);
  line('node name', identity.nodeName);
  line('pods', identity.podCidr.replaceAll(',', ', '));
  line('services', identity.serviceCidr.replaceAll(',', ', '));
  const { socket } = runtimePaths({ clusterId: identity.id, dataDir });
  line('containerd', (await fs.exists(socket)) ? socket : 'none');
  for (const [name, text] of await machineReport(ports)) line(name, text);
  return api === 'ready' ? 0 : 1;
}

async function askReady(
  clock: MachinePorts['clock'],
  of: { readonly url: string; readonly authority: string | undefined },
): Promise<string> {
  const client = createHttpClient({ clock, tls: { ca: of.authority } });
  try {
    const response = await client.request({ url: `${of.url}/readyz`, headTimeoutMs: askMs });
    const text = Buffer.from(await response.readAll(64 * 1024)).toString('utf8');
    return response.status === 200 ? 'ready' : `not ready: ${text.trim()}`;
  } catch (error) {
    return `does not answer: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    client.close();
  }
}

/** What a node finds on this machine, and what it goes on without. */
async function machineReport(ports: MachinePorts): Promise<readonly (readonly [string, string])[]> {
  const search = await findPrograms(ports.fs);
  const report: (readonly [string, string])[] = [['programs', search.complete ? 'all present' : search.message]];
  if (!ports.isRoot) return report;
  const facts = await nodeFacts(ports.fs);
  report.push(['cgroups', facts.cgroups.version]);
  if (!facts.canLowerOomScore)
    report.push(['OOM scores', 'cannot be lowered here (no CAP_SYS_RESOURCE): all containers are alike when memory runs out']);
  if (!search.complete) return report;
  const { nft } = search.programs.paths;
  const ipv6 = await ipv6Problem(ports.fs, ports.processes, nft);
  if (ipv6 !== undefined) report.push(['IPv6', `pods and services can have IPv4 addresses only: ${ipv6}`]);
  if ((await policySight(ports.fs, ports.processes, nft)) === 'none') {
    const text = 'hold between nodes only: the kernel has neither br_netfilter nor bridge tables of nftables';
    report.push(['network policies', text]);
  }
  if (!(await shapesBandwidth(ports.processes))) {
    report.push(['bandwidths', 'pods cannot be held to any: the kernel lacks token buckets (sch_tbf) or ifb devices, or tc is missing']);
  }
  return report;
}
