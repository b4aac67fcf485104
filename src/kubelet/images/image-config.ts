// From a root file system to an OCI image: the documents of an image layout, with their digests. Pure.
// https://github.com/opencontainers/image-spec/blob/main/image-layout.md
import { createHash } from 'node:crypto';
import type { TarContent, TarEntry, TarSummary } from '../../base/ports/tar.ts';

/** What a container of the image runs, and how: the parts of an OCI image configuration that a build sets. */
export interface BuildConfig {
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  /** `NAME=value` */
  readonly env?: readonly string[];
  /** `8080/tcp`, or `8080` */
  readonly exposedPorts?: readonly string[];
  readonly workingDir?: string;
  /** `uid`, `uid:gid`, or a name of the image's own /etc/passwd. */
  readonly user?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly stopSignal?: string;
}

/** Go's names of the architectures that Node runs on. */
const architectures: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm',
  ia32: '386',
  riscv64: 'riscv64',
  ppc64: 'ppc64le',
  s390x: 's390x',
};

export function architectureOf(nodeArch: string): string {
  return architectures[nodeArch] ?? nodeArch;
}

/** A layer that has been packed: the tar file at `path`. */
export interface PackedLayer extends TarSummary {
  readonly path: string;
}

/** The entries of an archive in OCI layout, with one uncompressed layer. */
export function imageLayout(options: {
  /** Whole, with a tag: `minke.local/tools:latest`. */
  readonly name: string;
  readonly layer: PackedLayer;
  readonly config: BuildConfig;
  readonly architecture: string;
}): readonly TarEntry[] {
  const { name, layer, config, architecture } = options;
  const layerDigest = `sha256:${layer.sha256}`;
  const configBlob = json({
    architecture,
    os: 'linux',
    config: {
      ...(config.user ? { User: config.user } : {}),
      ...(config.exposedPorts?.length
        ? { ExposedPorts: Object.fromEntries(config.exposedPorts.map((port) => [withProtocol(port), {}])) }
        : {}),
      Env: config.env ?? ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      ...(config.entrypoint ? { Entrypoint: config.entrypoint } : {}),
      ...(config.cmd ? { Cmd: config.cmd } : {}),
      ...(config.workingDir ? { WorkingDir: config.workingDir } : {}),
      ...(config.labels ? { Labels: config.labels } : {}),
      ...(config.stopSignal ? { StopSignal: config.stopSignal } : {}),
    },
    rootfs: { type: 'layers', diff_ids: [layerDigest] },
    history: [{ created: '1970-01-01T00:00:00Z', created_by: 'minke image build' }],
  });
  const manifest = json({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(configBlob), size: configBlob.length },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: layerDigest, size: layer.sizeBytes }],
  });
  const index = json({
    schemaVersion: 2,
    manifests: [
      {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        digest: digestOf(manifest),
        size: manifest.length,
        annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1) },
        platform: { architecture, os: 'linux' },
      },
    ],
  });
  const file = (path: string, content: TarContent): TarEntry => ({ kind: 'file', name: path, mode: 0o644, content });
  return [
    file('oci-layout', json({ imageLayoutVersion: '1.0.0' })),
    file('index.json', index),
    { kind: 'directory', name: 'blobs', mode: 0o755 },
    { kind: 'directory', name: 'blobs/sha256', mode: 0o755 },
    file(blobPath(digestOf(manifest)), manifest),
    file(blobPath(digestOf(configBlob)), configBlob),
    file(blobPath(layerDigest), { path: layer.path, sizeBytes: layer.sizeBytes }),
  ];
}

function withProtocol(port: string): string {
  return port.includes('/') ? port : `${port}/tcp`;
}

function blobPath(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

function digestOf(blob: Uint8Array): string {
  return `sha256:${createHash('sha256').update(blob).digest('hex')}`;
}

/** A name that `-t` or a manifest gives, made whole as containerd does: `web` is `docker.io/library/web:latest`. */
export function wholeName(name: string): string {
  const at = name.indexOf('@');
  const [bare, digest] = at < 0 ? [name, ''] : [name.slice(0, at), name.slice(at)];
  const slash = bare.indexOf('/');
  const host = slash < 0 ? '' : bare.slice(0, slash);
  const hasHost = host.includes('.') || host.includes(':') || host === 'localhost';
  const path = hasHost ? bare : `docker.io/${slash < 0 ? 'library/' : ''}${bare}`;
  const hasTag = path.lastIndexOf(':') > path.lastIndexOf('/');
  return `${path}${hasTag || digest !== '' ? '' : ':latest'}${digest}`;
}

/** Undefined when the name can be used; otherwise what is wrong with it. */
export function nameProblem(name: string): string | undefined {
  const pattern =
    /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::\d+)?\/)?[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)*(?::\w[\w.-]{0,127})?$/;
  return pattern.test(name)
    ? undefined
    : `"${name}" is not an image name: want [HOST/]PATH[:TAG] in lower case, such as "minke.local/web:1"`;
}
