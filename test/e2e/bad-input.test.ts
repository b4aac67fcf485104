// Manifests that are wrong are refused with the status, reason and field path that upstream gives, and nothing is stored.
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestCluster, type TestCluster } from './harness.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startTestCluster('--no-node');
});
afterAll(() => cluster?.destroy());

interface Answer {
  readonly code: number;
  readonly body: {
    readonly reason?: string;
    readonly message?: string;
    readonly details?: { readonly causes?: readonly { readonly field: string; readonly reason: string; readonly message: string }[] };
  };
}

/** A POST as a client without any knowledge of the API sends it. */
function post(path: string, body: unknown): Promise<Answer> {
  const token = readFileSync(join(cluster.dataDir, 'admin.token'), 'utf8').trim();
  const ca = readFileSync(join(cluster.dataDir, 'pki/ca.crt'));
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: '127.0.0.1',
        port: cluster.port,
        path,
        method: 'POST',
        ca,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      },
      (response) => {
        let all = '';
        response.setEncoding('utf8');
        response.on('data', (chunk) => (all += chunk));
        response.on('end', () => resolve({ code: response.statusCode ?? 0, body: JSON.parse(all) }));
      },
    );
    call.on('error', reject);
    call.end(text);
  });
}

const container = { name: 'c', image: 'i:1' };
const pod = (spec: object, metadata: object = { name: 'p' }) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata,
  spec: { containers: [container], ...spec },
});
const pods = '/api/v1/namespaces/default/pods';

describe('a manifest that is wrong', () => {
  test.each([
    { what: 'a bad name', body: pod({}, { name: 'Not_A_Name' }), field: 'metadata.name', reason: 'FieldValueInvalid' },
    { what: 'no containers', body: pod({ containers: [] }), field: 'spec.containers', reason: 'FieldValueRequired' },
    { what: 'no image', body: pod({ containers: [{ name: 'c' }] }), field: 'spec.containers[0].image', reason: 'FieldValueRequired' },
    {
      what: 'two containers of one name',
      body: pod({ containers: [container, container] }),
      field: 'spec.containers[1].name',
      reason: 'FieldValueDuplicate',
    },
    {
      what: 'two ports of one name',
      body: pod({
        containers: [
          {
            ...container,
            ports: [
              { name: 'http', containerPort: 80 },
              { name: 'http', containerPort: 81 },
            ],
          },
        ],
      }),
      field: 'spec.containers[0].ports[1].name',
      reason: 'FieldValueDuplicate',
    },
    {
      what: 'a port out of range',
      body: pod({ containers: [{ ...container, ports: [{ containerPort: 70_000 }] }] }),
      field: 'spec.containers[0].ports[0].containerPort',
      reason: 'FieldValueInvalid',
    },
    {
      what: 'a mount of a volume that is not there',
      body: pod({ containers: [{ ...container, volumeMounts: [{ name: 'x', mountPath: '/x' }] }] }),
      field: 'spec.containers[0].volumeMounts[0].name',
      reason: 'FieldValueNotFound',
    },
    {
      what: 'a restart policy that does not exist',
      body: pod({ restartPolicy: 'Sometimes' }),
      field: 'spec.restartPolicy',
      reason: 'FieldValueNotSupported',
    },
  ])('$what is 422 with its field', async ({ body, field, reason }) => {
    const answer = await post(pods, body);
    expect(answer.code).toBe(422);
    expect(answer.body.reason).toBe('Invalid');
    expect(answer.body.details?.causes).toContainEqual(expect.objectContaining({ field, reason }));
  });

  test('every mistake is told, not only the first', async () => {
    const answer = await post(pods, pod({ containers: [{ name: 'C', ports: [{ containerPort: 0 }] }], restartPolicy: 'x' }));
    expect(answer.body.details?.causes?.map((cause) => cause.field)).toEqual(
      expect.arrayContaining([
        'spec.containers[0].name',
        'spec.containers[0].image',
        'spec.containers[0].ports[0].containerPort',
        'spec.restartPolicy',
      ]),
    );
  });

  test('a wrong type is 400 with the field', async () => {
    const answer = await post(pods, pod({ terminationGracePeriodSeconds: 'soon' }));
    expect(answer.code).toBe(400);
    expect(answer.body.message).toBe(
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal string into Go struct field PodSpec.spec.terminationGracePeriodSeconds of type int64',
    );
  });

  test('an unknown field is refused when asked, and dropped with a warning otherwise', async () => {
    const strict = await post(`${pods}?fieldValidation=Strict`, pod({ replicas: 3 }));
    expect(strict.code).toBe(400);
    expect(strict.body.message).toContain('strict decoding error: unknown field "spec.replicas"');
  });

  test('what is no JSON is 400', async () => {
    expect((await post(pods, '{"kind":')).code).toBe(400);
  });

  test('an existing name is 409, a missing namespace 404', async () => {
    expect((await post(pods, pod({}, { name: 'twice' }))).code).toBe(201);
    expect((await post(pods, pod({}, { name: 'twice' }))).body).toMatchObject({
      reason: 'AlreadyExists',
      message: 'pods "twice" already exists',
    });
    expect((await post('/api/v1/namespaces/nowhere/pods', pod({}))).body).toMatchObject({
      reason: 'NotFound',
      message: 'namespaces "nowhere" not found',
    });
  });

  test('nothing of it was stored', async () => {
    expect(await cluster.kubectl('get', 'pods', '-o', 'name')).toBe('pod/twice\n');
  });

  test('kubectl says the same', async () => {
    const manifest = JSON.stringify(pod({ containers: [{ ...container, imagee: 'x' }] }, { name: 'typo' }));
    const applied = await cluster.tryKubectl(['apply', '-f', '-'], { input: manifest });
    expect(applied.code).not.toBe(0);
    expect(applied.stderr).toMatch(/unknown field "(spec\.containers\[0\]\.)?imagee"/);
  });
});
