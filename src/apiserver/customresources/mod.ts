// Custom resources: kinds that are served because a CustomResourceDefinition says so.
import { customresourcedefinitions, type KindDefinition, qualifiedResource } from '../../api/mod.ts';
import { onAbort } from '../../base/mod.ts';
import type { Registry } from '../registry/registry.ts';
import { prefixOf } from '../registry/resource.ts';
import type { WatchCache } from '../watch-cache/mod.ts';
import { type WebhookClient, type WebhookClientParts, webhookClientOf } from '../webhooks/mod.ts';
import { type DefinitionController, followDefinitions, serveEstablished } from './controller.ts';
import { createConverter } from './conversion.ts';
import { ServedResources } from './served.ts';

export { definitionHooks } from './hooks.ts';
export type { ServedResources } from './served.ts';

/** How the hooks of definitions are found. */
export const definitionsName = qualifiedResource(customresourcedefinitions);

/** Undefined where no definitions are stored. */
export function createServedResources(
  cache: WatchCache,
  stored: readonly KindDefinition[],
  webhooks: Omit<WebhookClientParts, 'registry'> & { readonly registry: () => Registry; readonly signal: AbortSignal },
): ServedResources | undefined {
  if (!stored.some((kind) => qualifiedResource(kind) === definitionsName)) return undefined;
  const { signal, random } = webhooks;
  let client: WebhookClient | undefined;
  const clientNow = (): WebhookClient => {
    if (client) return client;
    const made = webhookClientOf({ ...webhooks, registry: webhooks.registry() });
    onAbort(signal, () => made.close());
    client = made;
    return made;
  };
  return new ServedResources(cache, cache.of(prefixOf(customresourcedefinitions)), createConverter({ client: clientNow, random, signal }));
}

export interface CustomResourceParts extends Omit<DefinitionController, 'definitions'> {
  readonly registry: Registry;
}

/** Resolves when everything is served that was when the server stopped; goes on until the signal fires. */
export async function startCustomResources({ registry, ...parts }: CustomResourceParts): Promise<void> {
  const definitions = registry.find(customresourcedefinitions);
  if (!definitions) return;
  const controller: DefinitionController = { ...parts, definitions };
  await serveEstablished(controller);
  parts.tasks.run('custom resources', parts.context.signal, () => followDefinitions(controller));
}

/** The built-in kinds and those that users define; the same list for as long as these do not change. */
export function allKinds(builtIn: readonly KindDefinition[], custom: ServedResources | undefined): () => readonly KindDefinition[] {
  let last: readonly KindDefinition[] = [];
  let all = builtIn;
  return () => {
    const now = custom?.kinds ?? [];
    if (now.length === 0) return builtIn;
    if (now !== last) {
      last = now;
      all = [...builtIn, ...now];
    }
    return all;
  };
}
