// Extenders over HTTP: connections are kept, one client an extender, made when it is first asked.
import { type Clock, withDeadline } from '../../base/mod.ts';
import type { HttpClient } from '../../base/ports/http-client.ts';
import type { ExtenderConfiguration } from '../config/extenders.ts';
import type { ExtenderPost } from './extenders.ts';
import { ExtenderError } from './wire.ts';

/** An answer may hold every node of the cluster. */
const answerBytesMax = 64 * 1024 * 1024;

export function createExtenderPost(clock: Clock): { readonly post: ExtenderPost; readonly close: () => void } {
  const clients = new Map<ExtenderConfiguration, HttpClient>();
  const clientOf = async (config: ExtenderConfiguration): Promise<HttpClient> => {
    const { createHttpClient } = await import('../../base/ports/http-client.ts');
    const client = clients.get(config) ?? createHttpClient({ clock, ...(config.tls ? { tls: config.tls } : {}) });
    clients.set(config, client);
    return client;
  };
  return {
    post: (config, verb, body, signal) => {
      const url = `${config.urlPrefix}/${verb}`;
      return withDeadline({ clock, ms: config.httpTimeoutMs, what: `Post ${JSON.stringify(url)}`, signal }, async (own) => {
        const http = await clientOf(config);
        const headers = { 'content-type': 'application/json' };
        const response = await http.request({
          method: 'POST',
          url,
          headers,
          body: JSON.stringify(body),
          signal: own,
          headTimeoutMs: 'none',
        });
        if (response.status !== 200) {
          response.discard();
          throw new ExtenderError(`failed ${verb} with extender at URL ${url}, code ${response.status}`);
        }
        const text = Buffer.from(await response.readAll(answerBytesMax)).toString('utf8');
        try {
          return JSON.parse(text) as unknown;
        } catch (error) {
          throw new ExtenderError(`extender at URL ${url} did not answer JSON`, { cause: error });
        }
      });
    },
    close: () => {
      for (const client of clients.values()) client.close();
    },
  };
}
