// Ports of pods that are published on the host. The kernel's table is the truth: it outlives a restart of Minke, as the pods do.
import { type Family, familyOf } from '../addresses/family.ts';
import type { Nft } from '../nftables/nft.ts';
import { type HostPort, hostPortKey, parseHostPorts, renderAddHostPorts, renderRemoveHostPorts } from './rules.ts';

export interface PublishRequest {
  /** Of the pod's sandbox. */
  readonly id: string;
  /** One of each family. */
  readonly ips: readonly string[];
  readonly ports: readonly {
    readonly protocol: 'TCP' | 'UDP' | 'SCTP';
    readonly containerPort: number;
    readonly hostPort: number;
    readonly hostIp: string;
  }[];
}

/** A host port is another pod's. */
export class HostPortTakenError extends Error {
  override readonly name = 'HostPortTakenError';
}

/** Calls are worked off one after the other, so that two pods cannot get one port. */
export class HostPortTable {
  readonly #nft: Nft;
  readonly #table: string;
  readonly #families: () => readonly Family[];
  #ports: Map<string, HostPort> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** `families`: those of the pods. */
  constructor(nft: Nft, table: string, families: () => readonly Family[]) {
    this.#nft = nft;
    this.#table = table;
    this.#families = families;
  }

  /** Rejects with {@link HostPortTakenError} and publishes nothing when one of the ports is taken. */
  add(request: PublishRequest): Promise<void> {
    return this.#inTurn(async (known) => {
      const wanted = request.ips.flatMap((ip) => request.ports.flatMap((port) => hostPort(request.id, ip, port)));
      const fresh = wanted.filter((port) => known.get(keyOf(port))?.sandboxId !== request.id);
      const taken = fresh.find((port) => known.has(keyOf(port)));
      if (taken) throw new HostPortTakenError(`Cannot publish host port ${taken.hostPort}/${taken.protocol}: another pod has it`);
      if (fresh.length === 0) return;
      await this.#nft(renderAddHostPorts(this.#table, fresh));
      for (const port of fresh) known.set(keyOf(port), port);
    });
  }

  remove(sandboxId: string): Promise<void> {
    return this.#inTurn(async (known) => {
      const gone = [...known.values()].filter((port) => port.sandboxId === sandboxId);
      if (gone.length === 0) return;
      await this.#nft(renderRemoveHostPorts(this.#table, gone));
      for (const port of gone) known.delete(keyOf(port));
    });
  }

  async #read(): Promise<Map<string, HostPort>> {
    const lists = await Promise.all(this.#families().map(({ ip }) => this.#nft.list('table', ip, this.#table)));
    return new Map(lists.flatMap(parseHostPorts).map((port) => [keyOf(port), port]));
  }

  #inTurn(work: (known: Map<string, HostPort>) => Promise<void>): Promise<void> {
    const turn = this.#last.then(async () => {
      try {
        this.#ports ??= await this.#read();
        await work(this.#ports);
      } catch (error) {
        if (!(error instanceof HostPortTakenError)) this.#ports = undefined; // Read it anew: a part may have been done.
        throw error;
      }
    });
    this.#last = turn.catch(() => {});
    return turn;
  }
}

/** Each family has a table of its own. */
const keyOf = (port: HostPort): string => `${familyOf(port.podIp).ip} ${hostPortKey(port)}`;

/** None where the host's address is of the other family. */
function hostPort(sandboxId: string, podIp: string, port: PublishRequest['ports'][number]): readonly HostPort[] {
  const { name, any } = familyOf(podIp);
  if (port.hostIp !== '' && familyOf(port.hostIp).name !== name) return [];
  const protocol = port.protocol.toLowerCase() as HostPort['protocol'];
  const hostIp = port.hostIp === any ? '' : port.hostIp;
  return [{ sandboxId, protocol, hostIp, hostPort: port.hostPort, podIp, podPort: port.containerPort }];
}
