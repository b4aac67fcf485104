import { describe, expect, test } from 'vitest';
import type { V1Pod } from '../../api/mod.ts';
import { parseQuery } from '../http/request-info.ts';
import { kubeletOrigin } from './node-connection.ts';
import { type Connect, targetOf } from './target.ts';

const pod = (containers: string[], more: object = {}): V1Pod =>
  ({
    metadata: { name: 'web', namespace: 'dev' },
    spec: { nodeName: 'n1', containers: containers.map((name) => ({ name })), ...more },
  }) as unknown as V1Pod;

const target = (connect: Connect, query: string, of = pod(['app'])) => targetOf(connect, of, parseQuery(query)).target;

describe('targetOf()', () => {
  test.each<[Connect, string, string]>([
    ['log', '', '/containerLogs/dev/web/app'],
    ['log', 'container=app&follow=true&previous=false&tailLines=0', '/containerLogs/dev/web/app?follow=true&tailLines=0'],
    [
      'log',
      'timestamps=true&sinceTime=2026-01-01T00:00:00Z&limitBytes=5&insecureSkipTLSVerifyBackend=true',
      '/containerLogs/dev/web/app?timestamps=true&sinceTime=2026-01-01T00%3A00%3A00Z&limitBytes=5',
    ],
    [
      'exec',
      'command=sh&command=-c&command=echo+hi&stdin=true&stdout=true&tty=true',
      '/exec/dev/web/app?input=1&output=1&tty=1&command=sh&command=-c&command=echo+hi',
    ],
    ['exec', 'command=ls&stdout=1&stderr=1&stdin=false', '/exec/dev/web/app?output=1&error=1&command=ls'],
    ['attach', 'stdin=1&stdout=1&command=ignored', '/attach/dev/web/app?input=1&output=1'],
    ['portforward', '', '/portForward/dev/web'],
    ['portforward', 'ports=80&ports=443', '/portForward/dev/web?port=80%2C443'],
  ])('%s?%s', (connect, query, wanted) => {
    expect(target(connect, query)).toBe(wanted);
  });

  test('init and ephemeral containers may be named', () => {
    const of = pod(['app'], { initContainers: [{ name: 'prepare' }], ephemeralContainers: [{ name: 'debug' }] });
    expect(target('log', 'container=prepare', of)).toBe('/containerLogs/dev/web/prepare');
    expect(target('exec', 'container=debug', of)).toBe('/exec/dev/web/debug');
  });

  test.each<[Connect, string, V1Pod, string]>([
    ['log', 'container=x', pod(['app']), 'container x is not valid for pod web'],
    ['log', '', pod(['a', 'b']), 'a container name must be specified for pod web, choose one of: [a b]'],
    [
      'exec',
      '',
      pod(['a', 'b'], { initContainers: [{ name: 'i' }] }),
      'a container name must be specified for pod web, choose one of: [a b] or one of the init containers: [i]',
    ],
    ['log', '', pod([]), 'a container name must be specified for pod web'],
    ['exec', '', pod(['a'], { nodeName: '' }), 'pod web does not have a host assigned'],
    ['portforward', '', pod(['a'], { nodeName: undefined }), 'pod web does not have a host assigned'],
    ['log', 'tailLines=x', pod(['a']), 'strconv.ParseInt: parsing "x": invalid syntax'],
    ['log', 'tailLines=-1', pod(['a']), 'PodLogOptions "web" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0'],
    ['log', 'sinceSeconds=0', pod(['a']), 'PodLogOptions "web" is invalid: sinceSeconds: Invalid value: 0: must be greater than 0'],
    [
      'log',
      'sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z',
      pod(['a']),
      'PodLogOptions "web" is invalid: : Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified',
    ],
  ])('%s?%s of a pod is refused', (connect, query, of, message) => {
    expect(() => targetOf(connect, of, parseQuery(query))).toThrow(message);
  });

  test('the log of a pod without a node is nowhere', () => {
    expect(targetOf('log', pod(['a'], { nodeName: undefined }), {}).nodeName).toBeUndefined();
  });
});

test.each([
  [
    [
      { type: 'Hostname', address: 'h' },
      { type: 'InternalIP', address: '10.0.0.1' },
    ],
    4194,
    'https://10.0.0.1:4194',
  ],
  [[{ type: 'Hostname', address: 'h' }], undefined, 'https://h:10250'],
  [[{ type: 'InternalIP', address: 'fd00::1' }], 1, 'https://[fd00::1]:1'],
  [[], 1, undefined],
])('kubeletOrigin() of %j at port %s', (addresses, port, wanted) => {
  const daemonEndpoints = port === undefined ? {} : { kubeletEndpoint: { Port: port } };
  expect(kubeletOrigin({ status: { addresses, daemonEndpoints } })).toBe(wanted);
});
