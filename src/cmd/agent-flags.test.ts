import { describe, expect, test } from 'vitest';
import { parseCommand } from './args.ts';

const root = { isRoot: true, homeDir: '/root' };
const token = `abcdef.0123456789abcdef::sha256:${'a'.repeat(64)}`;
const agent = { do: 'agent', dataDir: '/var/lib/minke', detach: false, logLevel: 'info' };

describe('minke agent', () => {
  test.each([
    { words: ['agent'], want: { ...agent, server: undefined, token: undefined } },
    {
      words: [
        'agent',
        '--server',
        'https://192.0.2.7:6443/',
        '--token',
        token,
        '--node-name',
        'n2.lab',
        '--node-ip',
        '192.0.2.8',
        '--detach',
      ],
      want: {
        ...agent,
        server: 'https://192.0.2.7:6443',
        token: { id: 'abcdef', secret: '0123456789abcdef', caHash: 'a'.repeat(64) },
        nodeName: 'n2.lab',
        nodeIp: '192.0.2.8',
        detach: true,
      },
    },
    { words: ['agent', '-h'], want: { do: 'help', topic: 'agent' } },
    {
      words: ['up', '--bind-address', '0.0.0.0', '--pod-network', 'routes'],
      want: { do: 'up', bindAddress: '0.0.0.0', podNetwork: 'routes' },
    },
  ])('$words', ({ words, want }) => {
    expect(parseCommand(words, root)).toMatchObject(want);
  });

  test.each([
    [['agent', '--server', '192.0.2.7'], '--server: got "192.0.2.7", wants the API server\'s address, such as https://192.0.2.7:6443.'],
    [['agent', '--token', 'abcdef.0123'], '--token: wants what `minke token create` prints: ID.SECRET::sha256:HASH.'],
    [['agent', '--node-name', 'A_b'], '--node-name: got "A_b", wants at most 63 lower-case letters, digits, "-" and ".".'],
    [['agent', '--node-ip', 'here'], '--node-ip: got "here", wants an IP address such as 192.0.2.7.'],
    [['up', '--bind-address', 'all'], '--bind-address: got "all", wants an IP address such as 192.0.2.7.'],
    [['up', '--pod-network', 'geneve'], '--pod-network: got "geneve", wants vxlan or routes.'],
  ])('%j is refused', (words, message) => {
    expect(() => parseCommand(words, root)).toThrow(message);
  });
});
