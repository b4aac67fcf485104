// Ports of pods that are published on the host. The kernel's table is the truth: it outlives a restart of Minke, as the pods do.
import type { Nft } from './nft.ts';
import { type HostPort, hostPortKey, parseHostPorts, renderAddHostPorts, renderRemoveHostPorts } from './rules.ts';

export interface PublishRequest {
  /** Of the pod's sandbox. */
  readonly id: string;
  readonly ip: string;
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
  #ports: Map<string, HostPort> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(nft: Nft, table: string) {
    this.#nft = nft;
    this.#table = table;
  }

  /** Rejects with {@link HostPortTakenError} and publishes nothing when one of the ports is taken. */
  add(request: PublishRequest): Promise<void> {
    return this.#inTurn(async (known) => {
      const wanted = request.ports.map((port): HostPort => {
        const protocol = port.protocol.toLowerCase() as HostPort['protocol'];
        const hostIp = port.hostIp === '0.0.0.0' ? '' : port.hostIp;
        return { sandboxId: request.id, protocol, hostIp, hostPort: port.hostPort, podIp: request.ip, podPort: port.containerPort };
      });
      const fresh = wanted.filter((port) => known.get(hostPortKey(port))?.sandboxId !== request.id);
      const taken = fresh.find((port) => known.has(hostPortKey(port)));
      if (taken) throw new HostPortTakenError(`Cannot publish host port ${taken.hostPort}/${taken.protocol}: another pod has it`);
      if (fresh.length === 0) return;
      await this.#nft(renderAddHostPorts(this.#table, fresh));
      for (const port of fresh) known.set(hostPortKey(port), port);
    });
  }

  remove(sandboxId: string): Promise<void> {
    return this.#inTurn(async (known) => {
      const gone = [...known.values()].filter((port) => port.sandboxId === sandboxId);
      if (gone.length === 0) return;
      await this.#nft(renderRemoveHostPorts(this.#table, gone));
      for (const port of gone) known.delete(hostPortKey(port));
    });
  }

  #inTurn(work: (known: Map<string, HostPort>) => Promise<void>): Promise<void> {
    const turn = this.#last.then(async () => {
      try {
        this.#ports ??= new Map(parseHostPorts(await this.#nft.list('table', 'ip', this.#table)).map((port) => [hostPortKey(port), port]));
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
