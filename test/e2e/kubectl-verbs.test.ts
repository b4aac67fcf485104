// Every verb of the real kubectl that needs no node: what it says, and what stands afterwards.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, startTestCluster, type TestCluster } from './harness.ts';

let cluster: TestCluster;
let dir: string;
beforeAll(async () => {
  cluster = await startTestCluster('--no-node');
  dir = mkdtempSync(join(tmpdir(), 'minke-verbs-'));
});
afterAll(async () => {
  if (dir) rmSync(dir, { recursive: true, force: true });
  await cluster?.destroy();
});

/** Words in one text; no quoting. */
const kubectl = (line: string) => cluster.kubectl(...line.split(' '));
const tried = (line: string, input?: string) => cluster.tryKubectl(line.split(' '), input === undefined ? {} : { input });
const path = (resource: string, jsonPath: string) => cluster.kubectl('get', ...resource.split(' '), '-o', `jsonpath=${jsonPath}`);
const write = (name: string, object: unknown): string => {
  const file = join(dir, name);
  writeFileSync(file, typeof object === 'string' ? object : JSON.stringify(object));
  return file;
};

const deployment = (name: string, image = 'app:1', replicas = 2) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, labels: { app: name } },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'app', image }] } },
  },
});
const configMap = (name: string, data: Record<string, string>) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });

describe('create', () => {
  test.each([
    ['namespace made', 'namespace/made created'],
    ['configmap c --from-literal=a=1', 'configmap/c created'],
    ['secret generic s --from-literal=a=1', 'secret/s created'],
    ['secret docker-registry d --docker-server=r --docker-username=u --docker-password=p', 'secret/d created'],
    ['serviceaccount sa', 'serviceaccount/sa created'],
    ['deployment web --image=app:1 --replicas=2 --port=80', 'deployment.apps/web created'],
    ['service clusterip one --tcp=80:8080', 'service/one created'],
    ['service nodeport two --tcp=80', 'service/two created'],
    ['service loadbalancer three --tcp=80', 'service/three created'],
    ['service externalname four --external-name=example.com', 'service/four created'],
    ['job once --image=app:1 -- true', 'job.batch/once created'],
    ['cronjob often --image=app:1 --schedule=*/5 -- true', ''],
    ['ingress in --rule=example.com/*=one:80', 'ingress.networking.k8s.io/in created'],
    ['poddisruptionbudget b --selector=app=web --min-available=1', 'poddisruptionbudget.policy/b created'],
    ['priorityclass high --value=1000', 'priorityclass.scheduling.k8s.io/high created'],
    ['quota q --hard=pods=100,configmaps=100', 'resourcequota/q created'],
    ['role r --verb=get,list --resource=pods,deployments.apps', 'role.rbac.authorization.k8s.io/r created'],
    ['clusterrole cr --verb=get --non-resource-url=/metrics', 'clusterrole.rbac.authorization.k8s.io/cr created'],
    ['rolebinding rb --role=r --user=ann', 'rolebinding.rbac.authorization.k8s.io/rb created'],
    ['clusterrolebinding crb --clusterrole=cr --serviceaccount=default:sa', 'clusterrolebinding.rbac.authorization.k8s.io/crb created'],
  ])('%s', async (line, says) => {
    if (says === '') {
      const made = await cluster.kubectl('create', 'cronjob', 'often', '--image=app:1', '--schedule=*/5 * * * *', '--', 'true');
      return expect(made).toBe('cronjob.batch/often created\n');
    }
    expect(await kubectl(`create ${line}`)).toBe(`${says}\n`);
  });

  test('a TLS secret, a token, a job from a cron job', async () => {
    const [key, certificate] = [join(cluster.dataDir, 'pki/apiserver.key'), join(cluster.dataDir, 'pki/apiserver.crt')];
    expect(await kubectl(`create secret tls t --key=${key} --cert=${certificate}`)).toBe('secret/t created\n');
    expect((await kubectl('create token sa --duration=1h')).trim().split('.')).toHaveLength(3);
    expect(await kubectl('create job now --from=cronjob/often')).toBe('job.batch/now created\n');
    expect(await path('job now', '{.metadata.ownerReferences[0].kind}')).toBe('CronJob');
  });

  test('run, expose, autoscale', async () => {
    expect(await kubectl('run p --image=app:1 --labels=app=p --port=80')).toBe('pod/p created\n');
    expect(await kubectl('expose pod p --port=80 --name=p')).toBe('service/p exposed\n');
    expect(await kubectl('expose deployment web --port=80 --type=NodePort')).toBe('service/web exposed\n');
    expect(await kubectl('autoscale deployment web --min=1 --max=3 --cpu-percent=80')).toBe(
      'horizontalpodautoscaler.autoscaling/web autoscaled\n',
    );
    expect(await path('hpa web', '{.spec.metrics[0].resource.target.averageUtilization}')).toBe('80');
  });

  test('what exists is refused; a dry run stores nothing', async () => {
    expect((await tried('create configmap c --from-literal=a=1')).stderr).toBe(
      'error: failed to create configmap: configmaps "c" already exists\n',
    );
    expect(await kubectl('create configmap dry --dry-run=server -o name')).toBe('configmap/dry\n');
    expect((await tried('get configmap dry')).stderr).toBe('Error from server (NotFound): configmaps "dry" not found\n');
  });
});

