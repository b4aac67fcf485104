// The whole API server without a socket, as fuzz tests ask it: all built-in kinds over the real core, every unexpected error kept.
import { servedKinds } from '../../api/mod.ts';
import { type Logger, SeededRandom, silentLogger, VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { BodyError } from '../../base/ports/http-server-request.ts';
import { openMemoryStore } from '../../store/mod.ts';
import { createEdge } from '../core.fake.ts';
import { createApiCore } from '../core.ts';
import type { EdgeResponse } from '../http/exchange.ts';
import { apiForms } from '../http/forms.ts';
import { apiOpenApi } from '../openapi/openapi.ts';
import { createPipeline } from '../pipeline.ts';
import { createRoutes } from '../routes.ts';
import type { HostileRequest } from './hostile-requests.ts';

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** What was thrown that is no API error. */
  readonly unexpected: readonly unknown[];
}

export interface HostileServer {
  ask(request: Partial<HostileRequest> & Pick<HostileRequest, 'method' | 'target'>): Promise<Answer>;
  stop(): Promise<void>;
}

/** Turns of the event loop that a request may take before time is moved on for it. */
const patienceTurns = 20;

export async function startHostileServer(): Promise<HostileServer> {
  const clock = new VirtualClock({ settle: turn });
  const stopping = new AbortController();
  const store = openMemoryStore();
  const random = new SeededRandom(1);
  let unexpected: unknown[] = [];
  const log: Logger = { ...silentLogger, error: (_message, fields) => unexpected.push(fields?.cause ?? fields), with: () => log };
  const core = await createApiCore({
    store,
    kinds: servedKinds,
    clock,
    random,
    log,
    serviceCidr: '10.96.0.0/16',
    signal: stopping.signal,
  });
  const { options } = createEdge({ clock });
  const parts = { ...options, clock, log, core, forms: apiForms, openApi: apiOpenApi, metrics: () => '' };
  const serve = createPipeline({ ...parts, dispatch: createRoutes(parts) });

  /** Waits for `work`; moves the clock when nothing else would bring it on. */
  async function settled<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const mark = () => {
      done = true;
    };
    work.then(mark, mark);
    for (let turns = 0; !done; turns++) {
      await turn();
      if (turns < patienceTurns) continue;
      // Parts that are loaded when they are first needed come from the disk: real time.
      await new Promise((resolve) => setTimeout(resolve, 1));
      await clock.advance(1_000);
      if (turns > patienceTurns + 2_000) throw new Error('the request is never answered');
    }
    return work;
  }

  return {
    async ask({ method, target, headers = {}, body = new Uint8Array() }) {
      unexpected = [];
      const client = new AbortController();
      const answered = await settled(
        serve({
          method,
          target,
          headers: { authorization: 'Bearer admin-token', ...headers },
          remoteAddress: '',
          peerCertificate: undefined,
          signal: client.signal,
          readBody: async (limit) => {
            if (body.length > limit) throw new BodyError('tooLarge', `The body is larger than ${limit} bytes`);
            return body;
          },
        }),
      );
      const text = await settled(readSome(answered, client));
      answered.finished?.();
      return { status: answered.status, text, unexpected };
    },
    async stop() {
      stopping.abort();
      await core.stopped();
      await store.close();
    },
  };
}

/** The body; of a watch what it gives at once. */
async function readSome({ body }: EdgeResponse, client: AbortController): Promise<string> {
  if (body.as === 'bytes') return Buffer.from(body.bytes).toString('utf8');
  if (body.as === 'upgrade') body.abandon?.();
  if (body.as !== 'stream') return '';
  const chunks: Uint8Array[] = [];
  const leave = setImmediate(() => setImmediate(() => client.abort(new Error('the client has gone'))));
  try {
    for await (const batch of body.batches) chunks.push(...batch);
  } catch (error) {
    if (!client.signal.aborted) throw error;
  } finally {
    clearImmediate(leave);
  }
  return Buffer.concat(chunks).toString('utf8');
}
