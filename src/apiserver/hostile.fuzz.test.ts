// Hostile and malformed requests at every endpoint: never an error that nobody meant to give, never a crash, no growth, no polluted prototype.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type KindDefinition, loadProtobuf, servedKinds } from '../api/mod.ts';
import { collectionPath, examplesOf, hostileRequest } from './testing/hostile-requests.ts';
import { type Answer, type HostileServer, startHostileServer } from './testing/hostile-server.ts';
import { type Dice, diceOf, hostileBodies } from './testing/hostile-values.ts';

let server: HostileServer;
beforeAll(async () => {
  server = await startHostileServer();
  await server.ask({ method: 'POST', target: accounts, body: Buffer.from('{"metadata":{"name":"default"}}') });
});
afterAll(() => server.stop());

const accounts = '/api/v1/namespaces/default/serviceaccounts';
const configMaps = '/api/v1/namespaces/default/configmaps';

/** What upstream answers with a 500 or 504 too: malformed versions, patches and bindings, and versions still to come. */
const upstreamFails: readonly RegExp[] = [
  /resourceVersion should not be set on objects to be created/,
  /strconv\.ParseUint/,
  /Too large resource version|context deadline exceeded/,
  /failed to create typed (live|patch) object/,
  /strategic merge patch is an object|merge key|\$setElementOrder|\$retainKeys|\$deleteFromPrimitiveList|unknown patch type|delete patch/,
  /Component not found: /,
  /target\.(name|kind): /,
  // Somebody has deleted the ServiceCIDR: there are no addresses to give.
  /failed to allocate a serviceIP: range is full/,
];

function complaint({ status, text, unexpected }: Answer): string | undefined {
  if ('polluted' in {}) return 'a prototype was polluted';
  const [error] = unexpected;
  if (error !== undefined) return error instanceof Error ? (error.stack ?? error.message) : JSON.stringify(error);
  if (status < 100 || status > 599) return `the status is ${status}`;
  return status >= 500 && !upstreamFails.some((pattern) => pattern.test(text)) ? `${status}: ${text.slice(0, 500)}` : undefined;
}

test('whatever is asked is answered with an error that is meant', async () => {
  await fc.assert(
    fc.asyncProperty(fc.noBias(fc.noShrink(fc.integer({ min: 0, max: 2 ** 31 }))), async (seed) => {
      const request = hostileRequest(seed, servedKinds);
      const problem = complaint(await server.ask(request));
      if (problem === undefined) return;
      const { method, target, headers, body } = request;
      throw new Error(`${method} ${target} ${JSON.stringify(headers)}\n${Buffer.from(body).toString('utf8').slice(0, 2_000)}\n${problem}`);
    }),
    { numRuns: 6_000, seed: 20_260 },
  );
});

test('every kind takes every body that no schema describes', async () => {
  const bodies = hostileBodies.map((make) => make()).filter((body) => body.length < 100_000);
  const problems: string[] = [];
  for (const kind of servedKinds) {
    for (const body of bodies) {
      const problem = complaint(await server.ask({ method: 'POST', target: collectionPath(kind), body }));
      if (problem) problems.push(`POST ${kind.resource} ${Buffer.from(body).toString('utf8').slice(0, 100)}: ${problem}`);
    }
  }
  expect(problems).toEqual([]);
});

test('protobuf with bytes changed, cut off, doubled or made up is refused or taken, never tripped over', async () => {
  const { encodeProtobuf } = await loadProtobuf();
  const dice = diceOf(3);
  const problems: string[] = [];
  let taken = 0;
  for (const kind of servedKinds) {
    for (const example of examplesOf(kind)) {
      const bytes = encodeProtobuf(example);
      for (let times = 0; bytes && times < 25; times++) {
        const body = spoilBytes(bytes, dice);
        const answer = await server.ask({ method: 'POST', target: `${collectionPath(kind)}?dryRun=All`, headers: protobuf, body });
        if (answer.status === 201) taken++;
        const problem = complaint(answer);
        if (problem) problems.push(`${kind.kind} ${Buffer.from(body).toString('hex')}: ${problem}`);
      }
    }
  }
  expect(problems).toEqual([]);
  expect(taken).toBeGreaterThan(10);
});

const protobuf = { 'content-type': 'application/vnd.kubernetes.protobuf', accept: 'application/vnd.kubernetes.protobuf' };

function spoilBytes(bytes: Uint8Array, dice: Dice): Uint8Array {
  const changed = Uint8Array.from(bytes);
  const at = dice.upTo(bytes.length);
  switch (dice.upTo(5)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return Buffer.concat([bytes.subarray(0, at), Uint8Array.from({ length: 12 }, () => dice.upTo(256)), bytes.subarray(at)]);
    case 2:
      return Buffer.concat([bytes, bytes.subarray(4)]);
    case 3:
      // A length that promises more than there is.
      changed.set([0xff, 0xff, 0xff, 0xff, 0x0f].slice(0, bytes.length - at), at);
      return changed;
    default:
      for (let times = dice.upTo(4); times >= 0; times--) changed[dice.upTo(bytes.length)] = dice.upTo(256);
      return changed;
  }
}

test('asking again and again keeps nothing', async () => {
  const gc = globalThis.gc ?? (await enableGc());
  // Dry runs and reads: what stays behind is not data.
  const round = async () => {
    for (let seed = 0; seed < 1_500; seed++) {
      const request = hostileRequest(seed, servedKinds);
      const target = request.method === 'GET' ? request.target : `${request.target}${request.target.includes('?') ? '&' : '?'}dryRun=All`;
      await server.ask({ ...request, target });
    }
    gc();
    return process.memoryUsage().heapUsed;
  };
  await round();
  const before = await round();
  await round();
  const after = await round();
  // Two rounds are 3,000 requests: a kilobyte kept of each would be 3 MB.
  expect(after - before).toBeLessThan(3 * 1024 * 1024);
});

