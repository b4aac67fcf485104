// The root CA publisher: every namespace has the config map "kube-root-ca.crt", with which pods check the API server.
import { hasReason } from '../../api/mod.ts';
import { cacheKeyOf } from '../../client/mod.ts';
import { type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { isNamespaceTerminating } from '../runtime/pod-control.ts';
import { configMapType, namespaceType } from '../runtime/resource-types.ts';

const name = 'kube-root-ca.crt';
const descriptionKey = 'kubernetes.io/description';
const description =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or ' +
  'kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.';

export interface RootCaContext extends ControllerContext {
  /** The CA bundle, as PEM. */
  readonly rootCaPem: string;
}

export async function runRootCaPublisher(context: RootCaContext): Promise<void> {
  const { client, informers, rootCaPem } = context;
  const namespaces = informers.of(namespaceType);
  const maps = informers.of(configMapType);
  const controller = startController(context, {
    name: 'root-ca-certificate-publisher',
    caches: [cache(namespaces), cache(maps)],
    reconcile: async (namespace, signal) => {
      const of = namespaces.get(namespace);
      if (!of || of.metadata.deletionTimestamp !== undefined) return done;
      const found = maps.get(`${namespace}/${name}`);
      const data = { 'ca.crt': rootCaPem };
      if (!found) {
        const metadata = { name, namespace, annotations: { [descriptionKey]: description } };
        try {
          await client.create(configMapType, { metadata, data }, { signal });
        } catch (error) {
          if (!hasReason(error, 'AlreadyExists') && !isNamespaceTerminating(error)) throw error;
        }
      } else if (found.data?.['ca.crt'] !== rootCaPem || Object.keys(found.data).length !== 1) {
        await client.update(configMapType, { ...found, data }, { signal });
      }
      return done;
    },
  });
  controller.on(namespaces, ({ next }) => {
    if (next) controller.queue.add(cacheKeyOf(next));
  });
  controller.on(maps, ({ old, next }) => {
    const object = next ?? old;
    if (object?.metadata.name === name) controller.queue.add(object.metadata.namespace ?? '');
  });
  await controller.stopped;
}
