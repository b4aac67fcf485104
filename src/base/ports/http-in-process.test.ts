import { expect, test } from 'vitest';
import { exchangeInProcess, type InProcessHandler } from './http-in-process.ts';

const asking = (signal: AbortSignal = new AbortController().signal) => ({
  method: 'GET',
  target: '/a?b=1',
  headers: { accept: 'x' },
  signal,
});
const textOf = async (body: AsyncIterable<Uint8Array>) => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
};

test('the handler sees the request, the caller its answer', async () => {
  const handle: InProcessHandler = async (request, response) => {
    response.head(201, { 'content-length': 5 });
    await response.write([Buffer.from(request.target.slice(0, 2)), Buffer.from(request.method)]);
    response.end();
  };
  const { status, headers, body } = await exchangeInProcess(handle, asking());
  expect({ status, headers, text: await textOf(body) }).toEqual({ status: 201, headers: { 'content-length': '5' }, text: '/aGET' });
});

test('a writer waits for its reader, and ends when the reader leaves', async () => {
  let writes = 0;
  let gone = false;
  const handle: InProcessHandler = async (request, response) => {
    response.head(200, {});
    for (; !response.closed; writes++) await response.write([new Uint8Array(64 * 1024)]);
    gone = request.signal.aborted;
  };
  const { body } = await exchangeInProcess(handle, asking());
  for await (const chunk of body) if (chunk.length > 0) break;
  await new Promise((resolve) => setImmediate(resolve));
  expect(gone).toBe(true);
  expect(writes).toBeLessThan(8);
});

test.each<[string, InProcessHandler]>([
  ['throws', () => Promise.reject(new Error('no'))],
  ['breaks off', async (_, response) => response.destroy()],
])('a handler that %s before its head is an error', async (_, handle) => {
  await expect(exchangeInProcess(handle, asking())).rejects.toThrow(/no|broken off/);
});

test('the signal ends the exchange', async () => {
  const controller = new AbortController();
  const answer = exchangeInProcess(async () => {}, asking(controller.signal));
  controller.abort(new Error('stopped'));
  await expect(answer).rejects.toThrow('stopped');
});
