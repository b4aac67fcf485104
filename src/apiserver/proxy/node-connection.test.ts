import { expect, test } from 'vitest';
import { createNodeDirectory, type NodeConnection, type NodeRequest } from './node-connection.ts';

const saying = (text: string): NodeConnection => {
  const response = { status: 200, headers: { from: text }, body: (async function* () {})() };
  return { request: async () => response, upgrade: async () => ({ as: 'refused', response }) };
};
const to = (name: string): NodeRequest => ({
  ...{ node: { metadata: { name } }, method: 'GET', target: '/', headers: {} },
  signal: new AbortController().signal,
});

test('a node of this process is called, every other one is dialled', async () => {
  const nodes = createNodeDirectory();
  nodes.attach('sim-0', saying('sim-0'));
  await expect(nodes.request(to('n1'))).rejects.toThrow('the node "n1" is of another process, and there is no way to it');
  nodes.connect(saying('far'));
  const from = async (name: string) => [(await nodes.request(to(name))).headers.from, (await nodes.upgrade(to(name))).as];
  expect(await from('sim-0')).toEqual(['sim-0', 'refused']);
  expect(await from('n1')).toEqual(['far', 'refused']);
});
