// The files that a pod has on the node besides its volumes: hosts file, termination messages, log directory.
import { join } from 'node:path';
import type { V1Container, V1Pod } from '../../api/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import { hostsFile, podHostname } from '../container/dns.ts';
import type { ContainerStatus, Mount, UserRange } from '../cri/runtime.ts';
import { rotatedLogs } from '../logs/rotate.ts';
import { type PodId, podIdFromLabels, podIdOf, terminationPathAnnotation, terminationPolicyAnnotation } from './labels.ts';
import { nameOf } from './observed.ts';
import { createUserRanges } from './user-ranges.ts';

/** A termination message is cut to this. Source: terminationMessagePath in the API reference. */
const messageMaxBytes = 4096;
/** With FallbackToLogsOnError: so much of the log's end. */
const logTailMaxBytes = 2048;
const logTailMaxLines = 80;

export interface PodFiles {
  logDirectory(id: PodId): string;
  /** Which ids of the machine's are the pod's, for one with a user namespace of its own. */
  userRange(id: PodId): Promise<UserRange>;
  /** Before the sandbox is made. */
  prepareSandbox(pod: V1Pod): Promise<void>;
  /** Before a container is made: gives the mounts that every container gets. */
  prepareContainer(
    pod: V1Pod,
    container: V1Container,
    options: { readonly attempt: number; readonly podIPs: readonly string[]; readonly clusterDomain: string | undefined },
  ): Promise<readonly Mount[]>;
  /** What an ended container left as its last words; empty when it left none. */
  terminationMessage(run: ContainerStatus): Promise<string>;
  /** Removes what a run has left when the runtime has forgotten it: its logs, its last words. */
  removeRun(run: ContainerStatus): Promise<void>;
  /** Removes everything of a pod that is gone, its logs included. */
  remove(id: PodId): Promise<void>;
  /** The uids of the pods that have something on the disk. */
  list(): Promise<readonly string[]>;
}

export interface PodFilesOptions {
  readonly fs: FileSystem;
  /** `<dataDir>/pods` */
  readonly podsDirectory: string;
  /** `/var/log/pods`, or the cluster's own. */
  readonly logsDirectory: string;
}

export function createPodFiles({ fs, podsDirectory, logsDirectory }: PodFilesOptions): PodFiles {
  const podPath = (uid: string) => join(podsDirectory, uid);
  const rangeOf = createUserRanges({ fs, podsDirectory });
  const logDirectory = (id: PodId) => join(logsDirectory, `${id.namespace}_${id.name}_${id.uid}`);
  const messagePath = (uid: string, of: { readonly name: string; readonly attempt: number }) =>
    join(podPath(uid), 'containers', of.name, String(of.attempt));

  return {
    logDirectory,
    userRange: ({ uid }) => rangeOf(uid),
    async prepareSandbox(pod) {
      await fs.mkdir(logDirectory(podIdOf(pod)));
    },
    async prepareContainer(pod, container, { attempt, podIPs, clusterDomain }) {
      const id = podIdOf(pod);
      const wanted = new Set((container.volumeMounts ?? []).map((mount) => mount.mountPath));
      const mounts: Mount[] = [];
      const path = container.terminationMessagePath ?? '/dev/termination-log';
      const message = messagePath(id.uid, { name: container.name, attempt });
      await fs.mkdir(join(message, '..'));
      // Whoever the container runs as may write its last words.
      await fs.write(message, '', { mode: 0o666 });
      if (path !== '' && !wanted.has(path)) mounts.push(plainMount(message, path));
      await fs.mkdir(join(logDirectory(id), container.name));
      if (!wanted.has('/etc/hosts')) {
        const hosts = join(podPath(id.uid), 'etc-hosts');
        const machineHosts = pod.spec?.hostNetwork === true ? ((await fs.readText('/etc/hosts')) ?? '') : '';
        const text = hostsFile({ pod, podIPs, machineHosts, ...podHostname(pod, clusterDomain) });
        // In place of the same inode when nothing has changed: running containers have it mounted.
        if ((await fs.readText(hosts)) !== text) await fs.write(hosts, text, { mode: 0o644 });
        mounts.push(plainMount(hosts, '/etc/hosts'));
      }
      return mounts;
    },
    async terminationMessage(run) {
      const id = podIdFromLabels(run.labels);
      if (!id) return '';
      const path = messagePath(id.uid, { name: nameOf(run), attempt: run.metadata.attempt });
      const wantsFile = run.annotations[terminationPathAnnotation] !== '';
      const bytes = wantsFile ? await fs.readAt(path, 0, messageMaxBytes) : undefined;
      const text = bytes ? new TextDecoder().decode(bytes) : '';
      if (text !== '' || run.exitCode === 0 || run.annotations[terminationPolicyAnnotation] !== 'FallbackToLogsOnError') return text;
      return logTail(fs, join(logDirectory(id), nameOf(run), `${run.metadata.attempt}.log`));
    },
    async removeRun(run) {
      const id = podIdFromLabels(run.labels);
      if (!id) return;
      const of = { name: nameOf(run), attempt: run.metadata.attempt };
      const path = join(logDirectory(id), of.name, `${of.attempt}.log`);
      for (const one of [...(await rotatedLogs(fs, path)), path, messagePath(id.uid, of)]) await fs.remove(one);
    },
    async remove(id) {
      await fs.remove(podPath(id.uid));
      await fs.remove(logDirectory(id));
    },
    async list() {
      const entries = await fs.list(podsDirectory);
      return entries.filter((entry) => entry.kind === 'directory').map((entry) => entry.name);
    },
  };
}

const plainMount = (hostPath: string, containerPath: string): Mount => ({
  hostPath,
  containerPath,
  readonly: false,
  propagation: 'private',
});

/** Tagged P is a part of a line: no newline came after it. */
function textOf(line: string): string {
  const [, , tag = '', ...words] = line.split(' ');
  return `${words.join(' ')}${tag.split(':')[0] === 'P' ? '' : '\n'}`;
}

/** The end of a log in the CRI's form (`<time> <stream> <tag> <text>`), without what the runtime has put before each line. */
async function logTail(fs: FileSystem, path: string): Promise<string> {
  const stat = await fs.stat(path);
  if (!stat) return '';
  const readMax = 4 * logTailMaxBytes;
  const from = Math.max(0, stat.sizeBytes - readMax);
  const bytes = await fs.readAt(path, from, readMax);
  const lines = new TextDecoder().decode(bytes ?? new Uint8Array()).split('\n');
  // The first line is likely cut.
  const whole = from > 0 ? lines.slice(1) : lines;
  const texts = whole.filter((line) => line !== '').map(textOf);
  return texts.slice(-logTailMaxLines).join('').slice(-logTailMaxBytes);
}
