// Objects served in two versions: every verb through the one that is not stored, over the real core.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  events as coreEvents,
  eventsV1,
  horizontalpodautoscalersV1,
  type KindDefinition,
  type KubeObject,
  servedKinds,
  horizontalpodautoscalers as v2Autoscalers,
} from '../../api/mod.ts';
import type { WatchFrame } from '../request.ts';
import { bodyOf, frameText, jsonBody, type Loose, startTestCore, type TestCore } from '../testing/fixture.ts';
import { shownAs } from './view.ts';

// biome-ignore lint/suspicious/noExplicitAny: one list of kinds of all types.
const erase = (kind: KindDefinition<any>): KindDefinition => kind;
const v1 = erase(horizontalpodautoscalersV1);
const v2 = erase(v2Autoscalers);
const core = erase(coreEvents);
const newer = erase(eventsV1);

let on: TestCore;
beforeEach(async () => {
  on = await startTestCore({ kinds: servedKinds });
});
afterEach(() => on.stop());

const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
const autoscaler = (name: string, spec: object = {}, metadata: object = {}): Loose => ({
  apiVersion: 'autoscaling/v1',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name, ...metadata },
  spec: { maxReplicas: 3, scaleTargetRef, targetCPUUtilizationPercentage: 50, ...spec },
});
const cpu = (averageUtilization: number) => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});
const memory = { type: 'Resource', resource: { name: 'memory', target: { type: 'Utilization', averageUtilization: 70 } } };
const get = (kind: KindDefinition, name: string) => on.call({ verb: 'get', kind, name });

