import { describe, expect, test } from 'vitest';
import { parseCommand } from './args.ts';
import { CommandError } from './flags.ts';

const root = { isRoot: true, homeDir: '/root' };
const user = { isRoot: false, homeDir: '/home/ada' };
const up = { do: 'up', dataDir: '/var/lib/minke', detach: false, node: true, simulate: 0, logLevel: 'info' };

describe('parseCommand()', () => {
  test.each([
    { words: [], want: { do: 'help' } },
    { words: ['version'], want: { do: 'version' } },
    { words: ['up'], want: up },
    { words: ['up', '--port', '7000', '--detach'], want: { ...up, port: 7000, detach: true } },
    { words: ['up', '--port=7000', '--no-node', '--simulate=5'], want: { ...up, port: 7000, node: false, simulate: 5 } },
    {
      words: ['up', '--service-cidr', '10.97.0.0/16', '--pod-cidr', '10.200.0.0/16'],
      want: { ...up, serviceCidr: '10.97.0.0/16', podCidr: '10.200.0.0/16' },
    },
    { words: ['up', '--log-level', 'debug', '--data-dir', 'x'], want: { ...up, dataDir: 'x', logLevel: 'debug' } },
    { words: ['down', '--clean'], want: { do: 'down', dataDir: '/var/lib/minke', clean: true } },
    { words: ['status', '--data-dir=/d'], want: { do: 'status', dataDir: '/d' } },
    {
      words: ['why', 'pod/web', '-n', 'shop', '-o', 'json', '--data-dir=/d'],
      want: { do: 'why', dataDir: '/d', kubeconfig: undefined, namespace: 'shop', name: 'web', all: false, json: true },
    },
    { words: ['image', 'import', 'a.tar'], want: { do: 'imageImport', dataDir: '/var/lib/minke', file: 'a.tar' } },
    { words: ['image', 'build', 'dir', '-t', 'a:1'], want: { do: 'imageBuild', dataDir: '/var/lib/minke', dir: 'dir', tag: 'a:1' } },
    {
      words: ['up', '--enable-admission-plugins=AlwaysPullImages', '--admission-control-config-file=/a'],
      want: { ...up, admission: { enabled: ['AlwaysPullImages'], disabled: [], configFile: '/a' } },
    },
    { words: ['up', '--help'], want: { do: 'help', topic: 'up' } },
  ])('$words', ({ words, want }) => {
    expect(parseCommand(words, root)).toMatchObject(want);
  });

  test('simulated nodes need no root: without it they are the only ones', () => {
    expect(parseCommand(['up', '--simulate', '2'], user)).toMatchObject({ node: false, simulate: 2 });
    expect(parseCommand(['up', '--simulate', '2'], root)).toMatchObject({ node: true, simulate: 2 });
    expect(parseCommand(['up'], user)).toMatchObject({ node: true, simulate: 0 });
  });

  test('another user gets a data dir at home', () => {
    expect(parseCommand(['status'], user)).toEqual({ do: 'status', dataDir: '/home/ada/.minke' });
  });

  test.each([
    { words: ['upp'], says: 'Unknown command "upp". Commands are' },
    { words: ['up', '--port', 'x'], says: '--port: got "x", wants an integer from 1 to 65535.' },
    { words: ['up', '--port', '70000'], says: '--port: got "70000"' },
    { words: ['up', '--prot', '1'], says: "minke up: Unknown option '--prot'" },
    { words: ['up', 'extra'], says: "Unexpected argument 'extra'" },
    { words: ['up', '--service-cidr', '10.96.0.1/16'], says: 'which has host bits set; did you mean 10.96.0.0/16?' },
    { words: ['up', '--service-cidr', '10.96.0.0/33'], says: '--service-cidr: got "10.96.0.0/33", wants an IPv4 range' },
    { words: ['up', '--pod-cidr', 'fd00::/16'], says: '--pod-cidr: got "fd00::/16", wants an IPv6 range with a prefix of 32 to 112 bits' },
    { words: ['up', '--pod-cidr', 'fd00:42::1/56'], says: 'which has host bits set; did you mean fd00:42::/56?' },
    { words: ['up', '--pod-cidr', '10.42.0.0/16,10.43.0.0/16'], says: 'wants one range, or one of each family such as' },
    { words: ['up', '--pod-cidr', '10.42.0.0/16,'], says: '--pod-cidr: got "", wants an IPv4 range' },
    { words: ['up', '--log-level', 'loud'], says: 'wants one of error, warn, info, debug' },
    { words: ['up', '--data-dir', ''], says: '--data-dir: got nothing' },
    { words: ['image'], says: undefined },
    { words: ['image', 'import'], says: 'wants the path of a docker or OCI archive' },
    { words: ['image', 'import', 'a', 'b'], says: "Unexpected argument 'b'" },
    { words: ['image', 'build', 'dir'], says: 'wants a directory and a name' },
  ])('$words is refused in one sentence', ({ words, says }) => {
    if (says === undefined) return expect(parseCommand(words, root).do).toBe('help');
    expect(() => parseCommand(words, root)).toThrow(CommandError);
    expect(() => parseCommand(words, root)).toThrow(says);
  });
});
