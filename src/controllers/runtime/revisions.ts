// The history of a workload's template, as ControllerRevisions: the one of its present template, numbered last, and the old ones.
import {
  compileLabelSelector,
  controllerReference,
  hasReason,
  type KubeObject,
  type Labels,
  type Persisted,
  type ResourceType,
  sameMeaning,
  type V1ControllerRevision,
  type V1LabelSelector,
  type V1PodTemplateSpec,
} from '../../api/mod.ts';
import type { Client, Informer } from '../../client/mod.ts';
import { templateHash } from '../deployment/replica-sets.ts';
import { adoptObject, claim, controlledBy, orphansIn, releaseObject } from './ownership.ts';
import { revisionType } from './workload-types.ts';

export type Revision = Persisted<V1ControllerRevision>;

export interface HistoryOwner<O extends KubeObject> {
  readonly client: Client;
  readonly signal: AbortSignal;
  readonly revisions: Informer<V1ControllerRevision>;
  readonly type: ResourceType<O>;
  readonly owner: Persisted<O>;
  readonly template: V1PodTemplateSpec;
  readonly selector: V1LabelSelector;
  readonly collisionCount: number | undefined;
  /** Under which label a revision bears its hash. */
  readonly hashLabel: string;
}

export interface History {
  readonly current: Revision;
  /** Lowest number first. */
  readonly old: readonly Revision[];
  readonly collisionCount: number | undefined;
}

/** What a rollback applies, as a strategic merge patch. */
export const revisionData = (template: V1PodTemplateSpec): unknown => ({ spec: { template: { ...template, $patch: 'replace' } } });

/** Lowest number first; of the same number the oldest, then by name. */
export function sortRevisions(revisions: readonly Revision[]): readonly Revision[] {
  const text = ({ metadata }: Revision) => `${metadata.creationTimestamp} ${metadata.name}`;
  return [...revisions].sort((a, b) => a.revision - b.revision || (text(a) < text(b) ? -1 : 1));
}

/** The owner's revisions; adopts and releases on the way. */
export async function ownRevisions<O extends KubeObject>(of: HistoryOwner<O>): Promise<readonly Revision[]> {
  const { client, signal, owner, type } = of;
  const candidates = [...controlledBy(of.revisions, owner), ...orphansIn(of.revisions, owner.metadata.namespace ?? '')];
  const { keep, adopt, release } = claim(owner, candidates, compileLabelSelector(of.selector));
  const write = { client, ownerType: type, owner, type: revisionType, signal };
  for (const revision of release) await releaseObject(write, revision);
  const adopted: Revision[] = [];
  for (const revision of adopt) adopted.push(await adoptObject(write, revision));
  return sortRevisions([...keep, ...adopted]);
}

/** Finds or makes the revision of the present template. One that was there before and is wanted again becomes the last. */
export async function present<O extends KubeObject>(of: HistoryOwner<O>, all: readonly Revision[]): Promise<History> {
  const { client, signal, collisionCount } = of;
  const data = revisionData(of.template);
  const equal = all.filter((revision) => sameMeaning(revision.data, data)).at(-1);
  const old = all.filter((revision) => revision !== equal);
  const number = Math.max(0, ...old.map(({ revision }) => revision)) + 1;
  if (!equal) return { ...(await create(of, data, number)), old };
  if (equal.revision >= number) return { current: equal, old, collisionCount };
  return { current: await client.update(revisionType, { ...equal, revision: number }, { signal }), old, collisionCount };
}

async function create<O extends KubeObject>(of: HistoryOwner<O>, data: unknown, revision: number): Promise<Omit<History, 'old'>> {
  const { client, signal, owner } = of;
  for (let collisionCount = of.collisionCount; ; collisionCount = (collisionCount ?? 0) + 1) {
    const hash = templateHash(of.template, collisionCount);
    const name = `${owner.metadata.name.slice(0, 223)}-${hash}`;
    const labels: Labels = { ...of.template.metadata?.labels, [of.hashLabel]: hash };
    const { namespace, annotations } = owner.metadata;
    const metadata = {
      name,
      namespace,
      labels,
      ...(annotations ? { annotations } : {}),
      ownerReferences: [controllerReference(of.type, owner)],
    };
    try {
      return { current: await client.create(revisionType, { metadata, data, revision }, { signal }), collisionCount };
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists')) throw error;
      // The cache was behind, or the hash is that of another template.
      const found = await client.get(revisionType, { namespace, name }, { signal });
      if (sameMeaning(found.data, data)) return { current: found, collisionCount };
    }
  }
}

/** Deletes the oldest revisions beyond the limit, those in use excepted. */
export async function truncate<O extends KubeObject>(
  of: HistoryOwner<O>,
  old: readonly Revision[],
  limit: number,
  isLive: (revision: Revision) => boolean,
): Promise<void> {
  const idle = old.filter((revision) => !isLive(revision));
  for (const { metadata } of idle.slice(0, Math.max(0, idle.length - limit))) {
    const { namespace, name, uid } = metadata;
    await of.client.delete(revisionType, { namespace, name }, { preconditions: { uid }, signal: of.signal });
  }
}
