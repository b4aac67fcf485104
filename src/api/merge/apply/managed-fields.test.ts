import { describe, expect, test } from 'vitest';
import type { V1ManagedFieldsEntry } from '../../generated/types.gen.ts';
import { deepFreeze, type KubeObject } from '../../meta/object.ts';
import { schemaOf } from '../../schema/load.ts';
import { updateManagedFields } from './managed-fields.ts';

type Fields = Record<string, unknown>;
const created = '2026-11-20T08:00:00Z';
const later = '2026-11-20T09:00:00Z';

interface Write {
  readonly next: object;
  readonly old?: object;
  readonly manager?: string;
  readonly subresource?: string;
  readonly nowTime?: string;
  readonly schema?: string;
  readonly apiVersion?: string;
}

function update({ next, old, manager = 'me', subresource, nowTime = created, schema = 'V1Deployment', apiVersion = 'apps/v1' }: Write) {
  const write = { manager, apiVersion, subresource, nowTime, schema: schemaOf(schema) };
  return updateManagedFields(next as KubeObject, old && deepFreeze(old as KubeObject), write);
}

const withEntries = <T extends { metadata: object }>(object: T, managedFields: readonly V1ManagedFieldsEntry[] | undefined): T =>
  ({ ...object, metadata: { ...object.metadata, ...(managedFields ? { managedFields } : {}) } }) as T;

const container = {
  name: 'nginx',
  image: 'nginx',
  imagePullPolicy: 'Always',
  resources: {},
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
};

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'nginx', namespace: 'default', uid: 'u1', generation: 1, resourceVersion: '5', labels: { app: 'nginx' } },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: 'nginx' } },
    template: {
      metadata: { labels: { app: 'nginx' } },
      spec: {
        containers: [container],
        restartPolicy: 'Always',
        terminationGracePeriodSeconds: 30,
        dnsPolicy: 'ClusterFirst',
        securityContext: {},
        schedulerName: 'default-scheduler',
      },
    },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
  },
  status: {},
};

/** As `kubectl create deployment nginx --image nginx` leaves it on a cluster. */
const deploymentFields = {
  'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
  'f:spec': {
    'f:progressDeadlineSeconds': {},
    'f:replicas': {},
    'f:revisionHistoryLimit': {},
    'f:selector': {},
    'f:strategy': { 'f:rollingUpdate': { '.': {}, 'f:maxSurge': {}, 'f:maxUnavailable': {} }, 'f:type': {} },
    'f:template': {
      'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
      'f:spec': {
        'f:containers': {
          'k:{"name":"nginx"}': {
            '.': {},
            'f:image': {},
            'f:imagePullPolicy': {},
            'f:name': {},
            'f:resources': {},
            'f:terminationMessagePath': {},
            'f:terminationMessagePolicy': {},
          },
        },
        'f:dnsPolicy': {},
        'f:restartPolicy': {},
        'f:schedulerName': {},
        'f:securityContext': {},
        'f:terminationGracePeriodSeconds': {},
      },
    },
  },
};

const entry = (manager: string, fieldsV1: Fields, more: Partial<V1ManagedFieldsEntry> = {}): V1ManagedFieldsEntry => ({
  manager,
  operation: 'Update',
  apiVersion: 'apps/v1',
  time: created,
  fieldsType: 'FieldsV1',
  fieldsV1,
  ...more,
});

describe('create', () => {
  test('gives the creator every field but those of the server, in upstream order', () => {
    const entries = update({ next: deployment, manager: 'kubectl-create' });
    expect(JSON.stringify(entries)).toBe(JSON.stringify([entry('kubectl-create', deploymentFields)]));
  });

  test('an object with nothing but a name has no entries', () => {
    expect(update({ next: { metadata: { name: 'a' } }, schema: 'V1ConfigMap', apiVersion: 'v1' })).toBeUndefined();
  });

  test('zero in a field that is always there is nobody’s', () => {
    const next = { metadata: { name: 'a' }, spec: { podSelector: {}, policyTypes: ['Ingress'] } };
    const entries = update({ next, schema: 'V1NetworkPolicy', apiVersion: 'networking.k8s.io/v1' });
    expect(entries?.[0]?.fieldsV1).toEqual({ 'f:spec': { 'f:policyTypes': {} } });
  });

  test('lists by key, sets, and atomic parts are told apart', () => {
    const next = {
      metadata: { name: 's', finalizers: ['b/x', 'a/x'] },
      spec: {
        ports: [
          { port: 443, name: 'tls', targetPort: 8443 },
          { port: 80, protocol: 'UDP' },
        ],
        selector: { a: 'b' },
        type: 'ClusterIP',
      },
    };
    const fields = update({ next, schema: 'V1Service', apiVersion: 'v1' })?.[0]?.fieldsV1;
    expect(JSON.stringify(fields)).toBe(
      JSON.stringify({
        'f:metadata': { 'f:finalizers': { '.': {}, 'v:"a/x"': {}, 'v:"b/x"': {} } },
        'f:spec': {
          'f:ports': {
            '.': {},
            'k:{"port":80,"protocol":"UDP"}': { '.': {}, 'f:port': {}, 'f:protocol': {} },
            'k:{"port":443,"protocol":"TCP"}': { '.': {}, 'f:name': {}, 'f:port': {}, 'f:targetPort': {} },
          },
          'f:selector': {},
          'f:type': {},
        },
      }),
    );
  });

  test('a manager without a name is unknown', () => {
    expect(update({ next: deployment, manager: '' })?.[0]?.manager).toBe('unknown');
  });
});