async function enableGc(): Promise<() => void> {
  const [{ setFlagsFromString }, { runInNewContext }] = await Promise.all([import('node:v8'), import('node:vm')]);
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

describe('bodies of 3 MB', () => {
  const limit = 3 * 1024 * 1024;
  const bodyOf = (bytes: number) => {
    const frame = '{"metadata":{"name":"large"},"data":{"a":""}}';
    return Buffer.from(frame.replace('""', () => `"${'x'.repeat(bytes - frame.length)}"`));
  };
  const kinds: readonly KindDefinition[] = servedKinds.filter((kind) => ['configmaps', 'pods', 'roles', 'leases'].includes(kind.resource));
  test.each(kinds.map((kind) => [kind.resource, kind] as const))('%s: one byte more is 413, read no further', async (_resource, kind) => {
    const { status, text } = await server.ask({ method: 'POST', target: collectionPath(kind), body: bodyOf(limit + 1) });
    expect([status, JSON.parse(text).reason]).toEqual([413, 'RequestEntityTooLarge']);
    expect(complaint(await server.ask({ method: 'POST', target: collectionPath(kind), body: bodyOf(limit) }))).toBeUndefined();
  });
});

describe('found by the fuzz test', () => {
  const send = (method: string, target: string, type: string, body: string) =>
    server.ask({ method, target, headers: { 'content-type': type }, body: Buffer.from(body) });
  const nested = `${'{"a":'.repeat(12_000)}1${'}'.repeat(12_000)}`;
  const apply = (target: string, body: string) => send('PATCH', `${target}?fieldManager=m`, 'application/apply-patch+yaml', body);

  test('YAML that merges what is no map is 400', async () => {
    expect((await apply(`${configMaps}/merge`, 'kind: ConfigMap\n<<: 1\n')).status).toBe(400);
  });

  test('a group named like a property that every object has is none', async () => {
    expect((await send('POST', '/apis/constructor/v1/x', 'application/json', '{}')).status).toBe(404);
    const jane = { method: 'POST', target: '/apis/constructor/v1/x', headers: { authorization: 'Bearer jane-token' } };
    expect(complaint(await server.ask(jane))).toBeUndefined();
  });

  test('a Secret of a type named like a property that every object has is stored', async () => {
    const secret = '{"metadata":{"name":"typed"},"type":"toString"}';
    expect((await send('POST', '/api/v1/namespaces/default/secrets', 'application/json', secret)).status).toBe(201);
  });

  test.each(['application/merge-patch+json', 'application/strategic-merge-patch+json', 'application/json-patch+json'])(
    'a %s nested too deeply is 400',
    async (type) => {
      await send('POST', configMaps, 'application/json', '{"metadata":{"name":"deep"}}');
      const answer = await send('PATCH', `${configMaps}/deep`, type, nested);
      expect([answer.status, answer.unexpected]).toEqual([400, []]);
    },
  );

  test('names of roles need not be ASCII', async () => {
    const roles = '/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles';
    expect((await send('POST', roles, 'application/json', '{"metadata":{"name":"é ü"},"rules":[]}')).status).toBe(201);
    const read = await server.ask({ method: 'GET', target: `${roles}/${encodeURIComponent('é ü')}` });
    expect(JSON.parse(read.text).metadata.name).toBe('é ü');
    expect((await server.ask({ method: 'GET', target: `${roles}/${encodeURIComponent('é')}` })).status).toBe(404);
  });

  test('a name that no key can hold is 400', async () => {
    const body = JSON.stringify({ metadata: { name: 'x'.repeat(3_000) } });
    const answer = await send('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', 'application/json', body);
    expect([answer.status, answer.unexpected]).toEqual([400, []]);
  });

  test('an integer that no double holds is quoted in an error', async () => {
    const templates = '/apis/resource.k8s.io/v1/namespaces/default/resourceclaimtemplates';
    const template = (metadata: string) => `{"metadata":{"name":"big"},"spec":{"metadata":{${metadata}},"spec":{}}}`;
    expect((await send('POST', templates, 'application/json', template(''))).status).toBe(201);
    const patched = await send('PATCH', `${templates}/big`, 'application/merge-patch+json', template('"generation":9007199254740992'));
    expect([patched.status, patched.unexpected]).toEqual([422, []]);
  });

  test('a LimitRange without limits limits nothing', async () => {
    const path = '/api/v1/namespaces/limited';
    await send('POST', '/api/v1/namespaces', 'application/json', '{"metadata":{"name":"limited"}}');
    expect((await send('POST', `${path}/limitranges`, 'application/json', '{"metadata":{"name":"none"},"spec":{}}')).status).toBe(201);
    const claim = '{"metadata":{"name":"c"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}';
    const answer = await send('POST', `${path}/persistentvolumeclaims`, 'application/json', claim);
    expect([answer.status, answer.unexpected]).toEqual([201, []]);
  });

  test('the status of a Service is patched without its addresses being taken again', async () => {
    const ranges = '/apis/networking.k8s.io/v1/servicecidrs';
    await send('POST', ranges, 'application/json', '{"metadata":{"name":"spare"},"spec":{"cidrs":["10.99.0.0/24"]}}');
    const services = '/api/v1/namespaces/default/services';
    const service = '{"metadata":{"name":"patched"},"spec":{"selector":{"a":"b"},"ports":[{"port":80}]}}';
    expect((await send('POST', services, 'application/json', service)).status).toBe(201);
    const patched = await send('PATCH', `${services}/patched/status`, 'application/strategic-merge-patch+json', service);
    expect([patched.status, patched.unexpected]).toEqual([200, []]);
  });
});
