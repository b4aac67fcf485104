// The index of pods by the claims that they use, for the controllers that look at claims.
import { claimNamesOf, type V1Pod } from '../../api/mod.ts';
import type { Informer } from '../../client/mod.ts';

/** Its values are `namespace/name` of the claims. */
export const podsByClaim = 'claim';

export const indexPodsByClaim = (pods: Informer<V1Pod>): void =>
  pods.addIndex(podsByClaim, (pod) => claimNamesOf(pod).map((name) => `${pod.metadata.namespace}/${name}`));
