// What the node tells of its storage drivers: its CSINode object, its labels of topology, and the annotation with its names.
import { csinodes, hasReason, type Persisted, type V1CSINode, type V1CSINodeDriver, type V1Node } from '../../api/mod.ts';
import type { Client } from '../../client/mod.ts';
import { nodes } from '../api-resources.ts';
import type { DriverNodeInfo } from './client.ts';

export interface DriverRecords {
  /** Makes the node's CSINode, if there is none. */
  begin(signal: AbortSignal): Promise<void>;
  add(driver: string, info: DriverNodeInfo, signal?: AbortSignal): Promise<void>;
  remove(driver: string): Promise<void>;
}

const nodeIdAnnotation = 'csi.volume.kubernetes.io/nodeid';
const int32Max = 2 ** 31 - 1;
const triesMax = 4;

/** The node's name at each driver, as the annotation has them. */
function idsOf(node: V1Node): Record<string, string> {
  try {
    const value: unknown = JSON.parse(node.metadata?.annotations?.[nodeIdAnnotation] ?? '{}');
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...(value as Record<string, string>) } : {};
  } catch {
    return {};
  }
}

/** What of the node's metadata changes with a driver; undefined: nothing. Throws where the driver contradicts a label. */
export function nodeChange(node: V1Node, driver: string, info: DriverNodeInfo | undefined): unknown {
  const ids = idsOf(node);
  const labels = node.metadata?.labels ?? {};
  const added: Record<string, string> = {};
  for (const [key, value] of Object.entries(info?.topology ?? {})) {
    if (labels[key] === value) continue;
    if (labels[key] !== undefined) {
      throw new Error(
        `detected topology value collision: driver reported "${key}":"${value}" but existing label is "${key}":"${labels[key]}"`,
      );
    }
    added[key] = value;
  }
  if (ids[driver] === info?.nodeId && Object.keys(added).length === 0) return undefined;
  if (info) ids[driver] = info.nodeId;
  else delete ids[driver];
  const text = Object.keys(ids).length === 0 ? null : JSON.stringify(ids);
  return { metadata: { annotations: { [nodeIdAnnotation]: text }, ...(info ? { labels: added } : {}) } };
}

export function driverEntry(name: string, { nodeId, maxVolumes, topology }: DriverNodeInfo): V1CSINodeDriver {
  const topologyKeys = Object.keys(topology).sort();
  const count = Math.min(maxVolumes, int32Max);
  return { name, nodeID: nodeId, topologyKeys, ...(count > 0 ? { allocatable: { count } } : {}) };
}

const sameDriver = (a: V1CSINodeDriver | undefined, b: V1CSINodeDriver): boolean =>
  a?.nodeID === b.nodeID && (a.topologyKeys ?? []).join() === (b.topologyKeys ?? []).join();

export const createDriverRecords = (options: DriverRecordsOptions): DriverRecords => new NodeRecords(options);

export interface DriverRecordsOptions {
  readonly client: Client;
  readonly nodeName: string;
}

class NodeRecords implements DriverRecords {
  readonly #client: Client;
  readonly #name: string;
  #turn: Promise<unknown> = Promise.resolve();

  constructor({ client, nodeName }: DriverRecordsOptions) {
    this.#client = client;
    this.#name = nodeName;
  }

  begin(signal: AbortSignal): Promise<void> {
    return this.#inTurn(async () => void (await this.#standing(signal)));
  }

  add(driver: string, info: DriverNodeInfo, signal?: AbortSignal): Promise<void> {
    return this.#inTurn(async () => {
      if (info.nodeId === '') throw new Error('error adding CSI driver node info: driverNodeID must not be empty');
      await this.#changeNode(driver, info, signal);
      const entry = driverEntry(driver, info);
      // A driver that stands may not be changed: one with another name for the node is a new one.
      const stands = (of: V1CSINodeDriver) => of.name === driver;
      await this.#changeDrivers((all) => {
        const old = all.find(stands);
        return old && !sameDriver(old, entry) ? all.filter((each) => !stands(each)) : undefined;
      }, signal);
      await this.#changeDrivers((all) => {
        const old = all.find(stands);
        if (old && old.allocatable?.count === entry.allocatable?.count) return undefined;
        return [...all.filter((each) => !stands(each)), entry];
      }, signal);
    });
  }

  remove(driver: string): Promise<void> {
    return this.#inTurn(async () => {
      await this.#changeDrivers((all) => (all.some(({ name }) => name === driver) ? all.filter(({ name }) => name !== driver) : undefined));
      await this.#changeNode(driver, undefined);
    });
  }

  /** One write after another: they read what they change. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work, work);
    this.#turn = mine.catch(() => {});
    return mine;
  }

  async #changeNode(driver: string, info: DriverNodeInfo | undefined, signal?: AbortSignal): Promise<void> {
    const key = { name: this.#name };
    const patch = nodeChange(await this.#client.get(nodes, key, { signal }), driver, info);
    if (patch !== undefined) await this.#client.patch(nodes, key, 'application/merge-patch+json', patch, { signal });
  }

  async #standing(signal?: AbortSignal): Promise<Persisted<V1CSINode>> {
    const name = this.#name;
    try {
      return await this.#client.get(csinodes, { name }, { signal });
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
    const { uid } = (await this.#client.get(nodes, { name }, { signal })).metadata;
    const made: V1CSINode = {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'CSINode',
      metadata: { name, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }] },
      spec: { drivers: [] },
    };
    return await this.#client.create(csinodes, made, { signal });
  }

  /** Tries again where somebody else has written meanwhile. */
  async #changeDrivers(next: (drivers: readonly V1CSINodeDriver[]) => V1CSINodeDriver[] | undefined, signal?: AbortSignal): Promise<void> {
    for (let tries = 1; ; tries++) {
      const found = await this.#standing(signal);
      const drivers = next(found.spec.drivers ?? []);
      if (!drivers) return;
      try {
        await this.#client.update(csinodes, { ...found, spec: { ...found.spec, drivers } }, { signal });
        return;
      } catch (error) {
        if (!hasReason(error, 'Conflict') || tries === triesMax) throw error;
      }
    }
  }
}
