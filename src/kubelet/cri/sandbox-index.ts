// Which sandbox a container is in: containerd's events name only the container, and sandboxes are containers to it.
import type { Channel } from './channel.ts';
import { methods } from './messages.ts';

/** More than a machine's containers, old ones included; beyond it the oldest are forgotten and asked for again. */
const entriesMax = 16_384;
const lookUpMs = 10_000;

/** What a containerd id stands for. */
export interface Subject {
  readonly sandboxId: string;
  /** Undefined for the sandbox itself. */
  readonly containerId: string | undefined;
}

export class SandboxIndex {
  readonly #subjects = new Map<string, Subject>();

  addSandbox(id: string): void {
    this.#add(id, { sandboxId: id, containerId: undefined });
  }

  addContainer(id: string, sandboxId: string): void {
    this.#add(id, { sandboxId, containerId: id });
  }

  delete(id: string): void {
    this.#subjects.delete(id);
  }

  /** Asks the runtime where the id is not known yet; what it does not list as a container either is a sandbox that is being made. */
  async resolve(channel: Channel, id: string): Promise<Subject> {
    const known = this.#subjects.get(id);
    if (known) return known;
    const { containers } = await channel.unary(methods.listContainers, { filter: { id } }, { deadlineMs: lookUpMs });
    const found = containers[0];
    const subject = found ? { sandboxId: found.podSandboxId, containerId: id } : { sandboxId: id, containerId: undefined };
    if (found) this.#add(id, subject);
    return subject;
  }

  #add(id: string, subject: Subject): void {
    if (this.#subjects.has(id)) return;
    if (this.#subjects.size >= entriesMax) {
      const oldest = this.#subjects.keys().next().value;
      if (oldest !== undefined) this.#subjects.delete(oldest);
    }
    this.#subjects.set(id, subject);
  }
}
