import { expect, test } from 'vitest';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { Processes } from '../../base/ports/process.ts';
import { ipv6Problem } from './ipv6-support.ts';

test.each([
  [undefined, 0, 'the kernel has no IPv6'],
  ['1\n', 0, 'IPv6 is switched off (net.ipv6.conf.all.disable_ipv6)'],
  ['0\n', 1, 'the kernel cannot translate addresses of IPv6 (nftables, family ip6)'],
  ['0\n', 0, undefined],
])('a switch that says %j and nft that ends with %i: %s', async (state, code, expected) => {
  const asked: string[] = [];
  const fs = { readText: async () => state } as unknown as FileSystem;
  const run = async (_: string, args: readonly string[], { input }: { input: string }) => {
    asked.push(`${args.join(' ')} ${input.split('\n')[0]}`);
    return { code, stdout: '', stderr: '', truncated: false };
  };
  expect(await ipv6Problem(fs, { run } as unknown as Processes, 'nft')).toBe(expected);
  // It only asks.
  if (state === '0\n') expect(asked).toEqual(['-c -f - add table ip6 minke-check']);
});
