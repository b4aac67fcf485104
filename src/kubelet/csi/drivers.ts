// The storage drivers of this node, by name, as they register and go.
import { join } from 'node:path';
import type { Clock } from '../../base/mod.ts';
import type { Plugin, PluginHandler } from '../plugins/registry.ts';
import { type CsiClient, createCsiClient } from './client.ts';
import type { DriverRecords } from './node-info.ts';

export interface Drivers {
  /** Undefined: no such driver on this node. */
  get(name: string): CsiClient | undefined;
  /** Called with the name of a driver that has just come. Returns what removes the handler. */
  onRegistered(handler: (name: string) => void): () => void;
  readonly handler: PluginHandler;
  close(): void;
}

export interface DriversOptions {
  readonly clock: Clock;
  /** Where the node tells of its drivers. */
  readonly records: DriverRecords;
  /** Of each call. */
  readonly deadlineMs?: number | undefined;
}

export function createDrivers({ clock, records, deadlineMs }: DriversOptions): Drivers {
  const found = new Map<string, { readonly endpoint: string; readonly client: CsiClient }>();
  const handlers = new Set<(name: string) => void>();
  return {
    get: (name) => found.get(name)?.client,
    onRegistered(handler) {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
    handler: {
      problem({ name, versions }: Plugin) {
        if (name === '') return 'the plugin has no name';
        if (versions.some((version) => /^v?1\./.test(version))) return undefined;
        return `none of the CSI versions reported by driver ${name} are supported: got ${versions.join(', ')}, want 1.x`;
      },
      async register({ name, endpoint }, signal) {
        const client = createCsiClient({ socketPath: join(endpoint), clock, deadlineMs });
        try {
          await records.add(name, await client.info(signal), signal);
        } catch (error) {
          client.close();
          throw error;
        }
        const before = found.get(name);
        found.set(name, { endpoint, client });
        before?.client.close();
        for (const handler of handlers) handler(name);
      },
      async deregister({ name, endpoint }) {
        const own = found.get(name);
        // Another one has come in its place.
        if (own && own.endpoint !== endpoint) return;
        own?.client.close();
        found.delete(name);
        await records.remove(name);
      },
    },
    close() {
      for (const { client } of found.values()) client.close();
      found.clear();
    },
  };
}