describe('update', () => {
  const standing = deepFreeze(withEntries(deployment, update({ next: deployment, manager: 'kubectl-create' })));
  const status = {
    observedGeneration: 1,
    replicas: 1,
    conditions: [{ type: 'Available', status: 'True', reason: 'r', lastUpdateTime: later, lastTransitionTime: later }],
  };

  test('a status write owns what it set, and the struct itself is nobody’s', () => {
    const entries = update({ next: { ...standing, status }, old: standing, manager: 'kcm', subresource: 'status', nowTime: later });
    expect(entries?.[0]).toBe((standing.metadata as KubeObject['metadata'])?.managedFields?.[0]);
    expect(entries?.[1]).toEqual(
      entry(
        'kcm',
        {
          'f:status': {
            'f:conditions': {
              '.': {},
              'k:{"type":"Available"}': {
                '.': {},
                'f:lastTransitionTime': {},
                'f:lastUpdateTime': {},
                'f:reason': {},
                'f:status': {},
                'f:type': {},
              },
            },
            'f:observedGeneration': {},
            'f:replicas': {},
          },
        },
        { time: later, subresource: 'status' },
      ),
    );
  });

  test('takes what it changes from its owner, who keeps the rest and their time', () => {
    const next = { ...standing, spec: { ...standing.spec, replicas: 3 } };
    const entries = update({ next, old: standing, manager: 'scaler', nowTime: later });
    const { 'f:replicas': _, ...rest } = deploymentFields['f:spec'];
    expect(entries).toEqual([
      entry('kubectl-create', { ...deploymentFields, 'f:spec': rest }),
      entry('scaler', { 'f:spec': { 'f:replicas': {} } }, { time: later }),
    ]);
  });

  test('a manager that changes what it owns keeps one entry, with a new time', () => {
    const next = { ...standing, spec: { ...standing.spec, replicas: 3 } };
    const entries = update({ next, old: standing, manager: 'kubectl-create', nowTime: later });
    expect(entries).toEqual([entry('kubectl-create', deploymentFields, { time: later })]);
  });

  test('a removed field belongs to nobody; an owner of nothing is gone', () => {
    const labelled = { ...standing, metadata: { ...standing.metadata, labels: { app: 'nginx', x: '1' } } };
    const owned = deepFreeze(withEntries(labelled, update({ next: labelled, old: standing, manager: 'labeller', nowTime: later })));
    expect(owned.metadata).toMatchObject({ managedFields: [{ manager: 'kubectl-create' }, { manager: 'labeller' }] });
    const next = { ...owned, metadata: { ...owned.metadata, labels: { app: 'nginx' } } };
    expect(update({ next, old: owned, manager: 'other', nowTime: later })).toEqual([entry('kubectl-create', deploymentFields)]);
  });

  test('nothing changed: the standing entries come back as they are, whatever copy of them was sent', () => {
    const { managedFields } = standing.metadata as KubeObject['metadata'] & object;
    expect(update({ next: standing, old: standing, nowTime: later })).toBe(managedFields);
    const { managedFields: _, ...bare } = standing.metadata as KubeObject['metadata'] & object;
    expect(update({ next: { ...standing, metadata: bare }, old: standing, nowTime: later })).toBe(managedFields);
    expect(update({ next: structuredClone(standing), old: standing, nowTime: later })).toBe(managedFields);
  });

  test('an updater of another version or subresource has an entry of its own', () => {
    const next = { ...standing, spec: { ...standing.spec, replicas: 3 } };
    const entries = update({ next, old: standing, manager: 'kubectl-create', subresource: 'scale', nowTime: later });
    expect(entries?.map(({ manager, subresource }) => [manager, subresource])).toEqual([
      ['kubectl-create', undefined],
      ['kubectl-create', 'scale'],
    ]);
  });

  test.each([[[]], [[{}]]])('sending %j takes all ownership away, and updates do not bring it back', (managedFields) => {
    const next = { ...standing, metadata: { ...standing.metadata, managedFields } };
    expect(update({ next, old: standing, nowTime: later })).toBeUndefined();
    const { managedFields: _, ...metadata } = standing.metadata as KubeObject['metadata'] & object;
    const without = { ...standing, metadata };
    expect(update({ next: { ...without, spec: { ...standing.spec, replicas: 9 } }, old: without, nowTime: later })).toBeUndefined();
  });

  test('a subresource cannot set managedFields', () => {
    const next = { ...standing, metadata: { ...standing.metadata, managedFields: [] } };
    expect(update({ next, old: standing, subresource: 'status' })).toBe((standing.metadata as KubeObject['metadata'])?.managedFields);
  });

  test('entries that are sent count, in canonical form; unreadable ones do not', () => {
    const sent = [entry('x', { 'f:spec': { 'k:{"protocol":"TCP", "port":80}': {}, 'f:replicas': {} } })];
    const entries = update({ next: withEntries(deployment, sent), old: standing, nowTime: later });
    expect(JSON.stringify(entries?.[0]?.fieldsV1)).toBe('{"f:spec":{"f:replicas":{},"k:{\\"port\\":80,\\"protocol\\":\\"TCP\\"}":{}}}');
    for (const bad of [{ fieldsV1: { nonsense: {} } }, { operation: 'Steal' }, { apiVersion: '' }, { fieldsType: 'FieldsV2' }]) {
      const next = withEntries(deployment, [entry('x', {}, bad)]);
      expect(update({ next, old: standing, nowTime: later }), JSON.stringify(bad)).toBe(
        (standing.metadata as KubeObject['metadata'])?.managedFields,
      );
    }
  });

  test.each(['constructor', '__proto__', 'toString'])('a label may be called %s', (name) => {
    const labels = JSON.parse(`{"${name}":"x"}`) as object;
    const write = { schema: 'V1ConfigMap', apiVersion: 'v1' };
    const bare = { metadata: { name: 'a', uid: 'u' }, data: { k: 'v' } };
    const old = deepFreeze(withEntries(bare, update({ next: bare, ...write })));
    const labelled = { ...old, metadata: { ...old.metadata, labels } };
    const owned = deepFreeze(withEntries(labelled, update({ next: labelled, old, manager: 'labeller', ...write })));
    const entries = (owned.metadata as KubeObject['metadata'])?.managedFields;
    expect(entries?.[0]?.fieldsV1).toEqual({ 'f:metadata': { 'f:labels': { '.': {}, [`f:${name}`]: {} } } });
    const changed = { ...owned, metadata: { ...owned.metadata, labels: { other: 'y' } } };
    const after = update({ next: changed, old: owned, manager: 'third', ...write });
    expect(after?.find((entry) => entry.manager === 'labeller')?.fieldsV1).toEqual({ 'f:metadata': { 'f:labels': {} } });
  });

  test('more than ten updaters: the oldest are merged', () => {
    let object = withEntries(
      { metadata: { name: 'a', uid: 'u' }, data: { k: '0' } } as { metadata: object; data: Record<string, string> },
      undefined,
    );
    object = withEntries(object, update({ next: object, manager: 'm00', schema: 'V1ConfigMap', apiVersion: 'v1' }));
    for (let i = 1; i <= 12; i++) {
      const next = { ...object, data: { ...object.data, [`k${i}`]: 'x' } };
      const write = { manager: `m${String(i).padStart(2, '0')}`, schema: 'V1ConfigMap', apiVersion: 'v1' };
      object = withEntries(next, update({ next, old: object, nowTime: `2026-11-20T08:00:${String(i).padStart(2, '0')}Z`, ...write }));
    }
    const entries = (object.metadata as KubeObject['metadata'])?.managedFields ?? [];
    expect(entries.length).toBe(10);
    expect(entries[0]).toMatchObject({
      manager: 'ancient-changes',
      time: '2026-11-20T08:00:03Z',
      fieldsV1: { 'f:data': { 'f:k': {}, 'f:k1': {}, 'f:k2': {}, 'f:k3': {} } },
    });
    expect(entries[9]?.manager).toBe('m12');
  });
});
