import { describe, expect, test } from 'vitest';
import { SeededRandom, VirtualClock } from '../../base/mod.ts';
import type { Client } from '../../client/mod.ts';
import { SchedulerCache } from '../cache.ts';
import { pluginsAt } from '../framework.ts';
import { createProfiles, readSchedulerConfiguration } from '../registry.ts';
import { makeInformers, makeNode, makePod } from '../testing.fake.ts';
import { tryPod } from '../why.ts';
import { withFiles } from './configuration.ts';

const head = { apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration' };
const options = {
  client: {} as Client,
  clock: new VirtualClock({ settle: async () => {} }),
  random: new SeededRandom(1),
  informers: makeInformers([]),
};
const profilesOf = (profiles: readonly object[]) => createProfiles(options, readSchedulerConfiguration({ ...head, profiles }));
const profileOf = (profile: object) => {
  const [first] = profilesOf([{ schedulerName: 'a', ...profile }]);
  if (!first) throw new Error('no profile');
  return first;
};
const weightsOf = (profile: object) =>
  Object.fromEntries(profileOf(profile).plugins.flatMap(({ plugin, weight }) => (plugin.score ? [[plugin.name, weight]] : [])));
const defaultWeights = {
  TaintToleration: 3,
  NodeAffinity: 2,
  NodeResourcesFit: 1,
  PodTopologySpread: 2,
  InterPodAffinity: 2,
  NodeResourcesBalancedAllocation: 1,
  ImageLocality: 1,
};

describe('which plugins run, and how much they weigh', () => {
  test.each([
    { what: 'nothing said', plugins: {}, want: defaultWeights },
    {
      what: 'a score with another weight',
      plugins: { score: { enabled: [{ name: 'ImageLocality', weight: 9 }] } },
      want: { ...defaultWeights, ImageLocality: 9 },
    },
    {
      what: 'a weight in multiPoint',
      plugins: { multiPoint: { enabled: [{ name: 'ImageLocality', weight: 7 }] } },
      want: { ...defaultWeights, ImageLocality: 7 },
    },
    { what: 'all scores off', plugins: { score: { disabled: [{ name: '*' }] }, preScore: { disabled: [{ name: '*' }] } }, want: {} },
    {
      what: 'all off but one, which counts once',
      plugins: { score: { disabled: [{ name: '*' }], enabled: [{ name: 'TaintToleration' }] } },
      want: { TaintToleration: 1 },
    },
    {
      what: 'off at one point: the others go on',
      plugins: { score: { disabled: [{ name: 'NodeResourcesFit' }] } },
      want: Object.fromEntries(Object.entries(defaultWeights).filter(([name]) => name !== 'NodeResourcesFit')),
    },
  ])('$what', ({ plugins, want }) => {
    expect(weightsOf({ plugins })).toEqual(want);
    const fit = profileOf({ plugins }).plugins.find(({ plugin }) => plugin.name === 'NodeResourcesFit');
    expect(fit?.plugin.filter).toBeDefined();
  });

  test('a plugin that is off in multiPoint does not run at all', () => {
    const { plugins } = profileOf({ plugins: { multiPoint: { disabled: [{ name: 'TaintToleration' }] } } });
    expect(plugins.map(({ plugin }) => plugin.name)).not.toContain('TaintToleration');
  });

  test('each profile has its own percentage, or that of all', () => {
    const profiles = [{ schedulerName: 'a', percentageOfNodesToScore: 40 }, { schedulerName: 'b' }];
    const configuration = readSchedulerConfiguration({ ...head, percentageOfNodesToScore: 70, profiles });
    expect(createProfiles(options, configuration).map((one) => one.percentageOfNodesToScore)).toEqual([40, 70]);
  });
});

describe('what is wrong is told by field, value and what is wanted', () => {
  const inProfile = (profile: object) => ({ ...head, profiles: [{ schedulerName: 'a', ...profile }] });
  const withArgs = (name: string, args: object) => inProfile({ pluginConfig: [{ name, args }] });
  const at = 'profiles[0].pluginConfig[0].args';
  test.each([
    [{ ...head, apiVersion: 'v1' }, 'apiVersion: Invalid value: "v1": must be kubescheduler.config.k8s.io/v1'],
    [{ ...head, profile: [] }, 'profile: Invalid value: []: unknown field'],
    [{ ...head, profiles: [{}] }, 'profiles[0].schedulerName: Required value'],
    [{ ...head, profiles: [{ schedulerName: 'a' }, { schedulerName: 'a' }] }, 'profiles[1].schedulerName: Duplicate value: "a"'],
    [
      { ...head, podInitialBackoffSeconds: 5, podMaxBackoffSeconds: 2 },
      'podMaxBackoffSeconds: Invalid value: 2: must be greater than or equal to PodInitialBackoffSeconds',
    ],
    [{ ...head, percentageOfNodesToScore: 101 }, 'percentageOfNodesToScore: Invalid value: 101: must be an integer from 0 to 100'],
    [
      inProfile({ plugins: { score: { enabled: [{ name: 'Nope' }] } } }),
      'profiles[0].plugins.score.enabled[0].name: Invalid value: "Nope": no such plugin; there are SchedulingGates, ',
    ],
    [
      inProfile({ plugins: { bind: { enabled: [{ name: 'NodeName' }] } } }),
      'profiles[0].plugins.bind.enabled[0].name: Invalid value: "NodeName": takes no part in bind',
    ],
    [
      inProfile({ plugins: { preFilter: { disabled: [{ name: 'InterPodAffinity' }] } } }),
      'profiles[0].plugins.preFilter.disabled: Invalid value: "InterPodAffinity": the filter of InterPodAffinity is enabled and needs it',
    ],
    [
      inProfile({ plugins: { bind: { disabled: [{ name: '*' }] } } }),
      'profiles[0].plugins.bind: Required value: at least one bind plugin is needed',
    ],
    [
      withArgs('NodeResourcesFit', { scoringStrategy: { type: 'Least' } }),
      `${at}.scoringStrategy.type: Unsupported value: "Least": supported values: "LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"`,
    ],
    [
      withArgs('NodeResourcesFit', { scoringStrategy: { type: 'RequestedToCapacityRatio' } }),
      `${at}.scoringStrategy.requestedToCapacityRatio.shape: Required value: at least one point must be specified`,
    ],
    [
      withArgs('InterPodAffinity', { hardPodAffinityWeight: 200 }),
      `${at}.hardPodAffinityWeight: Invalid value: 200: must be an integer from 0 to 100`,
    ],
    [
      withArgs('PodTopologySpread', { defaultConstraints: [{ maxSkew: 1, topologyKey: 'z', whenUnsatisfiable: 'ScheduleAnyway' }] }),
      'when .defaultingType is System, must be empty',
    ],
    [
      withArgs('VolumeBinding', { shape: [{ utilization: 50, score: 20 }] }),
      `${at}.shape[0].score: Invalid value: 20: must be an integer from 0 to 10`,
    ],
    [withArgs('NodePorts', {}), 'profiles[0].pluginConfig[0].name: Invalid value: "NodePorts": takes no args'],
    [withArgs('VolumeBinding', { bindTimeout: 1 }), `${at}.bindTimeout: Invalid value: 1: unknown field`],
  ])('%j', (value, want) => {
    expect(() => readSchedulerConfiguration(value)).toThrow(want);
  });
});

describe('extenders', () => {
  const of = (...extenders: object[]) => ({ ...head, extenders: extenders.map((one) => ({ urlPrefix: 'http://x', ...one })) });
  test.each([
    [{ ...head, extenders: [{}] }, 'extenders[0].urlPrefix: Required value'],
    [of({ urlPrefix: 'ftp://x' }), 'extenders[0].urlPrefix: Invalid value: "ftp://x": must be an http or https URL'],
    [of({ prioritizeVerb: 'p' }), 'extenders[0].weight: Invalid value: 0: must have a positive weight applied to it'],
    [of({ bindVerb: 'b' }, { bindVerb: 'b' }), 'only one extender can implement bind'],
    [of({ httpTimeout: 'soon' }), 'extenders[0].httpTimeout: Invalid value: "soon": must be a duration such as "5s"'],
    [
      of({ managedResources: [{ name: 'cpu' }] }),
      'extenders[0].managedResources[0].name: Invalid value: "cpu": is an invalid extended resource name',
    ],
    [of({ managedResources: [{ name: 'a.com/b' }, { name: 'a.com/b' }] }), 'duplicate extender managed resource name'],
    [of({ tlsConfig: { caData: 'eA==' } }), 'extenders[0].tlsConfig.caData: Invalid value: "eA==...": must be PEM in base64'],
    [of({ filter: 'x' }), 'extenders[0].filter: Invalid value: "x": unknown field'],
  ])('%j', (value, want) => {
    expect(() => readSchedulerConfiguration(value)).toThrow(want);
  });

  test('what they look after alone is left to them by NodeResourcesFit; a CA comes from its file', async () => {
    const managedResources = [{ name: 'example.com/a', ignoredByScheduler: true }, { name: 'example.com/b' }];
    const configuration = readSchedulerConfiguration(of({ managedResources, enableHTTPS: true, tlsConfig: { caFile: '/ca' } }));
    expect(configuration.profiles[0]?.args.NodeResourcesFit.ignoredResources).toEqual(['example.com/a']);
    const { extenders } = await withFiles(configuration, async (path) => (path === '/ca' ? 'PEM' : undefined));
    expect(extenders[0]?.tls).toMatchObject({ ca: 'PEM', insecure: false });
    await expect(withFiles(configuration, async () => undefined)).rejects.toThrow(
      'extenders[0].tlsConfig.caFile: Invalid value: "/ca": no such file',
    );
  });
});

describe('the order of plugins', () => {
  const namesAt = (plugins: object, point: 'filter' | 'score') =>
    pluginsAt(profileOf({ plugins }), point).flatMap(({ plugin }) => (plugin[point] ? [plugin.name] : []));

  test('what a point names comes first there, in its order, and the others as they were', () => {
    const byDefault = namesAt({}, 'filter');
    const named = ['VolumeZone', 'NodeName'];
    const filter = { enabled: named.map((name) => ({ name })) };
    expect(namesAt({ filter }, 'filter')).toEqual([...named, ...byDefault.filter((name) => !named.includes(name))]);
    expect(namesAt({ filter }, 'score')).toEqual(namesAt({}, 'score'));
  });

  test('what a point adds beyond multiPoint comes last', () => {
    const plugins = { multiPoint: { disabled: [{ name: 'NodeName' }] }, filter: { enabled: [{ name: 'NodeName' }] } };
    expect(namesAt(plugins, 'filter').at(-1)).toBe('NodeName');
  });
});

describe('arguments of plugins', () => {
  const scoresOf = (name: string, args: object, nodes = [makeNode('small', { cpu: '4' }), makeNode('large', { cpu: '16' })]) => {
    const snapshot = new SchedulerCache();
    for (const node of nodes) snapshot.setNode(node);
    const { plugins } = profileOf({ pluginConfig: [{ name, args }] });
    const trial = tryPod(makePod('p', { cpu: '2', memory: '1Gi' }), { plugins, snapshot });
    return Object.fromEntries(trial.scored.map((one) => [one.node, one.scores[name]]));
  };
  const cpu = [{ name: 'cpu', weight: 1 }];

  test.each([
    ['LeastAllocated', {}, { small: 50, large: 87 }],
    ['MostAllocated', {}, { small: 50, large: 12 }],
    [
      'RequestedToCapacityRatio',
      {
        requestedToCapacityRatio: {
          shape: [
            { utilization: 0, score: 0 },
            { utilization: 100, score: 10 },
          ],
        },
      },
      { small: 50, large: 12 },
    ],
    [
      'RequestedToCapacityRatio',
      {
        requestedToCapacityRatio: {
          shape: [
            { utilization: 0, score: 10 },
            { utilization: 50, score: 2 },
            { utilization: 100, score: 0 },
          ],
        },
      },
      { small: 20, large: 81 },
    ],
  ])('NodeResourcesFit by %s', (type, more, want) => {
    expect(scoresOf('NodeResourcesFit', { scoringStrategy: { type, resources: cpu, ...more } })).toEqual(want);
  });

  test('NodeAffinity with an affinity of the profile', () => {
    const nodes = [makeNode('a', { labels: { pool: 'batch' } }), makeNode('b')];
    const term = { matchExpressions: [{ key: 'pool', operator: 'In', values: ['batch'] }] };
    const addedAffinity = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } };
    expect(Object.keys(scoresOf('NodeAffinity', { addedAffinity }, nodes))).toEqual(['a']);
  });

  test('NodeResourcesFit leaves extended resources to others', () => {
    const snapshot = new SchedulerCache();
    snapshot.setNode(makeNode('a'));
    const pod = makePod('p', { containers: [{ name: 'c', image: 'i', resources: { requests: { 'example.com/foo': '1' } } }] });
    const fits = (args: object) =>
      tryPod(pod, { plugins: profileOf({ pluginConfig: [{ name: 'NodeResourcesFit', args }] }).plugins, snapshot }).message;
    expect(fits({})).toBe('0/1 nodes are available: 1 Insufficient example.com/foo.');
    expect(fits({ ignoredResources: ['example.com/foo'] })).toBe('');
    expect(fits({ ignoredResourceGroups: ['example.com'] })).toBe('');
  });
});
