import { describe, expect, test } from 'vitest';
import { type Attributes, firstOpinion, refusal } from './authorizer.ts';
import { createDefaultAuthorizer } from './bootstrap/default-authorizer.ts';

const user = (name: string, ...groups: string[]) => ({ name, groups });
const known = user('jane', 'system:authenticated');
const anonymous = user('system:anonymous', 'system:unauthenticated');
const path = (who: typeof known, verb: string, at: string): Attributes => ({ as: 'path', user: who, verb, path: at });
const resource = (who: typeof known, verb: string, group: string, of: string): Attributes => ({
  as: 'resource',
  user: who,
  verb,
  group,
  version: 'v1',
  resource: of,
  subresource: '',
  namespace: '',
  name: '',
});

describe('the default authorizer', () => {
  const authorizer = createDefaultAuthorizer();

  test.each([
    ['masters may all', resource(user('x', 'system:masters'), 'delete', '', 'nodes'), 'allow'],
    ['the scheduler', resource(user('system:kube-scheduler', 'system:authenticated'), 'delete', '', 'pods'), 'allow'],
    ['others may not read', resource(known, 'get', '', 'pods'), 'noOpinion'],
    ['others may ask about themselves', resource(known, 'create', 'authorization.k8s.io', 'selfsubjectaccessreviews'), 'allow'],
    ['anonymous may not', resource(anonymous, 'create', 'authorization.k8s.io', 'selfsubjectaccessreviews'), 'noOpinion'],
    ['discovery for the known', path(known, 'get', '/apis/apps/v1'), 'allow'],
    ['OpenAPI for the known', path(known, 'get', '/openapi/v3/api/v1'), 'allow'],
    ['only reading', path(known, 'post', '/apis'), 'noOpinion'],
    ['not the metrics', path(known, 'get', '/metrics'), 'noOpinion'],
    ['not what merely begins alike', path(known, 'get', '/apisx'), 'noOpinion'],
    ['health for anybody', path(anonymous, 'get', '/readyz'), 'allow'],
    ['but not each check', path(anonymous, 'get', '/readyz/ping'), 'noOpinion'],
    ['the version for anybody', path(anonymous, 'get', '/version'), 'allow'],
    ['no discovery for anonymous', path(anonymous, 'get', '/api'), 'noOpinion'],
  ])('%s', async (_name, attributes, wanted) => {
    expect((await authorizer.decide(attributes)).decision).toBe(wanted);
  });
});

describe('firstOpinion()', () => {
  const says = (decision: 'allow' | 'deny' | 'noOpinion', reason?: string) => ({
    decide: () => ({ decision, ...(reason ? { reason } : {}) }),
  });
  test.each([
    [[says('noOpinion', 'a'), says('allow', 'b'), says('deny')], { decision: 'allow', reason: 'b' }],
    [[says('deny', 'no'), says('allow')], { decision: 'deny', reason: 'no' }],
    [[says('noOpinion', 'a'), says('noOpinion'), says('noOpinion', 'b')], { decision: 'noOpinion', reason: 'a\nb' }],
    [[], { decision: 'noOpinion' }],
  ])('%#', async (authorizers, wanted) => {
    expect(await firstOpinion(authorizers).decide(path(known, 'get', '/'))).toEqual(wanted);
  });
});

test('a refusal gives the reason', () => {
  expect(refusal(resource(known, 'list', 'apps', 'deployments'), 'RBAC: no').message).toBe(
    'deployments.apps is forbidden: User "jane" cannot list resource "deployments" in API group "apps" at the cluster scope: RBAC: no',
  );
});