describe('apply', () => {
  test('creates, leaves alone, configures, prunes fields, shows the difference', async () => {
    const file = write('applied.json', configMap('applied', { a: '1', b: '2' }));
    expect(await kubectl(`apply -f ${file}`)).toBe('configmap/applied created\n');
    expect(await kubectl(`apply -f ${file}`)).toBe('configmap/applied unchanged\n');
    expect((await tried(`diff -f ${file}`)).code).toBe(0);
    const next = write('next.json', configMap('applied', { a: '7' }));
    const difference = await tried(`diff -f ${next}`);
    expect(difference.code).toBe(1);
    expect(difference.stdout).toMatch(/-\s+a: "1"\n-\s+b: "2"\n\+\s+a: "7"\n/);
    expect(await kubectl(`apply -f ${next}`)).toBe('configmap/applied configured\n');
    expect(await path('configmap applied', '{.data}')).toBe('{"a":"7"}');
    expect(await kubectl('apply view-last-applied configmap applied')).toContain('a: "7"');
  });

  test('server side: owners, conflicts, force', async () => {
    const file = write('ssa.json', configMap('ssa', { a: '1' }));
    expect(await kubectl(`apply --server-side --field-manager=one -f ${file}`)).toBe('configmap/ssa serverside-applied\n');
    const other = write('ssa2.json', configMap('ssa', { a: '2' }));
    const refused = await tried(`apply --server-side --field-manager=two -f ${other}`);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('Apply failed with 1 conflict: conflict with "one": .data.a');
    expect(await kubectl(`apply --server-side --force-conflicts --field-manager=two -f ${other}`)).toBe(
      'configmap/ssa serverside-applied\n',
    );
    expect(await path('configmap ssa', '{.metadata.managedFields[*].manager}')).toBe('two');
    expect((await tried(`diff --server-side --field-manager=two -f ${other}`)).code).toBe(0);
  });

  test('moves from client side to server side', async () => {
    const file = write('moved.json', deployment('moved'));
    await kubectl(`apply -f ${file}`);
    expect(await kubectl(`apply --server-side -f ${file}`)).toBe('deployment.apps/moved serverside-applied\n');
    const less = deployment('moved') as { metadata: { labels?: object } };
    delete less.metadata.labels;
    await kubectl(`apply --server-side -f ${write('less.json', less)}`);
    expect(await path('deployment moved', '{.metadata.labels}')).toBe('');
  });

  test('an unknown field is an error, unless it is let through', async () => {
    const file = write('unknown.json', { ...configMap('odd', {}), nope: 1 });
    expect((await tried(`apply -f ${file}`)).stderr).toContain('unknown field "nope"');
    const ignored = await tried(`apply --validate=warn -f ${file}`);
    expect([ignored.code, ignored.stderr]).toEqual([0, expect.stringContaining('Warning: unknown field "nope"')]);
  });

  test('many objects from standard input, and prune by label', async () => {
    const both = ['x', 'y'].map((name) => ({ ...configMap(name, { a: '1' }), metadata: { name, labels: { set: 'pruned' } } }));
    const list = (items: readonly object[]) => JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    expect((await tried('apply -f -', list(both))).stdout).toBe('configmap/x created\nconfigmap/y created\n');
    const pruned = await tried('apply -f - --prune -l set=pruned --prune-allowlist=core/v1/ConfigMap', list(both.slice(0, 1)));
    expect(pruned.stdout).toBe('configmap/x unchanged\nconfigmap/y pruned\n');
  });
});

