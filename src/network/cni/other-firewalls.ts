// Firewalls of others that drop what is forwarded (Docker's, by its policy): pods need an exception in each, since one drop outweighs every accept. Pure.
import type { Family } from '../addresses/family.ts';

export interface Chain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
}

/** Reads `nft -j list chains`: base chains at the forward hook whose policy is to drop, for one of the families. */
export function droppingChains(json: string, families: readonly Family[]): readonly Chain[] {
  const { nftables = [] } = JSON.parse(json) as {
    nftables?: readonly { chain?: Chain & { type?: string; hook?: string; policy?: string } }[];
  };
  return nftables.flatMap(({ chain }) => {
    const isOne =
      chain?.hook === 'forward' &&
      chain.type === 'filter' &&
      chain.policy === 'drop' &&
      (chain.family === 'inet' || families.some(({ ip }) => ip === chain.family));
    return isOne ? [{ family: chain.family, table: chain.table, name: chain.name }] : [];
  });
}

/** Reads `nft -j -a list chain ...`: the handles of the rules with this comment. */
export function handlesOf(json: string, comment: string): readonly number[] {
  const { nftables = [] } = JSON.parse(json) as { nftables?: readonly { rule?: { handle?: number; comment?: string } }[] };
  return nftables.flatMap(({ rule }) => (rule?.comment === comment && rule.handle !== undefined ? [rule.handle] : []));
}

/** In front of everything that the chain has: what comes from pods or goes to them is let through. */
export function renderExceptions(chain: Chain, bridge: string, comment: string): string {
  const rule = (match: string) =>
    `insert rule ${chain.family} ${chain.table} ${chain.name} ${match} "${bridge}" accept comment "${comment}"\n`;
  return rule('iifname') + rule('oifname');
}

export function renderExceptionRemoval(chain: Chain, handles: readonly number[]): string {
  return handles.map((handle) => `delete rule ${chain.family} ${chain.table} ${chain.name} handle ${handle}\n`).join('');
}
