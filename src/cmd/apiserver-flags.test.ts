import { describe, expect, test } from 'vitest';
import { parseCommand } from './args.ts';
import { CommandError } from './flags.ts';

const root = { isRoot: true, homeDir: '/root' };
const access = {
  audit: {
    policyFile: undefined,
    logPath: undefined,
    logBytesMax: 104_857_600,
    logBackupsMax: 10,
    logKeptMs: 0,
    webhookConfigFile: undefined,
  },
  oidc: undefined,
  authenticationConfig: undefined,
  tokenWebhook: undefined,
  authorization: undefined,
  authorizationWebhook: undefined,
  authorizationConfig: undefined,
};
const plain = {
  do: 'apiserver',
  dataDir: '/var/lib/minke',
  port: undefined,
  bindAddress: '127.0.0.1',
  serviceCidr: undefined,
  secondServiceCidr: undefined,
  storage: {
    backend: 'lmdb',
    etcd: undefined,
    history: { ms: 3_600_000, bytes: 2 ** 30 },
    eventTtlSeconds: 3600,
    encryptionConfig: undefined,
  },
  admission: { enabled: [], disabled: [], configFile: undefined },
  tokenFile: undefined,
  bootstrapTokens: false,
  anonymous: undefined,
  access,
  runtimeConfig: [],
  requestsInFlightMax: 600,
  detach: false,
  logLevel: 'info',
};