describe('edit', () => {
  const edit = (line: string, script: string) => {
    const editor = write('editor.sh', `#!/bin/sh\nsed -i '${script}' "$1"\n`);
    return cluster.tryKubectl(['edit', ...line.split(' ')], { env: { KUBE_EDITOR: `sh ${editor}` } });
  };
  test('writes what the editor leaves', async () => {
    await kubectl('create configmap edited --from-literal=a=1');
    expect((await edit('configmap edited', 's/a: "1"/a: "9"/')).stdout).toBe('configmap/edited edited\n');
    expect(await path('configmap edited', '{.data.a}')).toBe('9');
    expect((await edit('configmap edited', '')).stderr).toBe('Edit cancelled, no changes made.\n');
  });
  test('the status by its subresource', async () => {
    await kubectl('create deployment edited --image=app:1 --replicas=0');
    await eventually(
      () => path('deployment edited', '{.status.observedGeneration}'),
      (generation) => generation === '1',
    );
    const script = 's/^status:$/status:\\n  collisionCount: 3/;s/replicas: 0/replicas: 5/';
    expect(await edit('deployment edited --subresource=status', script)).toMatchObject({ stdout: 'deployment.apps/edited edited\n' });
    expect(await path('deployment edited', '{.status.collisionCount} {.spec.replicas}')).toBe('3 0');
  });
});

