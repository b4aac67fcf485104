// What an address to listen on means to those who connect. Pure.

/** Every address of the machine. */
export const isAny = (address: string): boolean => address === '0.0.0.0' || address === '::';

export const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1';

/** How programs on this machine reach what listens there. */
export const dialAddress = (address: string): string => (isAny(address) ? '127.0.0.1' : address);

export const urlOf = (bindAddress: string, port: number): string => {
  const host = dialAddress(bindAddress);
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
};

/** Where machines that join find the server: the first address of the machine where it listens on all of them. */
export const joinUrlOf = (bindAddress: string, port: number, own: readonly string[]): string =>
  urlOf(isAny(bindAddress) ? (own.find((address) => !address.includes(':')) ?? own[0] ?? bindAddress) : bindAddress, port);

/** Those of `own`, the machine's addresses, under which others may reach it, the one to tell them first. */
export const reachableAt = (bindAddress: string, own: readonly string[]): readonly string[] =>
  isAny(bindAddress) || isLoopback(bindAddress) ? own : [bindAddress, ...own.filter((address) => address !== bindAddress)];

/** Interfaces whose addresses are no way to this machine: pods' bridges and tunnels of any cluster. */
export const isPodInterface = (name: string): boolean => /^(mk[0-9a-f]{6}|veth|docker|br-|cni|flannel|cali)/.test(name);
