// PodTopologyLabels: a pod that is bound has the zone and region of its node as labels.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#podtopologylabels
import type { Draft, KubeObject, V1Binding, V1Pod } from '../../api/mod.ts';
import { isNewPod } from './attributes.ts';
import type { AdmissionPlugin } from './chain.ts';

const topologyLabels = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'] as const;

/** The node of a pod whose create or binding names one; static pods come with theirs. */
export const podTopologyLabels = (nodes: { readonly get: (name: string) => KubeObject | undefined }): AdmissionPlugin => ({
  name: 'PodTopologyLabels',
  mutate: (attributes, draft) => {
    if (!draft) return;
    const isBinding = attributes.kind.group === '' && attributes.kind.resource === 'pods' && attributes.subresource === 'binding';
    if (!isBinding && !isNewPod(attributes)) return;
    const nodeName = isBinding ? (draft as Draft<V1Binding>).target?.name : (draft as Draft<V1Pod>).spec?.nodeName;
    if (!nodeName) return;
    const labels = nodes.get(nodeName)?.metadata?.labels ?? {};
    for (const key of topologyLabels) {
      const value = labels[key];
      if (value === undefined) continue;
      draft.metadata ??= {};
      draft.metadata.labels = { ...draft.metadata.labels, [key]: value };
    }
  },
});