describe('HorizontalPodAutoscalers of autoscaling/v1', () => {
  const make = () => on.call({ verb: 'create', kind: v1, body: jsonBody(autoscaler('web')) });

  test('a create is stored as v2, with the defaults of both, and answered in v1', async () => {
    const made = await make();
    expect(made).toMatchObject({ apiVersion: 'autoscaling/v1', spec: { minReplicas: 1, targetCPUUtilizationPercentage: 50 } });
    expect(made.spec).not.toHaveProperty('metrics');
    const stored = await get(v2, 'web');
    expect(stored).toMatchObject({ apiVersion: 'autoscaling/v2', spec: { minReplicas: 1, maxReplicas: 3, metrics: [cpu(50)] } });
    expect(stored.metadata?.uid).toBe(made.metadata?.uid);
    expect(await get(v1, 'web')).toEqual(made);
    expect(on.core.registry.of(v1)).toBe(on.core.registry.of(v2));
  });

  test('an object is converted and serialized once, whoever reads it', async () => {
    await make();
    const read = async (verb: 'get' | 'list') => on.run({ verb, kind: v1, ...(verb === 'get' ? { name: 'web' } : {}) });
    const [one, all] = [await read('get'), await read('list')];
    if (one.as !== 'object' || all.as !== 'list') throw new Error('unexpected results');
    expect([all.entries[0], one.kind, all.kind]).toEqual([one.entry, v1, v1]);
    expect(all.entries[0]).toBe(one.entry);
    expect(one.entry.bytes).toBe(all.entries[0]?.bytes);
    expect(JSON.parse(Buffer.from(one.entry.bytes).toString())).toEqual(JSON.parse(JSON.stringify(one.entry.object)));
    expect(Object.isFrozen(one.entry.object)).toBe(true);
  });

  test('nothing is converted before somebody looks', async () => {
    const refuse = () => {
      throw new Error('converted');
    };
    const kind: KindDefinition = { ...v1, storage: { kind: v2, toStorage: refuse, fromStorage: refuse } };
    await make();
    const stored = await on.run({ verb: 'list', kind: v2 });
    const shown = shownAs(kind, stored);
    expect(shown.as === 'list' && shown.entries.length).toBe(1);
    expect(() => shown.as === 'list' && shown.entries[0]?.object).toThrow('converted');
  });

  const change = { spec: { targetCPUUtilizationPercentage: 70 } };
  test.each([
    ['update', { verb: 'update', body: jsonBody(autoscaler('web', { targetCPUUtilizationPercentage: 70 })) }],
    ['merge patch', { verb: 'patch', patchType: 'application/merge-patch+json', body: bodyOf(change) }],
    ['strategic merge patch', { verb: 'patch', patchType: 'application/strategic-merge-patch+json', body: bodyOf(change) }],
    [
      'JSON patch',
      {
        verb: 'patch',
        patchType: 'application/json-patch+json',
        body: bodyOf([{ op: 'replace', path: '/spec/targetCPUUtilizationPercentage', value: 70 }]),
      },
    ],
    [
      'apply',
      {
        verb: 'patch',
        patchType: 'application/apply-patch+yaml',
        query: { fieldManager: 'me', force: 'true' },
        body: bodyOf(autoscaler('web', { targetCPUUtilizationPercentage: 70 })),
      },
    ],
  ] as const)('%s changes what is stored, keeps what v1 has no field for, and shows v1', async (_, request) => {
    await make();
    const metrics = [memory, cpu(50)];
    await on.call({ verb: 'patch', kind: v2, name: 'web', patchType: 'application/merge-patch+json', body: bodyOf({ spec: { metrics } }) });
    const dry = await on.call({
      ...request,
      kind: v1,
      name: 'web',
      query: { ...('query' in request ? request.query : {}), dryRun: 'All' },
    });
    expect(dry.spec.targetCPUUtilizationPercentage).toBe(70);
    expect((await get(v1, 'web')).spec.targetCPUUtilizationPercentage).toBe(50);
    const changed = await on.call({ ...request, kind: v1, name: 'web' });
    expect(changed).toMatchObject({ apiVersion: 'autoscaling/v1', spec: { targetCPUUtilizationPercentage: 70 } });
    // A PUT says all, and said nothing of the annotation.
    const others = request.verb === 'update' ? [] : [expect.objectContaining({ resource: memory.resource })];
    const stored = await get(v2, 'web');
    expect(stored.spec.metrics).toHaveLength(1 + others.length);
    expect(stored.spec.metrics).toEqual(expect.arrayContaining([cpu(70), ...others]));
    const before = stored.metadata?.resourceVersion;
    const again = await on.call({ ...request, kind: v1, name: 'web' });
    expect(again.metadata?.resourceVersion).toBe(before);
  });

  test('a malformed patch speaks of v1', async () => {
    await make();
    const patch = { verb: 'patch', kind: v1, name: 'web', patchType: 'application/merge-patch+json' } as const;
    const unknown = await on.fail({ ...patch, query: { fieldValidation: 'Strict' }, body: bodyOf({ spec: { metrics: [] } }) });
    expect(unknown.message).toContain('unknown field "spec.metrics"');
    const other = await on.fail({ ...patch, body: bodyOf({ apiVersion: 'autoscaling/v2' }) });
    expect(other.code).toBe(400);
  });

  test('validation is that of the stored kind', async () => {
    const error = await on.fail({ verb: 'create', kind: v1, body: jsonBody(autoscaler('web', { maxReplicas: 0 })) });
    expect([error.code, error.status.details?.kind, error.status.details?.group]).toEqual([422, 'HorizontalPodAutoscaler', 'autoscaling']);
    expect(error.status.details?.causes?.[0]?.field).toBe('spec.maxReplicas');
  });

  test('the status is written in v1 and leaves the spec alone', async () => {
    await make();
    const status = { currentReplicas: 2, desiredReplicas: 3, currentCPUUtilizationPercentage: 44 };
    const sent = { ...autoscaler('web', { maxReplicas: 9 }), status };
    const written = await on.call({ verb: 'update', kind: v1, name: 'web', subresource: 'status', body: jsonBody(sent) });
    expect(written).toMatchObject({ apiVersion: 'autoscaling/v1', spec: { maxReplicas: 3 }, status });
    expect((await get(v2, 'web')).status).toMatchObject({ currentReplicas: 2, currentMetrics: [{ resource: { name: 'cpu' } }] });
    const read = await on.call({ verb: 'get', kind: v1, name: 'web', subresource: 'status' });
    expect(read.status).toEqual(written.status);
  });

  const managers = (object: Loose) =>
    object.metadata?.managedFields?.map(({ manager, apiVersion, operation, subresource = '' }) =>
      [manager, operation, apiVersion, subresource].join(' ').trim(),
    );

  test('managedFields say which version was written, in whatever version they are read', async () => {
    await on.call({ verb: 'create', kind: v1, body: jsonBody(autoscaler('web')), query: { fieldManager: 'old' } });
    const patch = { verb: 'patch', name: 'web', patchType: 'application/merge-patch+json' } as const;
    await on.call({ ...patch, kind: v2, query: { fieldManager: 'new' }, body: bodyOf({ spec: { maxReplicas: 4 } }) });
    await on.call({ ...patch, kind: v1, query: { fieldManager: 'label' }, body: bodyOf({ metadata: { labels: { a: 'b' } } }) });
    const wanted = ['label Update autoscaling/v1', 'new Update autoscaling/v2', 'old Update autoscaling/v1'];
    const [inV1, inV2] = [await get(v1, 'web'), await get(v2, 'web')];
    expect([managers(inV1)?.sort(), managers(inV2)?.sort()]).toEqual([wanted, wanted]);
    const old = inV2.metadata?.managedFields?.find(({ manager }) => manager === 'old');
    expect(old?.fieldsV1).toEqual({ 'f:spec': { 'f:scaleTargetRef': {}, 'f:minReplicas': {}, 'f:targetCPUUtilizationPercentage': {} } });
  });

  test('a field that another version calls otherwise changes hands all the same', async () => {
    const patch = { verb: 'patch', name: 'web', patchType: 'application/merge-patch+json' } as const;
    const fieldsOf = async (wanted: string) => {
      const entry = (await get(v2, 'web')).metadata?.managedFields?.find(({ manager }) => manager === wanted);
      return Object.keys((entry?.fieldsV1 as { 'f:spec'?: object } | undefined)?.['f:spec'] ?? {});
    };
    await on.call({ verb: 'create', kind: v1, body: jsonBody(autoscaler('web')), query: { fieldManager: 'old' } });
    await on.call({ ...patch, kind: v2, query: { fieldManager: 'new' }, body: bodyOf({ spec: { metrics: [cpu(60)] } }) });
    expect([await fieldsOf('old'), await fieldsOf('new')]).toEqual([['f:maxReplicas', 'f:minReplicas', 'f:scaleTargetRef'], ['f:metrics']]);
    const spec = { targetCPUUtilizationPercentage: 70 };
    await on.call({ ...patch, kind: v1, query: { fieldManager: 'old' }, body: bodyOf({ spec }) });
    expect([await fieldsOf('new'), await fieldsOf('old')]).toEqual([[], expect.arrayContaining(['f:targetCPUUtilizationPercentage'])]);
    const apply = {
      verb: 'patch',
      kind: v2,
      name: 'web',
      patchType: 'application/apply-patch+yaml',
      query: { fieldManager: 'me' },
    } as const;
    const applied = { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'web' } };
    const error = await on.fail({ ...apply, body: bodyOf({ ...applied, spec: { scaleTargetRef, maxReplicas: 3, metrics: [cpu(80)] } }) });
    expect([error.code, error.status.details?.causes?.map(({ message, field }) => `${field} ${message}`)]).toEqual([
      409,
      [expect.stringMatching(/^\.spec\.targetCPUUtilizationPercentage conflict with "old"/)],
    ]);
  });

  const notes = ['metrics', 'behavior', 'current-metrics', 'conditions'];
  const hostile = [
    '',
    '{}',
    '[]',
    '[null]',
    '[1]',
    '"x"',
    'null',
    '[{"type":"Resource"}]',
    '[{"resource":1}]',
    '{"scaleUp":[]}',
    '{"__proto__":{"a":1}}',
    '[[[',
    '{"scaleUp":{"policies":3}}',
  ];
  test.each(notes.flatMap((note) => hostile.map((text) => [note, text])))(
    'whatever stands in the annotation of %s is no crash: %s',
    async (note, text) => {
      const metadata = { annotations: { [`autoscaling.alpha.kubernetes.io/${note}`]: text } };
      const query = { fieldManager: 'me' };
      const made = await on
        .run({ verb: 'create', kind: v1, body: jsonBody(autoscaler('web', {}, metadata)), query })
        .catch((error) => error);
      if (made instanceof Error) expect(made).toMatchObject({ code: 422 });
      else expect(made.as === 'object' && made.entry.object).toMatchObject({ apiVersion: 'autoscaling/v1' });
    },
  );

  test.each([
    [{ metrics: [{ type: 'Resource' }, { type: 'Pods' }, { type: 'nope' }, {}] }],
    [
      {
        metrics: [
          { type: 'Object', object: {} },
          { type: 'External', external: {} },
          { type: 'Pods', pods: {} },
        ],
      },
    ],
    [
      {
        metrics: [
          { type: 'ContainerResource', containerResource: {} },
          { type: 'Resource', resource: {} },
        ],
      },
    ],
    [{ behavior: { scaleUp: {} } }],
  ])('what v2 refuses is refused when v1 has written before: %j', async (spec) => {
    await make();
    const patch = { verb: 'patch', kind: v2, name: 'web', patchType: 'application/merge-patch+json' } as const;
    const code = await on.run({ ...patch, body: bodyOf({ spec }) }).then(
      (result) => result.as === 'object' && result.code,
      (error) => error.code,
    );
    expect([200, 422]).toContain(code);
  });

  test('an apply conflicts with whoever owns the field in this version, and owns it in this version', async () => {
    const apply = { verb: 'patch', kind: v1, name: 'web', patchType: 'application/apply-patch+yaml' } as const;
    const made = await on.call({ ...apply, query: { fieldManager: 'me' }, body: bodyOf(autoscaler('web')) });
    expect(managers(made)).toEqual(['me Apply autoscaling/v1']);
    const error = await on.fail({
      ...apply,
      query: { fieldManager: 'you' },
      body: bodyOf(autoscaler('web', { targetCPUUtilizationPercentage: 60 })),
    });
    expect([error.code, error.status.details?.causes?.map(({ field }) => field)]).toEqual([409, ['.spec.targetCPUUtilizationPercentage']]);
    const forced = { ...apply, query: { fieldManager: 'you', force: 'true' } };
    await on.call({ ...forced, body: bodyOf(autoscaler('web', { targetCPUUtilizationPercentage: 60 })) });
    expect((await get(v2, 'web')).spec.metrics).toEqual([cpu(60)]);
  });

  test('deletes: with preconditions, dry, one, a collection', async () => {
    const made = await make();
    const remove = (body: object, query = {}) => ({ verb: 'delete', kind: v1, name: 'web', body: bodyOf(body), query }) as const;
    expect((await on.fail(remove({ preconditions: { uid: 'another' } }))).code).toBe(409);
    await on.call(remove({}, { dryRun: 'All' }));
    expect((await get(v2, 'web')).metadata?.uid).toBe(made.metadata?.uid);
    expect(await on.call(remove({}))).toMatchObject({ kind: 'Status', status: 'Success' });
    expect((await on.fail({ verb: 'get', kind: v1, name: 'web' })).message).toBe('horizontalpodautoscalers.autoscaling "web" not found');
    for (const name of ['a', 'b']) {
      await on.call({ verb: 'create', kind: v1, body: jsonBody(autoscaler(name, {}, { labels: { name } })) });
    }
    const gone = await on.run({ verb: 'deletecollection', kind: v1, query: { labelSelector: 'name=a' } });
    expect(gone.as === 'list' && gone.entries.map(({ object }) => `${object.apiVersion} ${object.metadata?.name}`)).toEqual([
      'autoscaling/v1 a',
    ]);
    const left = await on.run({ verb: 'list', kind: v1 });
    expect(left.as === 'list' && left.entries.map(({ object }) => object.metadata?.name)).toEqual(['b']);
  });

  test('watchers of one version share the frames of every event', async () => {
    await make();
    const watch = async (kind: KindDefinition) => {
      const result = await on.run({
        verb: 'watch',
        kind,
        query: { allowWatchBookmarks: 'true', sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' },
      });
      if (result.as !== 'watch') throw new Error('expected a watch');
      return result.frames[Symbol.asyncIterator]();
    };
    const watches = [await watch(v1), await watch(v1), await watch(v2)];
    const next = () => Promise.all(watches.map(async (each) => (await each.next()).value as readonly WatchFrame[]));
    const initial = await next();
    expect(initial.map((frames) => frames.map(frameText))).toEqual(Array(3).fill(['ADDED default/web', 'BOOKMARK end']));
    await on.call({ verb: 'delete', kind: v2, name: 'web' });
    const [one, two, stored] = (await next()).map(([frame]) => frame);
    expect(one).toBe(two);
    const versionOf = (frame: WatchFrame | undefined) => frame && 'entry' in frame && `${frame.type} ${frame.entry.object.apiVersion}`;
    expect([versionOf(one), versionOf(stored)]).toEqual(['DELETED autoscaling/v1', 'DELETED autoscaling/v2']);
    for (const each of watches) await each.return?.();
  });
});

