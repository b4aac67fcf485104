// The kubelet's own port: whom it answers, and what it tells.
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root, startTestCluster, type TestCluster } from './harness.ts';

let cluster: TestCluster;
let port = 0;
beforeAll(async () => {
  cluster = await startTestCluster();
  await cluster.kubectl('apply', '-f', join(root, 'examples', 'autoscaling.yaml'));
  await cluster.kubectl('wait', '--for=condition=Available', 'deployment/burner', '--timeout=60s');
  port = Number(await cluster.kubectl('get', 'nodes', '-o', 'jsonpath={.items[0].status.daemonEndpoints.kubeletEndpoint.Port}'));
}, 90_000);
afterAll(() => cluster?.destroy());

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** As the API server, or with a token, or as nobody. */
function ask(path: string, as: 'apiserver' | 'nobody' | { readonly token: string } = 'apiserver', method = 'GET'): Promise<Answer> {
  const pki = (name: string) => readFileSync(join(cluster.dataDir, 'pki', name));
  const tls = as === 'apiserver' ? { cert: pki('apiserver-kubelet-client.crt'), key: pki('apiserver-kubelet-client.key') } : {};
  const headers = typeof as === 'object' ? { authorization: `Bearer ${as.token}` } : {};
  return new Promise((resolve, reject) => {
    https
      .request({ host: '127.0.0.1', port, path, method, headers, rejectUnauthorized: false, ...tls }, async (response) => {
        let text = '';
        for await (const chunk of response) text += chunk;
        resolve({ status: response.statusCode ?? 0, text });
      })
      .on('error', reject)
      .end();
  });
}

test("tells figures: the summary, cAdvisor's and its own metrics", async () => {
  const summary = JSON.parse((await ask('/stats/summary')).text) as {
    node: { fs: { usedBytes: number }; rlimit: { curproc: number }; network: { rxBytes: number } };
    pods: { podRef: { name: string }; network: { rxBytes: number }; containers: { cpu: { usageNanoCores: number } }[] }[];
  };
  expect(summary.node.fs.usedBytes).toBeGreaterThan(0);
  expect(summary.node.rlimit.curproc).toBeGreaterThan(5);
  const burner = summary.pods.find(({ podRef }) => podRef.name.startsWith('burner'));
  expect(burner?.containers[0]?.cpu.usageNanoCores).toBeGreaterThan(30_000_000);
  expect(burner?.network.rxBytes).toBeGreaterThanOrEqual(0);
  const cadvisor = (await ask('/metrics/cadvisor')).text;
  expect(cadvisor).toMatch(
    /container_cpu_cfs_throttled_periods_total\{container="burn",id="\/minke-[^"]+",image="[^"]*tools[^"]*",name="\w+",namespace="default",pod="burner-[^"]+"\} [1-9]/,
  );
  expect(cadvisor).toMatch(/container_spec_memory_limit_bytes\{container="burn"[^}]*\} 33554432/);
  expect(cadvisor).toMatch(/container_network_receive_bytes_total\{[^}]*pod="burner-[^"]+",interface="eth0"\} \d+/);
  expect((await ask('/metrics')).text).toMatch(/kubelet_running_pods \d+/);
});

const tokenOf = async (account: string) => ({ token: (await cluster.kubectl('create', 'token', account)).trim() });

test('answers nobody whom it does not know, and nothing to who may not', async () => {
  expect(await ask('/pods', 'nobody')).toEqual({ status: 401, text: 'Unauthorized\n' });
  expect(await ask('/healthz', { token: 'made-up' })).toMatchObject({ status: 401 });
  const refused = await ask('/pods', await tokenOf('default'));
  expect(refused.status).toBe(403);
  expect(refused.text).toMatch(
    /^Forbidden \(user=system:serviceaccount:default:default, verb=get, resource=nodes, subresource\(s\)=\[pods proxy\], name=/,
  );
});

test('a service account reads what its role names, and nothing else', async () => {
  await cluster.kubectl('create', 'serviceaccount', 'scraper');
  await cluster.kubectl('create', 'clusterrole', 'scraper', '--verb=get', '--resource=nodes/metrics,nodes/stats,nodes/healthz');
  await cluster.kubectl('create', 'clusterrolebinding', 'scraper', '--clusterrole=scraper', '--serviceaccount=default:scraper');
  const scraper = await tokenOf('scraper');
  const statuses = await Promise.all(
    ['/metrics', '/metrics/resource', '/metrics/probes', '/stats/summary?only_cpu_and_memory=true', '/healthz', '/configz', '/logs/'].map(
      async (path) => (await ask(path, scraper)).status,
    ),
  );
  expect(statuses).toEqual([200, 200, 200, 200, 200, 403, 403]);
  expect((await ask('/run/default/burner/burn?cmd=id', scraper, 'POST')).status).toBe(403);
});

test('runs a command, lists what runs, and shows the logs of the machine', async () => {
  const pod = await cluster.kubectl('get', 'pods', '-l', 'app=burner', '-o', 'jsonpath={.items[0].metadata.name}');
  expect(await ask(`/run/default/${pod}/burn?cmd=echo+hello`, 'apiserver', 'POST')).toEqual({ status: 200, text: 'hello\n' });
  const { items } = JSON.parse((await ask('/runningpods/')).text) as {
    items: { metadata: { name: string }; spec: { containers: object[] } }[];
  };
  expect(items.find(({ metadata }) => metadata.name === pod)?.spec.containers).toEqual([
    { name: 'burn', image: expect.stringContaining('tools'), resources: {} },
  ]);
  expect((await ask('/logs/')).text).toContain('<pre>\n');
  expect((await ask('/logs/../../etc/passwd')).status).toBe(404);
  expect((await ask('/logs/..%2f..%2fetc%2fpasswd')).status).toBe(404);
});
