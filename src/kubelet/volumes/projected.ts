// projected: several sources in one directory; a later source wins where two write the same file.
import type { V1VolumeProjection } from '../../api/mod.ts';
import { memoryDirectory, writePayload } from './api-volume.ts';
import { configMapPayload } from './config-map.ts';
import type { SetUp, VolumeContext, VolumeJob } from './context.ts';
import { downwardPayload } from './downward-api.ts';
import { checkPath, defaultFileMode, type Payload, VolumeError } from './payload.ts';
import { secretPayload } from './secret.ts';

const tokenSecondsDefault = 3600;

interface Projection {
  readonly payload: Payload;
  readonly refreshAtMs?: number;
}

export const setUpProjected: SetUp = async (context, job) => {
  const { sources = [], defaultMode: mode = defaultFileMode } = job.volume.projected ?? {};
  const payload: Payload = new Map();
  let refreshAtMs: number | undefined;
  for (const source of sources) {
    const part = await project(context, job, { source, mode });
    for (const [path, file] of part.payload) payload.set(path, file);
    if (part.refreshAtMs !== undefined) refreshAtMs = Math.min(refreshAtMs ?? part.refreshAtMs, part.refreshAtMs);
  }
  await memoryDirectory(context, job.path);
  await writePayload(context, job, payload);
  return { hostPath: job.path, refreshAtMs };
};

async function project(
  context: VolumeContext,
  job: VolumeJob,
  { source, mode }: { readonly source: V1VolumeProjection; readonly mode: number },
): Promise<Projection> {
  const namespace = job.pod.metadata?.namespace ?? '';
  if (source.configMap) return { payload: configMapPayload(context, { ...source.configMap, namespace, mode }) };
  if (source.secret) return { payload: secretPayload(context, { ...source.secret, namespace, mode }) };
  if (source.downwardAPI) return { payload: downwardPayload(source.downwardAPI.items ?? [], { pod: job.pod, facts: job.facts, mode }) };
  const wanted = source.serviceAccountToken;
  if (!wanted) throw new VolumeError('a projected source is of a kind that this node does not serve');
  if (!context.tokens) throw new VolumeError('this node has no source of service account tokens');
  const { token, refreshAtMs } = await context.tokens.token({
    pod: job.pod,
    audience: wanted.audience,
    expirationSeconds: wanted.expirationSeconds ?? tokenSecondsDefault,
  });
  // Whoever the container runs as must be able to read its own token, and nobody else.
  const users = new Set(
    (job.pod.spec?.containers ?? []).map((one) => one.securityContext?.runAsUser ?? job.pod.spec?.securityContext?.runAsUser ?? 0),
  );
  const rootOnly = users.size === 1 && users.has(0) && job.pod.spec?.securityContext?.fsGroup === undefined;
  const file = { data: new Uint8Array(Buffer.from(token, 'utf8')), mode: rootOnly ? 0o600 : mode };
  return { payload: new Map([[checkPath(wanted.path), file]]), refreshAtMs };
}
