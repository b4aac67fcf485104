// The plugins that run only where `--enable-admission-plugins` names them.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/
import {
  type Draft,
  forbidden,
  formatSelector,
  type KubeObject,
  notFound,
  selectorOfLabels,
  type V1Container,
  type V1Pod,
  type V1PodAffinityTerm,
  type V1Toleration,
} from '../../api/mod.ts';
import { isNewPod } from './attributes.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './chain.ts';
import { denyServiceExternalIps } from './networking.ts';
import { podTolerationRestriction } from './pod-toleration-restriction.ts';

export interface OptionalAdmissionOptions {
  readonly namespace: (name: string) => KubeObject | undefined;
}

export const optionalAdmission = (options: OptionalAdmissionOptions): readonly AdmissionPlugin[] =>
  [
    alwaysAdmit,
    namespaceExists(options),
    limitPodHardAntiAffinityTopology,
    alwaysPullImages,
    podNodeSelector(options),
    podTolerationRestriction(options),
    extendedResourceToleration,
    denyServiceExternalIps,
    alwaysDeny,
  ].map((plugin) => ({ ...plugin, optional: true }));

const refuse = ({ kind, name }: AdmissionAttributes, why: string) =>
  forbidden({ group: kind.group, resource: kind.resource, name: name || undefined }, why);

const alwaysAdmit: AdmissionPlugin = { name: 'AlwaysAdmit' };

const deny = (attributes: AdmissionAttributes): never => {
  throw refuse(attributes, 'admission control is denying all modifications');
};
const alwaysDeny: AdmissionPlugin = { name: 'AlwaysDeny', mutate: deny, validate: deny };

/** Without it a delete in a namespace that is not there is answered by the object's own absence. */
const namespaceExists = ({ namespace }: OptionalAdmissionOptions): AdmissionPlugin => ({
  name: 'NamespaceExists',
  validate: ({ kind, namespace: name }) => {
    if (!kind.namespaced || name === undefined || (kind.group === '' && kind.resource === 'namespaces')) return;
    if (!namespace(name)) throw notFound({ group: '', resource: 'namespaces', name });
  },
});

const hostnameLabel = 'kubernetes.io/hostname';

const limitPodHardAntiAffinityTopology: AdmissionPlugin = {
  name: 'LimitPodHardAntiAffinityTopology',
  validate: (attributes, object) => {
    const { kind, subresource, operation } = attributes;
    if (!object || kind.group !== '' || kind.resource !== 'pods' || subresource !== undefined) return;
    if (operation !== 'CREATE' && operation !== 'UPDATE') return;
    const terms: readonly V1PodAffinityTerm[] =
      (object as V1Pod).spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    const wrong = terms.find(({ topologyKey }) => topologyKey !== hostnameLabel);
    if (!wrong) return;
    throw refuse(
      attributes,
      `affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey ${wrong.topologyKey} but only key ${hostnameLabel} is allowed`,
    );
  },
};

/** Nobody runs an image that a node has for somebody else. */
const alwaysPullImages: AdmissionPlugin = {
  name: 'AlwaysPullImages',
  mutate: ({ kind, subresource, operation, old }, draft) => {
    if (!draft || kind.group !== '' || kind.resource !== 'pods' || (operation !== 'CREATE' && operation !== 'UPDATE')) return;
    if (subresource !== undefined && subresource !== 'ephemeralcontainers') return;
    const spec = (draft as Draft<V1Pod>).spec;
    const images = new Set(containersOf((old as V1Pod | undefined)?.spec).map(({ image }) => image));
    // A pod that stands keeps what it has, unless it gets an image that it had not.
    if (operation === 'UPDATE' && containersOf(spec as V1Pod['spec']).every(({ image }) => images.has(image))) return;
    for (const list of [spec?.initContainers, spec?.containers, spec?.ephemeralContainers]) {
      for (const container of list ?? []) container.imagePullPolicy = 'Always';
    }
  },
};

const containersOf = (spec: V1Pod['spec']): readonly Pick<V1Container, 'image'>[] => [
  ...(spec?.initContainers ?? []),
  ...(spec?.containers ?? []),
  ...(spec?.ephemeralContainers ?? []),
];

const nodeSelectorAnnotation = 'scheduler.alpha.kubernetes.io/node-selector';

/** The annotation of the namespace, `a=b,c=d`, as labels. */
function namespaceSelector(namespace: KubeObject | undefined): Readonly<Record<string, string>> {
  const text = namespace?.metadata?.annotations?.[nodeSelectorAnnotation] ?? '';
  const pairs = text
    .split(',')
    .map((pair) => pair.split('=').map((part) => part.trim()))
    .filter(([key = '']) => key !== '');
  return Object.fromEntries(pairs.map(([key = '', value = '']) => [key, value]));
}

/** Pods go where their namespace goes, and may narrow that down. */
const podNodeSelector = ({ namespace }: OptionalAdmissionOptions): AdmissionPlugin => ({
  name: 'PodNodeSelector',
  mutate: (attributes, draft) => {
    const spec = (draft as Draft<V1Pod> | undefined)?.spec;
    if (!spec || !isNewPod(attributes)) return;
    const wanted = namespaceSelector(namespace(attributes.namespace ?? ''));
    const own = spec.nodeSelector ?? {};
    if (Object.entries(wanted).some(([key, value]) => own[key] !== undefined && own[key] !== value)) {
      const [of, its] = [wanted, own].map((labels) => formatSelector(selectorOfLabels(labels)));
      throw refuse(attributes, `pod node label selector conflicts with its namespace node label selector: ${of} and ${its}`);
    }
    if (Object.keys(wanted).length > 0) spec.nodeSelector = { ...own, ...wanted };
  },
});

/** A pod that asks for an extended resource tolerates the nodes that are kept for it. */
const extendedResourceToleration: AdmissionPlugin = {
  name: 'ExtendedResourceToleration',
  mutate: (attributes, draft) => {
    const spec = (draft as Draft<V1Pod> | undefined)?.spec;
    if (!spec || !isNewPod(attributes)) return;
    const asked = [...spec.containers, ...(spec.initContainers ?? [])].flatMap(({ resources }) => Object.keys(resources?.requests ?? {}));
    const extended = [...new Set(asked)].filter((name) => name.includes('/') && !name.includes('kubernetes.io/')).sort();
    const standing = spec.tolerations ?? [];
    const has = (key: string) => standing.some((each: V1Toleration) => each.key === key && each.operator === 'Exists' && !each.effect);
    const more = extended.filter((key) => !has(key)).map((key) => ({ key, operator: 'Exists' }));
    if (more.length > 0) spec.tolerations = [...standing, ...more];
  },
};
