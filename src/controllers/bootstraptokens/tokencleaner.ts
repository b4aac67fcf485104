// Deletes bootstrap tokens when their time is over.
import { readBootstrapToken, secrets as secretType } from '../../api/mod.ts';
import { cacheKeyOf } from '../../client/mod.ts';
import { againAfter, type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { isBootstrapSecret } from './secrets.ts';

export async function runTokenCleaner(context: ControllerContext): Promise<void> {
  const { client, clock, informers } = context;
  const secrets = informers.of(secretType);
  const controller = startController(context, {
    name: 'token-cleaner-controller',
    caches: [cache(secrets)],
    workers: 1,
    reconcile: async (key, signal) => {
      const secret = secrets.get(key);
      if (!secret) return done;
      const expiresMs = readBootstrapToken(secret)?.expiresMs;
      if (expiresMs === undefined) return done;
      const leftMs = expiresMs - clock.nowMs();
      if (leftMs > 0) return againAfter(leftMs);
      await client.delete(secretType, secret.metadata, { preconditions: { uid: secret.metadata.uid }, signal });
      return done;
    },
  });
  controller.on(secrets, ({ next }) => {
    if (next && isBootstrapSecret(next)) controller.queue.add(cacheKeyOf(next));
  });
  await controller.stopped;
}
