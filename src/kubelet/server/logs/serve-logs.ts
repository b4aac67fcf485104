// GET /containerLogs: the log of the container's newest run, or of the one before it.
import { parseTime } from '../../../api/mod.ts';
import type { Clock } from '../../../base/mod.ts';
import type { FileFollower, GrowingFile } from '../../../base/ports/file-follow.ts';
import type { HttpServerRequest, HttpServerResponse } from '../../../base/ports/http-server.ts';
import { type ContainerRuntime, type ContainerStatus, RuntimeError } from '../../cri/runtime.ts';
import type { ContainerPath } from '../routes.ts';
import { StreamError } from '../streams/serve-stream.ts';
import { type LogQuery, readLogs } from './read-logs.ts';

export interface ServeLogsOptions {
  readonly runtime: ContainerRuntime;
  readonly follower: FileFollower;
  readonly clock: Clock;
  readonly request: HttpServerRequest;
  readonly response: HttpServerResponse;
  readonly path: ContainerPath;
  readonly query: URLSearchParams;
  /** The runs that the runtime knows, the newest first. */
  readonly statuses: readonly ContainerStatus[];
}

/** Throws {@link StreamError} before anything has been answered. */
export async function serveLogs(options: ServeLogsOptions): Promise<void> {
  const { follower, request, response } = options;
  const query = parseLogQuery(options.query, options.clock.nowMs());
  const status = chooseRun(options);
  const file = await follower.open(status.logPath);
  if (!file) throw new StreamError(500, `failed to open the log file "${status.logPath}": it does not exist`);
  try {
    response.head(200, { 'content-type': 'text/plain; charset=utf-8' });
    // The head goes out at once, so that a follower of a silent container sees that it is connected.
    await response.write([]);
    const source = {
      file,
      isRunning: () => isRunning(options.runtime, status.id),
      next: async (last: GrowingFile) => follower.next?.(status.logPath, last),
      signal: request.signal,
    };
    for await (const chunk of readLogs(source, query)) {
      await response.write([chunk]);
      if (response.closed) return;
    }
    response.end();
  } finally {
    await file.close();
  }
}

function chooseRun({ query, statuses, path }: ServeLogsOptions): ContainerStatus {
  const [newest] = statuses;
  if (query.get('previous') === 'true') {
    const older = statuses.slice(1).find((status) => status.state === 'exited');
    // A run that has failed and waits to be restarted is the previous one; one that has succeeded is the last.
    const failed = newest?.state === 'exited' && newest.exitCode !== 0 ? newest : undefined;
    const found = failed ?? older ?? (newest?.state === 'exited' ? newest : undefined);
    if (!found) throw new StreamError(400, `previous terminated container "${path.container}" in pod "${path.pod}" not found`);
    return found;
  }
  const started = statuses.find((status) => status.state === 'running' || status.state === 'exited');
  if (!started) throw new StreamError(400, `container "${path.container}" in pod "${path.pod}" is waiting to start: ContainerCreating`);
  return started;
}

async function isRunning(runtime: ContainerRuntime, id: string): Promise<boolean> {
  try {
    return (await runtime.containerStatus(id)).state === 'running';
  } catch (error) {
    if (error instanceof RuntimeError && error.code === 'notFound') return false;
    // A runtime that does not answer says nothing about the container: the follower looks again.
    return true;
  }
}

function parseLogQuery(query: URLSearchParams, nowMs: number): LogQuery {
  const number = (name: string): number | undefined => {
    const text = query.get(name);
    if (text === null || text === '') return undefined;
    const value = Number(text);
    if (!Number.isInteger(value) || value < 0) throw new StreamError(400, `${name}: got "${text}", wants an integer that is not negative`);
    return value;
  };
  const sinceSeconds = number('sinceSeconds');
  const sinceTime = query.get('sinceTime');
  const sinceMs = sinceTime === null ? undefined : parseTime(sinceTime);
  if (sinceTime !== null && sinceMs === undefined) throw new StreamError(400, `sinceTime: got "${sinceTime}", wants an RFC 3339 time`);
  const stream = (query.get('stream') ?? 'All').toLowerCase();
  return {
    follow: query.get('follow') === 'true',
    timestamps: query.get('timestamps') === 'true',
    tailLines: number('tailLines'),
    limitBytes: number('limitBytes'),
    sinceMs: sinceSeconds === undefined ? sinceMs : nowMs - sinceSeconds * 1000,
    stream: stream === 'stdout' || stream === 'stderr' ? stream : 'all',
  };
}
