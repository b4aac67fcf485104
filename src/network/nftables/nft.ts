// The nft program: rules go in as text on its standard input, each call one transaction.
import type { Processes } from '../../base/ports/process.ts';

const nftMs = 20_000;
/** A listing of 10,000 services takes 7 MB. */
const listingMaxBytes = 512 * 1024 * 1024;

/** Applies a text; rejects with what nft says. Nothing has changed then. */
export interface Nft {
  (text: string): Promise<void>;
  /** The answer to `nft -j list ...` as JSON; `{}` when there is no such thing. */
  list(...what: readonly string[]): Promise<string>;
}

export function createNft(processes: Processes, path: string): Nft {
  const apply = async (text: string) => {
    const { code, stderr } = await processes.run(path, ['-f', '-'], { input: text, deadlineMs: nftMs });
    if (code !== 0) throw new Error(`Cannot change the nftables rules: ${stderr.trim().split('\n')[0] ?? `nft ended with code ${code}`}`);
  };
  return Object.assign(apply, {
    list: async (...what: readonly string[]) => {
      const { code, stdout } = await processes.run(path, ['-j', '-a', 'list', ...what], {
        deadlineMs: nftMs,
        outputMaxBytes: listingMaxBytes,
      });
      return code === 0 ? stdout : '{}';
    },
  });
}