describe('patch', () => {
  const patch = (type: string, patched: unknown, resource = 'deployment patched', ...more: string[]) =>
    cluster.tryKubectl(['patch', ...resource.split(' '), `--type=${type}`, '-p', JSON.stringify(patched), ...more]);
  test('of every type', async () => {
    await kubectl('create deployment patched --image=app:1 --replicas=0');
    expect((await patch('strategic', { spec: { template: { spec: { containers: [{ name: 'side', image: 'side:1' }] } } } })).stdout).toBe(
      'deployment.apps/patched patched\n',
    );
    expect(await path('deployment patched', '{.spec.template.spec.containers[*].name}')).toBe('side app');
    await patch('merge', { metadata: { annotations: { a: 'b' } } });
    expect(await path('deployment patched', '{.metadata.annotations.a}')).toBe('b');
    await patch('json', [{ op: 'remove', path: '/spec/template/spec/containers/0' }]);
    expect(await path('deployment patched', '{.spec.template.spec.containers[*].name}')).toBe('app');
    expect((await patch('merge', { metadata: { annotations: { a: 'b' } } })).stdout).toBe('deployment.apps/patched patched (no change)\n');
    expect((await patch('json', [{ op: 'test', path: '/spec/replicas', value: 7 }])).stderr).toContain(
      'The request is invalid: the server rejected our request due to an error in our request',
    );
    await patch('merge', { spec: { replicas: 1 } }, 'deployment patched', '--subresource=scale');
    expect(await path('deployment patched', '{.spec.replicas}')).toBe('1');
    expect((await patch('merge', { spec: { replicas: -1 } })).stderr).toContain(
      'The Deployment "patched" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    );
  });
});

describe('replace', () => {
  test('with the right version, a stale one, and by force', async () => {
    await kubectl('create configmap replaced --from-literal=a=1');
    const stale = await kubectl('get configmap replaced -o json');
    expect((await tried('replace -f -', JSON.stringify(configMap('replaced', { a: '2' })))).stdout).toBe('configmap/replaced replaced\n');
    expect((await tried('replace -f -', stale)).stderr).toContain(
      'Operation cannot be fulfilled on configmaps "replaced": the object has been modified; please apply your changes to the latest version and try again',
    );
    const uid = await path('configmap replaced', '{.metadata.uid}');
    const forced = await tried('replace --force -f -', JSON.stringify(configMap('replaced', { a: '3' })));
    expect(forced.stdout).toContain('configmap/replaced replaced');
    expect(await path('configmap replaced', '{.metadata.uid}')).not.toBe(uid);
    expect((await tried('replace -f -', JSON.stringify(configMap('never', {})))).stderr).toContain('configmaps "never" not found');
  });
});

describe('label, annotate, set, scale, taint', () => {
  beforeAll(() => kubectl('create deployment set --image=app:1 --replicas=0'));
  test.each([
    ['label deployment set tier=web', 'deployment.apps/set labeled', '{.metadata.labels.tier}', 'web'],
    ['label deployment set tier=db --overwrite', 'deployment.apps/set labeled', '{.metadata.labels.tier}', 'db'],
    ['label deployment set tier-', 'deployment.apps/set unlabeled', '{.metadata.labels.tier}', ''],
    ['annotate deployment set note=x', 'deployment.apps/set annotated', '{.metadata.annotations.note}', 'x'],
    ['annotate deployment set note-', 'deployment.apps/set annotated', '{.metadata.annotations.note}', ''],
    ['set image deployment/set app=app:2', 'deployment.apps/set image updated', '{.spec.template.spec.containers[0].image}', 'app:2'],
    ['set env deployment/set A=1 B=2', 'deployment.apps/set env updated', '{.spec.template.spec.containers[0].env[*].name}', 'A B'],
    ['set env deployment/set A-', 'deployment.apps/set env updated', '{.spec.template.spec.containers[0].env[*].name}', 'B'],
    ['set env deployment/set --from=configmap/c', 'deployment.apps/set env updated', '{..configMapKeyRef.name}', 'c'],
    [
      'set resources deployment/set --limits=cpu=200m,memory=64Mi --requests=cpu=100m',
      'deployment.apps/set resource requirements updated',
      '{.spec.template.spec.containers[0].resources.limits.cpu}',
      '200m',
    ],
    [
      'set serviceaccount deployment/set sa',
      'deployment.apps/set serviceaccount updated',
      '{.spec.template.spec.serviceAccountName}',
      'sa',
    ],
    ['scale deployment set --replicas=3 --current-replicas=0', 'deployment.apps/set scaled', '{.spec.replicas}', '3'],
  ])('%s', async (line, says, jsonPath, value) => {
    expect(await kubectl(line)).toBe(`${says}\n`);
    expect(await path('deployment set', jsonPath)).toBe(value);
  });
  test('set selector and set subject', async () => {
    expect(await kubectl('set selector service one app=other')).toBe('service/one selector updated\n');
    expect(await path('service one', '{.spec.selector.app}')).toBe('other');
    expect(await kubectl('set subject rolebinding rb --group=dev')).toBe('rolebinding.rbac.authorization.k8s.io/rb subjects updated\n');
    expect(await path('rolebinding rb', '{.subjects[*].name}')).toBe('ann dev');
  });
  test('a label that is there is kept without --overwrite; a scale with the wrong precondition is refused', async () => {
    expect((await tried('label deployment set app=x')).stderr).toContain("'app' already has a value (set), and --overwrite is false");
    expect((await tried('scale deployment set --replicas=1 --current-replicas=9')).stderr).toContain('Expected replicas to be 9, was 3');
  });
});

describe('get', () => {
  beforeAll(async () => {
    await kubectl('create namespace listed');
    const items = Array.from({ length: 12 }, (_, i) => ({
      ...configMap(`cm-${String(i).padStart(2, '0')}`, { n: String(100 - i) }),
      metadata: { name: `cm-${String(i).padStart(2, '0')}`, namespace: 'listed', labels: { parity: i % 2 ? 'odd' : 'even' } },
    }));
    await tried('apply -f -', JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  });
  const names = (line: string) => kubectl(`get configmaps -n listed ${line} -o name`).then((text) => text.trim().split('\n').length);
  test('by selectors and in chunks', async () => {
    expect(await names('-l parity=odd')).toBe(6);
    expect(await names('-l parity=odd,parity!=even')).toBe(6);
    expect(
      (await cluster.kubectl('get', 'cm', '-n', 'listed', '-l', 'parity in (even, odd),!nope', '-o', 'name')).split('cm-'),
    ).toHaveLength(13);
    expect(await names('--field-selector metadata.name=cm-03')).toBe(1);
    expect(await names('--field-selector metadata.name!=cm-03')).toBe(12);
    expect(await names('--chunk-size=5')).toBe(13);
    expect((await tried('get configmaps --field-selector spec.nope=1')).stderr).toContain(
      '"spec.nope" is not a known field selector: only "metadata.name", "metadata.namespace"',
    );
  });
  test('sorted', async () => {
    const sorted = await kubectl('get configmaps -n listed -l parity --sort-by={.data.n} -o name');
    expect(sorted.startsWith('configmap/cm-11\nconfigmap/cm-10\n')).toBe(true);
    // As kubectl sorts: 100 after 99.
    expect(sorted.endsWith('configmap/cm-01\nconfigmap/cm-00\n')).toBe(true);
  });
  test.each([
    ['-o json', /"apiVersion": "v1",\n\s+"data": \{\n\s+"n": "97"/],
    ['-o yaml', /^apiVersion: v1\ndata:\n {2}"n": "97"\nkind: ConfigMap\n/],
    ['-o name', /^configmap\/cm-03\n$/],
    ['-o jsonpath={.metadata.labels.parity}', /^odd$/],
    ['-o go-template={{.data.n}}', /^97$/],
    ['-o custom-columns=NAME:.metadata.name,N:.data.n', /^NAME +N\ncm-03 +97\n$/],
    ['-o custom-columns=NAME:.metadata.name --no-headers', /^cm-03\n$/],
    ['-o wide', /^NAME +DATA +AGE\ncm-03 +1 +\S+\n$/],
    ['--show-labels', /^NAME +DATA +AGE +LABELS\ncm-03 +1 +\S+ +parity=odd\n$/],
    ['-L parity', /^NAME +DATA +AGE +PARITY\ncm-03 +1 +\S+ +odd\n$/],
    ['--show-kind', /^NAME +DATA +AGE\nconfigmap\/cm-03 +1 /],
    ['-o json --show-managed-fields', /"managedFields"/],
    ['--server-print=false', /^NAME +AGE\ncm-03 +\S+\n$/],
    ['-o jsonpath-as-json={.data}', /^\[\n {4}\{\n {8}"n": "97"/],
  ])('%s', async (format, shape) => {
    expect(await kubectl(`get configmap cm-03 -n listed ${format}`)).toMatch(shape);
  });
  test('all namespaces, several kinds, all, raw', async () => {
    expect(await kubectl('get configmaps -A')).toMatch(/^NAMESPACE +NAME +DATA +AGE\n/);
    const several = await kubectl('get deployment/web service/web -o name');
    expect(several).toBe('deployment.apps/web\nservice/web\n');
    expect(await kubectl('get all')).toContain('deployment.apps/web');
    expect(JSON.parse(await kubectl('get --raw /apis/apps/v1')).groupVersion).toBe('apps/v1');
    expect(await kubectl('get deployment web -o wide')).toMatch(
      /NAME +READY +UP-TO-DATE +AVAILABLE +AGE +CONTAINERS +IMAGES +SELECTOR\nweb +0\/2 /,
    );
    expect(await kubectl('get deployments web --ignore-not-found nope')).toContain('web');
  });
  test('a watch prints what comes, changes and goes', async () => {
    const watching = cluster.spawnKubectl('get', 'configmaps', '-n', 'listed', '-w', '--output-watch-events');
    let text = '';
    watching.stdout?.on('data', (chunk) => (text += chunk));
    const seen = (word: string) =>
      eventually(
        async () => text,
        (all) => all.includes(word),
      );
    await seen('cm-11');
    await kubectl('create configmap watched -n listed');
    await kubectl('label configmap watched -n listed a=b');
    await kubectl('delete configmap watched -n listed');
    await seen('DELETED');
    watching.kill();
    expect(text.split('\n').filter((line) => line.includes('watched'))).toEqual(
      ['ADDED', 'MODIFIED', 'DELETED'].map((type) => expect.stringMatching(new RegExp(`^${type} +watched `))),
    );
  });
});

describe('wait', () => {
  test('for a path, a condition that does not come, creation and deletion', async () => {
    await kubectl('create configmap waited --from-literal=a=1');
    expect(await cluster.kubectl('wait', '--for=jsonpath={.data.a}=1', 'configmap/waited')).toBe('configmap/waited condition met\n');
    expect((await tried('wait --for=condition=Available deployment/web --timeout=1s')).stderr).toContain(
      'timed out waiting for the condition',
    );
    const deleted = kubectl('wait --for=delete configmap/waited --timeout=20s');
    await kubectl('delete configmap waited');
    // Nothing is said when it was gone already.
    expect(['', 'configmap/waited condition met\n']).toContain(await deleted);
    const created = kubectl('wait --for=create configmap/later --timeout=20s');
    await kubectl('create configmap later');
    expect(await created).toBe('configmap/later condition met\n');
  });
});

describe('rollout', () => {
  test('pause, resume, restart, history, undo, status', async () => {
    await kubectl('create deployment rolled --image=app:1 --replicas=0');
    expect(await kubectl('rollout pause deployment/rolled')).toBe('deployment.apps/rolled paused\n');
    expect(await path('deployment rolled', '{.spec.paused}')).toBe('true');
    expect((await tried('rollout pause deployment/rolled')).stderr).toContain('is already paused');
    expect(await kubectl('rollout resume deployment/rolled')).toBe('deployment.apps/rolled resumed\n');
    await eventually(
      () => kubectl('rollout history deployment/rolled'),
      (text) => /^1 /m.test(text),
    );
    await kubectl('set image deployment/rolled app=app:2');
    const history = await eventually(
      () => kubectl('rollout history deployment/rolled'),
      (text) => /^2 /m.test(text),
    );
    expect(history).toMatch(/REVISION +CHANGE-CAUSE\n1 +<none>\n2 +<none>/);
    expect(await kubectl('rollout undo deployment/rolled')).toBe('deployment.apps/rolled rolled back\n');
    expect(await path('deployment rolled', '{.spec.template.spec.containers[0].image}')).toBe('app:1');
    expect(await kubectl('rollout restart deployment/rolled')).toBe('deployment.apps/rolled restarted\n');
    expect(await kubectl('rollout status deployment/rolled --timeout=20s')).toContain('deployment "rolled" successfully rolled out');
  });
});

describe('delete', () => {
  const replicaSets = (name: string) => kubectl(`get replicasets -l app=${name} -o name`).then((text) => text.trim());
  const appeared = (name: string) =>
    eventually(
      () => replicaSets(name),
      (text) => text !== '',
    );
  test.each(['background', 'foreground', 'orphan'] as const)('--cascade=%s', async (cascade) => {
    await kubectl(`create deployment gone-${cascade} --image=app:1 --replicas=0`);
    await appeared(`gone-${cascade}`);
    expect(await kubectl(`delete deployment gone-${cascade} --cascade=${cascade}`)).toBe(`deployment.apps "gone-${cascade}" deleted\n`);
    if (cascade === 'orphan') {
      expect(await replicaSets('gone-orphan')).not.toBe('');
      expect(await kubectl('delete replicasets -l app=gone-orphan')).toMatch(/^replicaset.apps "gone-orphan-\w+" deleted\n$/);
    } else {
      await eventually(
        () => replicaSets(`gone-${cascade}`),
        (text) => text === '',
      );
    }
  });
  test('a finalizer holds an object until it is taken away', async () => {
    await kubectl('create configmap held');
    await cluster.kubectl('patch', 'configmap', 'held', '-p', '{"metadata":{"finalizers":["example.com/hold"]}}');
    expect(await kubectl('delete configmap held --wait=false')).toBe('configmap "held" deleted\n');
    expect(await path('configmap held', '{.metadata.deletionGracePeriodSeconds}')).toBe('0');
    await cluster.kubectl('patch', 'configmap', 'held', '--type=merge', '-p', '{"metadata":{"finalizers":null}}');
    expect((await tried('get configmap held')).stderr).toContain('NotFound');
  });
  test('by file, by label, all, of a namespace with what is in it, of what is not there', async () => {
    expect((await tried('delete -f -', JSON.stringify(configMap('ssa', {})))).stdout).toBe('configmap "ssa" deleted\n');
    expect((await kubectl('delete configmaps -n listed -l parity=odd')).split('\n')).toHaveLength(7);
    expect(await kubectl('delete configmaps -n listed --all --dry-run=server')).toContain('deleted (server dry run)');
    expect(await kubectl('delete namespace listed --timeout=30s')).toBe('namespace "listed" deleted\n');
    expect((await tried('delete configmap nope')).stderr).toBe('Error from server (NotFound): configmaps "nope" not found\n');
    expect(await kubectl('delete configmap nope --ignore-not-found')).toBe('');
    expect(await kubectl('delete pod p --force --grace-period=0')).toContain('pod "p" force deleted');
  });
});

describe('what the server tells of itself', () => {
  test('api-resources and api-versions', async () => {
    const resources = await kubectl('api-resources -o wide');
    expect(resources).toMatch(/^NAME +SHORTNAMES +APIVERSION +NAMESPACED +KIND +VERBS +CATEGORIES\n/);
    expect(resources).toMatch(
      /^deployments +deploy +apps\/v1 +true +Deployment +create,delete,deletecollection,get,list,patch,update,watch +all$/m,
    );
    expect((await kubectl('api-resources --namespaced=false -o name')).split('\n')).toEqual(
      expect.arrayContaining(['nodes', 'namespaces', 'persistentvolumes', 'clusterroles.rbac.authorization.k8s.io']),
    );
    expect((await kubectl('api-versions')).split('\n')).toEqual(
      expect.arrayContaining(['v1', 'apps/v1', 'batch/v1', 'autoscaling/v2', 'policy/v1']),
    );
  });
  test('version, cluster-info, auth', async () => {
    expect(await kubectl('version -o json')).toMatch(/"gitVersion": "v1\.36/);
    expect(await kubectl('cluster-info')).toContain('is running at');
    expect(await kubectl('auth can-i create pods')).toBe('yes\n');
    expect((await tried('auth can-i create pods --as=ann')).stdout).toBe('no\n');
    expect(await kubectl('auth can-i get pods --as=ann')).toBe('yes\n');
    expect(await kubectl('auth can-i --list --as=ann')).toMatch(/^pods +\[\] +\[\] +\[get list\]$/m);
    expect(await kubectl('auth whoami')).toMatch(/Username +kubernetes-admin/);
  });
  test('explain of every kind, in depth', async () => {
    // kubectl itself takes what follows "events." for fields, where two groups have events (and nodes, and pods).
    const twice = ['events.events.k8s.io', 'nodes.metrics.k8s.io', 'pods.metrics.k8s.io'];
    const kinds = (await kubectl('api-resources -o name'))
      .trim()
      .split('\n')
      .filter((name) => !twice.includes(name));
    expect(await kubectl('explain events --api-version=events.k8s.io/v1 --recursive')).toContain('reportingController');
    for (const kind of ['nodes', 'pods'])
      expect(await kubectl(`explain ${kind} --api-version=metrics.k8s.io/v1beta1 --recursive`)).toContain('window');
    const failed: string[] = [];
    const explain = async (kind: string) => {
      const { code, stdout, stderr } = await tried(`explain ${kind} --recursive`);
      if (code !== 0 || !stdout.includes('FIELDS:')) failed.push(`${kind}: ${stderr}`);
    };
    for (let i = 0; i < kinds.length; i += 4) await Promise.all(kinds.slice(i, i + 4).map(explain));
    expect(failed).toEqual([]);
    expect(await kubectl('explain pods.spec.containers.image')).toMatch(/KIND: +Pod\nVERSION: +v1\n\nFIELD: image <string>\n/);
    expect((await tried('explain pods.spec.nope')).stderr).toContain('field "nope" does not exist');
  });
  test('describe finds its way', async () => {
    for (const [resource, says] of [
      ['deployment web', 'StrategyType:'],
      ['service web', 'NodePort:'],
      ['configmap c', 'Data\n===='],
      ['secret s', 'Type:  Opaque'],
      ['quota q', 'Resource'],
      ['ingress in', 'example.com'],
      ['hpa web', 'Min replicas:'],
      ['cronjob often', 'Schedule:'],
      ['pdb b', 'Min available:'],
      ['role r', 'PolicyRule:'],
    ] as const)
      expect(await kubectl(`describe ${resource}`), resource).toContain(says);
  });
});
