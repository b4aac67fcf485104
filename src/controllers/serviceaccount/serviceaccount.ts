// The service account controller: every active namespace has the account "default".
import { hasReason } from '../../api/mod.ts';
import { cacheKeyOf } from '../../client/mod.ts';
import { type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { isNamespaceTerminating } from '../runtime/pod-control.ts';
import { namespaceType, serviceAccountType } from '../runtime/resource-types.ts';

const accountName = 'default';

export async function runServiceAccountController(context: ControllerContext): Promise<void> {
  const namespaces = context.informers.of(namespaceType);
  const accounts = context.informers.of(serviceAccountType);
  const controller = startController(context, {
    name: 'service-account-controller',
    caches: [cache(namespaces), cache(accounts)],
    reconcile: async (name, signal) => {
      const namespace = namespaces.get(name);
      if (!namespace || namespace.metadata.deletionTimestamp !== undefined || namespace.status?.phase === 'Terminating') return done;
      if (accounts.get(`${name}/${accountName}`)) return done;
      try {
        await context.client.create(serviceAccountType, { metadata: { name: accountName, namespace: name } }, { signal });
      } catch (error) {
        if (!hasReason(error, 'AlreadyExists') && !isNamespaceTerminating(error)) throw error;
      }
      return done;
    },
  });
  controller.on(namespaces, ({ next }) => {
    if (next) controller.queue.add(cacheKeyOf(next));
  });
  controller.on(accounts, ({ old, next }) => {
    if (!next && old?.metadata.name === accountName) controller.queue.add(old.metadata.namespace ?? '');
  });
  await controller.stopped;
}
