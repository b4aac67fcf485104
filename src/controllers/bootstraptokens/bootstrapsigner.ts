// Keeps the signatures of kube-public's `cluster-info` those of the bootstrap tokens that there are.
import { readBootstrapToken, secrets as secretType, type V1ConfigMap } from '../../api/mod.ts';
import { type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { configMapType } from '../runtime/resource-types.ts';
import { signedData } from './plan.ts';
import { bootstrapSecrets, indexBootstrapSecrets, isBootstrapSecret } from './secrets.ts';

const place = { namespace: 'kube-public', name: 'cluster-info' };
const key = `${place.namespace}/${place.name}`;

export async function runBootstrapSigner(context: ControllerContext): Promise<void> {
  const { client, clock, informers } = context;
  const maps = informers.of(configMapType);
  const secrets = informers.of(secretType);
  indexBootstrapSecrets(secrets);
  const controller = startController(context, {
    name: 'bootstrap-signer-controller',
    caches: [cache(maps), cache(secrets)],
    workers: 1,
    reconcile: async (_key, signal) => {
      const map: V1ConfigMap | undefined = maps.get(key);
      if (!map?.data) return done;
      const tokens = bootstrapSecrets(secrets).flatMap((secret) => readBootstrapToken(secret) ?? []);
      const data = signedData(map.data, tokens, clock.nowMs());
      if (data !== map.data) await client.update(configMapType, { ...map, data }, { signal });
      return done;
    },
  });
  controller.on(maps, ({ next }) => {
    if (next?.metadata.name === place.name && next.metadata.namespace === place.namespace) controller.queue.add(key);
  });
  controller.on(secrets, ({ old, next }) => {
    if (isBootstrapSecret(next) || isBootstrapSecret(old)) controller.queue.add(key);
  });
  await controller.stopped;
}
