// What an image archive says about itself, docker's form or OCI's. Pure.
import { wholeName } from './image-config.ts';

/** The two documents that name the images of an archive. */
export const archiveDocuments: readonly string[] = ['manifest.json', 'index.json'];

export type ArchiveContent =
  | { readonly ok: true; readonly format: 'docker' | 'oci'; readonly names: readonly string[] }
  | { readonly ok: false; readonly problem: string };

/** `documents`: what was found of {@link archiveDocuments}, as text. */
export function describeArchive(documents: ReadonlyMap<string, string>): ArchiveContent {
  const [index, manifest] = [documents.get('index.json'), documents.get('manifest.json')];
  try {
    if (index !== undefined) return described('oci', namesOfIndex(JSON.parse(index)));
    if (manifest !== undefined) return described('docker', namesOfManifest(JSON.parse(manifest)));
  } catch (error) {
    return { ok: false, problem: `its list of images cannot be read (${error instanceof Error ? error.message : String(error)})` };
  }
  return {
    ok: false,
    problem:
      'it holds neither manifest.json (docker) nor index.json (OCI): make one with "docker save" or "skopeo copy ... oci-archive:FILE"',
  };
}

function described(format: 'docker' | 'oci', names: readonly string[]): ArchiveContent {
  if (names.length === 0) return { ok: false, problem: 'none of its images has a name: save it by name and tag, not by id' };
  return { ok: true, format, names: [...new Set(names)] };
}

/** An OCI index names an image in an annotation, whole (containerd's, docker's since 25) or as a bare tag, which is no name. */
function namesOfIndex(index: unknown): readonly string[] {
  const manifests = (index as { manifests?: readonly { annotations?: Readonly<Record<string, string>> }[] }).manifests ?? [];
  return manifests.flatMap(({ annotations = {} }) => {
    const name = annotations['io.containerd.image.name'] ?? annotations['org.opencontainers.image.ref.name'] ?? '';
    return /[:/]/.test(name) ? [wholeName(name)] : [];
  });
}

function namesOfManifest(manifest: unknown): readonly string[] {
  return (manifest as readonly { RepoTags?: readonly string[] | null }[]).flatMap(({ RepoTags }) => (RepoTags ?? []).map(wholeName));
}
