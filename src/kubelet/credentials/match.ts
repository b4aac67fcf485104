// Which images a credential is for: `*.registry.example:5000/team`, as pull secrets and credential providers name them. Pure.
// Source: https://kubernetes.io/docs/tasks/administer-cluster/kubelet-credential-provider/#configure-image-matching

export interface ImagePattern {
  readonly labels: readonly string[];
  readonly port: string;
  readonly path: string;
}

export interface NamedImage {
  readonly registry: string;
  readonly repository: string;
}

/** Undefined for what is no registry. */
export function parseImagePattern(text: string): ImagePattern | undefined {
  const [, host, port = '', path = ''] = /^(\[[0-9a-fA-F:]+\]|[^:/@\s[\]]+)(?::(\d{1,5}))?(?:\/(\S*))?$/.exec(text) ?? [];
  return host === undefined ? undefined : { labels: host.split('.'), port, path };
}

/** True when a key of a docker config (`https://index.docker.io/v1/`, `*.example.com/team`) is meant for the image. */
export function keyFits(key: string, image: NamedImage): boolean {
  const plain = key.replace(/^https?:\/\//, '').replace(/\/(v1|v2)?\/?$/, '');
  const pattern = parseImagePattern(plain.replace(/^(index|registry-1)\.docker\.io(?=\/|$)/, 'docker.io'));
  return pattern !== undefined && matchesImage(pattern, image);
}

/** As many parts of the host, of which a pattern's may have `*` and `?`; the same port; a path that begins like the pattern's. */
export function matchesImage(pattern: ImagePattern, image: NamedImage): boolean {
  const { labels, port } = parseImagePattern(image.registry) ?? { labels: [], port: '' };
  return (
    pattern.port === port &&
    pattern.labels.length === labels.length &&
    pattern.labels.every((label, i) => globFits(label, labels[i] ?? '')) &&
    image.repository.startsWith(pattern.path)
  );
}

const globFits = (glob: string, text: string): boolean =>
  new RegExp(
    `^${glob
      .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  ).test(text);