describe('Events of events.k8s.io/v1', () => {
  const regarding = { kind: 'Pod', namespace: 'default', name: 'web' };
  const event = (name: string, more: object = {}): KubeObject => ({
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name, namespace: 'default' },
    ...{
      eventTime: '2026-11-20T08:00:00.000000Z',
      type: 'Normal',
      reason: 'Pulled',
      action: 'Pulling',
      note: 'pulled the image',
      reportingController: 'kubelet',
      reportingInstance: 'kubelet-n1',
      regarding,
      ...more,
    },
  });
  const old: KubeObject = {
    metadata: { name: 'old', namespace: 'default' },
    ...{
      involvedObject: { ...regarding, name: 'db' },
      reason: 'Killing',
      message: 'stopped',
      type: 'Warning',
      count: 2,
      source: { component: 'kubelet' },
    },
  };

  test('are those of the core group under other names, both ways', async () => {
    await on.call({ verb: 'create', kind: newer, body: jsonBody(event('new')) });
    await on.call({ verb: 'create', kind: core, body: bodyOf(old) });
    expect(await get(core, 'new')).toMatchObject({
      apiVersion: 'v1',
      involvedObject: regarding,
      message: 'pulled the image',
      reportingComponent: 'kubelet',
    });
    expect(await get(newer, 'old')).toMatchObject({
      apiVersion: 'events.k8s.io/v1',
      note: 'stopped',
      deprecatedCount: 2,
      deprecatedSource: { component: 'kubelet' },
    });
  });

  test('new ones are judged more strictly than those of the core group', async () => {
    const error = await on.fail({
      verb: 'create',
      kind: newer,
      body: jsonBody(event('new', { eventTime: undefined, deprecatedCount: 2 })),
    });
    expect(error.status.details?.causes?.map(({ field }) => field)).toEqual(expect.arrayContaining(['eventTime', 'count']));
    await on.call({ verb: 'create', kind: newer, body: jsonBody(event('new')) });
    const changed = event('new', { note: 'another' });
    expect((await on.fail({ verb: 'update', kind: newer, name: 'new', body: jsonBody(changed) })).code).toBe(422);
  });

  test('a recorder counts repetitions by a patch of the series, and a PUT creates what is gone', async () => {
    await on.call({ verb: 'create', kind: newer, body: jsonBody(event('new')) });
    const series = { count: 2, lastObservedTime: '2026-11-20T08:00:01.000000Z' };
    const patch = { verb: 'patch', kind: newer, name: 'new', patchType: 'application/strategic-merge-patch+json' } as const;
    expect(await on.call({ ...patch, body: jsonBody({ series }) })).toMatchObject({ series });
    expect(await get(core, 'new')).toMatchObject({ series });
    const put = await on.run({ verb: 'update', kind: newer, name: 'gone', body: jsonBody(event('gone')) });
    expect(put.as === 'object' && put.code).toBe(201);
  });

  test.each([
    ['regarding.name=web', ['new']],
    ['regarding.kind=Pod', ['new', 'old']],
    ['reason=Killing', ['old']],
    ['type!=Warning', ['new']],
    ['reportingController=kubelet', ['new']],
    ['metadata.name=old', ['old']],
    ['metadata.namespace=default,regarding.name=db', ['old']],
  ])('lists and watches by %s', async (fieldSelector, wanted) => {
    const watched = await on.run({ verb: 'watch', kind: newer, query: { fieldSelector } });
    await on.call({ verb: 'create', kind: newer, body: jsonBody(event('new')) });
    await on.call({ verb: 'create', kind: core, body: bodyOf(old) });
    const listed = await on.run({ verb: 'list', kind: newer, query: { fieldSelector } });
    expect(listed.as === 'list' && listed.entries.map(({ object }) => object.metadata?.name)).toEqual(wanted);
    if (watched.as !== 'watch') throw new Error('expected a watch');
    const seen: string[] = [];
    for await (const frames of watched.frames) {
      seen.push(...frames.map(frameText));
      if (seen.length >= wanted.length) break;
    }
    expect(seen).toEqual(wanted.map((name) => `ADDED default/${name}`));
  });

  test.each(['involvedObject.name=web', 'reportingComponent=kubelet'])('%s is no field of this version', async (fieldSelector) => {
    expect((await on.fail({ verb: 'list', kind: newer, query: { fieldSelector } })).message).toContain('field label not supported');
  });

  test('pages are one snapshot, also of the past', async () => {
    for (const name of ['a', 'b', 'c']) await on.call({ verb: 'create', kind: newer, body: jsonBody(event(name)) });
    const first = await on.run({ verb: 'list', kind: newer, query: { limit: '2' } });
    await on.call({ verb: 'delete', kind: core, name: 'c' });
    if (first.as !== 'list') throw new Error('expected a list');
    const rest = await on.run({ verb: 'list', kind: newer, query: { limit: '2', continue: first.continue ?? '' } });
    const names = [first, rest].flatMap((page) => (page.as === 'list' ? page.entries : [])).map(({ object }) => object.metadata?.name);
    expect(names).toEqual(['a', 'b', 'c']);
    expect(rest.as === 'list' && rest.entries[0]?.object.apiVersion).toBe('events.k8s.io/v1');
  });
});
