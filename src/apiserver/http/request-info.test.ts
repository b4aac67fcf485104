import { describe, expect, test } from 'vitest';
import { allOf, firstOf, isTrue, parseQuery, parseRequestInfo } from './request-info.ts';

const summary = (method: string, target: string): string => {
  const info = parseRequestInfo(method, target);
  if (info.as === 'path') return `path ${info.verb} ${info.path}`;
  const what = [info.resource, info.subresource].filter((part) => part !== '').join('/');
  return `${info.verb} ${info.group || 'core'}/${info.version} ${what} ns=${info.namespace} name=${info.name}${info.rest.length > 0 ? ` rest=${info.rest}` : ''}`;
};

describe('parseRequestInfo()', () => {
  test.each([
    ['GET', '/api/v1/namespaces', 'list core/v1 namespaces ns= name='],
    ['GET', '/api/v1/namespaces/dev', 'get core/v1 namespaces ns=dev name=dev'],
    ['PUT', '/api/v1/namespaces/dev/status', 'update core/v1 namespaces/status ns=dev name=dev'],
    ['PUT', '/api/v1/namespaces/dev/finalize', 'update core/v1 namespaces/finalize ns=dev name=dev'],
    ['GET', '/api/v1/namespaces/dev/pods', 'list core/v1 pods ns=dev name='],
    ['POST', '/api/v1/namespaces/dev/pods', 'create core/v1 pods ns=dev name='],
    ['DELETE', '/api/v1/namespaces/dev/pods', 'deletecollection core/v1 pods ns=dev name='],
    ['DELETE', '/api/v1/namespaces/dev/pods/x', 'delete core/v1 pods ns=dev name=x'],
    ['PATCH', '/api/v1/namespaces/dev/pods/x', 'patch core/v1 pods ns=dev name=x'],
    ['HEAD', '/api/v1/namespaces/dev/pods/x', 'get core/v1 pods ns=dev name=x'],
    ['OPTIONS', '/api/v1/namespaces/dev/pods/x', ' core/v1 pods ns=dev name=x'],
    ['GET', '/api/v1/namespaces/dev/pods/x/log?follow=true', 'get core/v1 pods/log ns=dev name=x'],
    ['POST', '/api/v1/namespaces/dev/pods/x/exec', 'create core/v1 pods/exec ns=dev name=x'],
    ['GET', '/api/v1/namespaces/dev/pods/x/proxy/a/b', 'get core/v1 pods/proxy ns=dev name=x rest=a,b'],
    ['GET', '/api/v1/pods?watch=true', 'watch core/v1 pods ns= name='],
    ['GET', '/api/v1/pods?watch=1', 'watch core/v1 pods ns= name='],
    ['GET', '/api/v1/pods?watch', 'watch core/v1 pods ns= name='],
    ['GET', '/api/v1/pods?watch=false', 'list core/v1 pods ns= name='],
    ['GET', '/api/v1/namespaces/dev/pods/x?watch=true', 'get core/v1 pods ns=dev name=x'],
    ['GET', '/api/v1/watch/namespaces/dev/pods', 'watch core/v1 pods ns=dev name='],
    ['GET', '/api/v1/watch/pods', 'watch core/v1 pods ns= name='],
    ['GET', '/apis/apps/v1/deployments', 'list apps/v1 deployments ns= name='],
    ['GET', '/apis/apps/v1/namespaces/dev/deployments/web/scale', 'get apps/v1 deployments/scale ns=dev name=web'],
    [
      'GET',
      '/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node',
      'get rbac.authorization.k8s.io/v1 clusterroles ns= name=system:node',
    ],
    [
      'GET',
      '/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode',
      'get rbac.authorization.k8s.io/v1 clusterroles ns= name=system:node',
    ],
    ['GET', '/api', 'path get /api'],
    ['GET', '/api/v1', 'path get /api/v1'],
    ['GET', '/apis/apps', 'path get /apis/apps'],
    ['GET', '/apis/apps/v1', 'path get /apis/apps/v1'],
    ['GET', '/healthz?verbose', 'path get /healthz'],
    ['POST', '/', 'path post /'],
  ])('%s %s', (method, target, wanted) => {
    expect(summary(method, target)).toBe(wanted);
  });

  test('the old watch path of one object selects it by its name', () => {
    expect(parseRequestInfo('GET', '/api/v1/watch/namespaces/dev/pods/x')).toMatchObject({
      verb: 'watch',
      name: '',
      attributeName: 'x',
      query: { fieldSelector: 'metadata.name=x' },
    });
  });

  test.each([
    ['metadata.name=x', 'x'],
    ['metadata.name==x', 'x'],
    ['spec.nodeName=n,metadata.name=x', 'x'],
    ['metadata.name!=x', ''],
    ['spec.nodeName=n', ''],
  ])('a list with field selector %s has the attribute name %j', (selector, wanted) => {
    expect(parseRequestInfo('GET', `/api/v1/pods?fieldSelector=${encodeURIComponent(selector)}`)).toMatchObject({
      attributeName: wanted,
      name: '',
    });
  });

  test('a broken escape is an error', () => {
    expect(() => parseRequestInfo('GET', '/api/v1/pods/%zz')).toThrow(URIError);
  });
});

describe('parseQuery()', () => {
  test('once is a string, more is a list, and names of prototypes are only names', () => {
    const query = parseQuery('a=1&b=x+y&b=%2Fz&__proto__=p&c');
    expect({ ...query }).toEqual({ a: '1', b: ['x y', '/z'], c: '', ['__proto__']: 'p' });
    expect([firstOf(query, 'b'), allOf(query, 'a'), allOf(query, 'b'), allOf(query, 'none')]).toEqual(['x y', ['1'], ['x y', '/z'], []]);
    expect(firstOf(query, 'toString')).toBeUndefined();
  });

  test.each([
    ['', false],
    ['x', true],
    ['x=', true],
    ['x=true', true],
    ['x=1', true],
    ['x=false', false],
    ['x=0', false],
    // As the Python client writes them.
    ['x=False', false],
    ['x=True', true],
  ])('%j is %s', (text, wanted) => {
    expect(isTrue(parseQuery(text), 'x')).toBe(wanted);
  });
});
