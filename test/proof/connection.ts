// One client's connection to the API server: a request at a time, JSON in and out, kept alive.
import https from 'node:https';

export interface Credentials {
  readonly port: number;
  /** PEM, like the others. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const answerMaxMs = 20_000;

export class Connection {
  readonly #credentials: Credentials;
  readonly #agent = new https.Agent({ keepAlive: true, maxSockets: 1 });

  constructor(credentials: Credentials) {
    this.#credentials = credentials;
  }

  /** Rejects when the connection breaks before the whole answer is there. */
  ask(method: string, path: string, body?: unknown): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const request = this.#request(method, path, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(parts).toString('utf8');
          if (!response.complete) return reject(new Error('the answer was cut off'));
          const isJson = response.headers['content-type']?.startsWith('application/json');
          resolve({ status: response.statusCode ?? 0, body: isJson ? JSON.parse(text) : text });
        });
      });
      request.setTimeout(answerMaxMs, () => request.destroy(new Error('no answer in time')));
      request.on('error', reject);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** The lines of a stream; one that is cut off is left out. Ends early when `stopped` says so, which is asked every 50 ms. */
  async *lines(path: string, stopped: () => boolean): AsyncGenerator<string> {
    const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
      const request = this.#request('GET', path, resolve);
      request.on('error', reject);
      request.end();
    });
    const look = setInterval(() => stopped() && response.destroy(), 50);
    try {
      let rest = '';
      for await (const part of response) {
        const lines = (rest + part).split('\n');
        rest = lines.pop() ?? '';
        yield* lines;
      }
    } finally {
      clearInterval(look);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #request(method: string, path: string, answered: (response: import('node:http').IncomingMessage) => void) {
    const headers = { accept: 'application/json', 'content-type': 'application/json' };
    const { port, ...tls } = this.#credentials;
    return https.request({ host: '127.0.0.1', port, ...tls, method, path, headers, agent: this.#agent }, answered);
  }
}