describe('minke apiserver', () => {
  test.each([
    { words: [], want: plain },
    { words: ['--secure-port=7000', '--bind-address', '0.0.0.0'], want: { ...plain, port: 7000, bindAddress: '0.0.0.0' } },
    { words: ['--bind-address=::1'], want: { ...plain, bindAddress: '::1' } },
    { words: ['--service-cluster-ip-range=10.97.0.0/16'], want: { ...plain, serviceCidr: '10.97.0.0/16' } },
    {
      words: ['--service-cluster-ip-range=10.97.0.0/16,fd00:97::/112'],
      want: { ...plain, serviceCidr: '10.97.0.0/16', secondServiceCidr: 'fd00:97::/112' },
    },
    { words: ['--max-requests-inflight=10', '--max-mutating-requests-inflight=5'], want: { ...plain, requestsInFlightMax: 15 } },
    {
      words: ['--store', 'memory', '--data-dir=d', '--event-ttl=2h'],
      want: { ...plain, storage: { backend: 'memory', etcd: undefined, eventTtlSeconds: 7200, encryptionConfig: undefined }, dataDir: 'd' },
    },
    {
      words: ['--lmdb-history=10m', '--lmdb-history-size=64Mi'],
      want: { ...plain, storage: { ...plain.storage, history: { ms: 600_000, bytes: 2 ** 26 } } },
    },
    { words: ['--anonymous-auth'], want: { ...plain, anonymous: true } },
    { words: ['--anonymous-auth=false', '--detach'], want: { ...plain, anonymous: false, detach: true } },
    { words: ['--authorization-mode=AlwaysAllow'], want: { ...plain, access: { ...access, authorization: ['AlwaysAllow'] } } },
    {
      words: ['--audit-policy-file=/p', '--audit-log-path=/l', '--audit-log-maxsize=1', '--audit-log-maxage=2', '--audit-log-maxbackup=0'],
      want: {
        ...plain,
        access: {
          ...access,
          audit: { ...access.audit, policyFile: '/p', logPath: '/l', logBytesMax: 1_048_576, logKeptMs: 172_800_000, logBackupsMax: 0 },
        },
      },
    },
    {
      words: ['--oidc-issuer-url=https://i', '--oidc-client-id=c', '--oidc-required-claim=a=1', '--oidc-required-claim=b=2'],
      want: {
        ...plain,
        access: {
          ...access,
          oidc: {
            issuerUrl: 'https://i',
            clientId: 'c',
            caFile: undefined,
            usernameClaim: 'sub',
            usernamePrefix: undefined,
            groupsClaim: undefined,
            groupsPrefix: '',
            requiredClaims: { a: '1', b: '2' },
            algorithms: ['RS256'],
          },
        },
      },
    },
    {
      words: [
        '--authentication-token-webhook-config-file=/t',
        '--authorization-webhook-config-file=/a',
        '--authorization-mode=Webhook,RBAC',
      ],
      want: {
        ...plain,
        access: {
          ...access,
          tokenWebhook: { configFile: '/t', cacheMs: 120_000 },
          authorization: ['Webhook', 'RBAC'],
          authorizationWebhook: { configFile: '/a', allowedMs: 300_000, notAllowedMs: 30_000 },
        },
      },
    },
    { words: ['--token-auth-file=/t.csv'], want: { ...plain, tokenFile: '/t.csv' } },
    { words: ['--enable-bootstrap-token-auth'], want: { ...plain, bootstrapTokens: true } },
    {
      words: ['--enable-admission-plugins=NodeRestriction, Priority', '--disable-admission-plugins', 'ServiceAccount'],
      want: { ...plain, admission: { enabled: ['NodeRestriction', 'Priority'], disabled: ['ServiceAccount'], configFile: undefined } },
    },
    {
      words: ['--runtime-config=api/all=false,batch/v1=true,apps/v1/deployments'],
      want: {
        ...plain,
        runtimeConfig: [
          { key: 'api/all', on: false },
          { key: 'batch/v1', on: true },
          { key: 'apps/v1/deployments', on: true },
        ],
      },
    },
    {
      words: ['--etcd-servers=https://a:2379,https://[::1]:2379', '--etcd-cafile=ca', '--etcd-certfile=c', '--etcd-keyfile=k'],
      want: {
        ...plain,
        storage: {
          backend: 'etcd',
          etcd: {
            servers: ['https://a:2379', 'https://[::1]:2379'],
            caFile: 'ca',
            certFile: 'c',
            keyFile: 'k',
            prefix: '/registry',
            compactionIntervalMs: 300_000,
          },
          eventTtlSeconds: 3600,
          encryptionConfig: undefined,
        },
      },
    },
    { words: ['--help'], want: { do: 'help', topic: 'apiserver' } },
  ])('$words', ({ words, want }) => {
    expect(parseCommand(['apiserver', ...words], root)).toEqual(want);
  });

  test.each([
    { words: ['--port=1'], says: "minke apiserver: Unknown option '--port'. See `minke help apiserver`." },
    { words: ['--secure-port=0'], says: '--secure-port: got "0", wants an integer from 1 to 65535.' },
    { words: ['--bind-address=localhost'], says: '--bind-address: got "localhost", wants an IP address' },
    {
      words: ['--service-cluster-ip-range=10.0.0.0/16,10.1.0.0/16'],
      says: 'wants one range, or one of each family such as 10.96.0.0/16,fd00:96::/112',
    },
    { words: ['--service-cluster-ip-range=10.0.0.0/16,fd00::/16'], says: 'wants an IPv6 range with a prefix of 108 to 124 bits' },
    { words: ['--service-cluster-ip-range=10.0.0.1/16'], says: 'which has host bits set; did you mean 10.0.0.0/16?' },
    { words: ['--store=redis'], says: '--store: got "redis", wants one of lmdb, memory, etcd.' },
    { words: ['--store=etcd'], says: '--store etcd: wants --etcd-servers too' },
    { words: ['--etcd-servers=localhost:2379'], says: '--etcd-servers: got "localhost:2379", wants addresses such as' },
    { words: ['--store=lmdb', '--etcd-prefix=/x'], says: '--etcd-prefix: is for --store etcd only, and the store is lmdb.' },
    { words: ['--etcd-servers=http://e:1', '--etcd-prefix=/x/'], says: '--etcd-prefix: got "/x/", wants a path' },
    { words: ['--etcd-servers=http://e:1', '--etcd-keyfile=k'], says: 'got one of them, wants both or none' },
    { words: ['--store=memory', '--lmdb-history=1h'], says: '--lmdb-history: is for --store lmdb only, and the store is memory.' },
    { words: ['--lmdb-history=0s'], says: '--lmdb-history: got "0s", wants a duration in whole seconds of at least 1 s' },
    { words: ['--lmdb-history-size=much'], says: '--lmdb-history-size: got "much", wants a number of bytes such as 512Mi.' },
    { words: ['--event-ttl=1'], says: '--event-ttl: got "1", wants a duration' },
    { words: ['--anonymous-auth=maybe'], says: '--anonymous-auth: got "maybe", wants true or false.' },
    {
      words: ['--authorization-mode=ABAC'],
      says: '--authorization-mode: got "ABAC", wants one of AlwaysAllow, AlwaysDeny, Node, RBAC, Webhook.',
    },
    { words: ['--oidc-issuer-url=https://i'], says: 'must be specified together' },
    { words: ['--oidc-issuer-url=http://i', '--oidc-client-id=c'], says: 'wants a URL that begins with https://' },
    { words: ['--audit-log-path=-'], says: '--audit-log-path: got "-"' },
    { words: ['--authorization-webhook-cache-authorized-ttl=soon'], says: 'wants a duration' },
    { words: ['--authorization-mode='], says: '--authorization-mode: got nothing' },
    { words: ['--authorization-mode=RBAC,RBAC'], says: 'got "RBAC" twice' },
    { words: ['--token-auth-file='], says: '--token-auth-file: got "", wants the path of a file.' },
    { words: ['--runtime-config=nonsense'], says: '--runtime-config: got "nonsense", wants GROUP/VERSION=true' },
    { words: ['--runtime-config=v1=perhaps'], says: '--runtime-config: got "v1=perhaps"' },
    { words: ['extra'], says: "Unexpected argument 'extra'" },
  ])('$words is refused in one sentence', ({ words, says }) => {
    expect(() => parseCommand(['apiserver', ...words], root)).toThrow(CommandError);
    expect(() => parseCommand(['apiserver', ...words], root)).toThrow(says);
  });
});
