import { describe, expect, test } from 'vitest';
import { parseCommand } from './args.ts';
import { CommandError } from './flags.ts';

const root = { isRoot: true, homeDir: '/root' };
const plain = {
  do: 'apiserver',
  dataDir: '/var/lib/minke',
  port: undefined,
  bindAddress: '127.0.0.1',
  serviceCidr: undefined,
  store: 'lmdb',
  enableAdmission: [],
  disableAdmission: [],
  tokenFile: undefined,
  anonymous: undefined,
  authorization: ['Node', 'RBAC'],
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
    { words: ['--store', 'memory', '--data-dir=d'], want: { ...plain, store: 'memory', dataDir: 'd' } },
    { words: ['--max-requests-inflight=10', '--max-mutating-requests-inflight=5'], want: { ...plain, requestsInFlightMax: 15 } },
    { words: ['--anonymous-auth'], want: { ...plain, anonymous: true } },
    { words: ['--anonymous-auth=false', '--detach'], want: { ...plain, anonymous: false, detach: true } },
    { words: ['--authorization-mode=AlwaysAllow'], want: { ...plain, authorization: ['AlwaysAllow'] } },
    { words: ['--token-auth-file=t.csv'], want: { ...plain, tokenFile: 't.csv' } },
    {
      words: ['--enable-admission-plugins=NodeRestriction, Priority', '--disable-admission-plugins', 'ServiceAccount'],
      want: { ...plain, enableAdmission: ['NodeRestriction', 'Priority'], disableAdmission: ['ServiceAccount'] },
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
    { words: ['--help'], want: { do: 'help', topic: 'apiserver' } },
  ])('$words', ({ words, want }) => {
    expect(parseCommand(['apiserver', ...words], root)).toEqual(want);
  });

  test.each([
    { words: ['--port=1'], says: "minke apiserver: Unknown option '--port'. See `minke help apiserver`." },
    { words: ['--secure-port=0'], says: '--secure-port: got "0", wants an integer from 1 to 65535.' },
    { words: ['--bind-address=localhost'], says: '--bind-address: got "localhost", wants an IP address' },
    { words: ['--service-cluster-ip-range=10.0.0.1/16'], says: 'which has host bits set; did you mean 10.0.0.0/16?' },
    { words: ['--store=etcd'], says: '--store: got "etcd", wants one of lmdb, memory.' },
    { words: ['--anonymous-auth=maybe'], says: '--anonymous-auth: got "maybe", wants true or false.' },
    { words: ['--authorization-mode=ABAC'], says: '--authorization-mode: got "ABAC", wants one of AlwaysAllow, AlwaysDeny, Node, RBAC.' },
    { words: ['--authorization-mode='], says: '--authorization-mode: got nothing' },
    { words: ['--authorization-mode=RBAC,RBAC'], says: 'got "RBAC" twice' },
    { words: ['--token-auth-file='], says: '--token-auth-file: got nothing' },
    { words: ['--runtime-config=nonsense'], says: '--runtime-config: got "nonsense", wants GROUP/VERSION=true' },
    { words: ['--runtime-config=v1=perhaps'], says: '--runtime-config: got "v1=perhaps"' },
    { words: ['extra'], says: "Unexpected argument 'extra'" },
  ])('$words is refused in one sentence', ({ words, says }) => {
    expect(() => parseCommand(['apiserver', ...words], root)).toThrow(CommandError);
    expect(() => parseCommand(['apiserver', ...words], root)).toThrow(says);
  });
});
