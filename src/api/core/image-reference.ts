// What an image reference says about pulling.

/** The tag of an image reference; `latest` when it has neither tag nor digest, undefined when only a digest. */
export function imageTag(image: string): string | undefined {
  const at = image.indexOf('@');
  const name = at < 0 ? image : image.slice(0, at);
  const colon = name.indexOf(':', name.lastIndexOf('/') + 1);
  if (colon >= 0) return name.slice(colon + 1);
  return at < 0 ? 'latest' : undefined;
}

/** What may change under the same name is pulled again each time. */
export const defaultPullPolicy = (image: string): 'Always' | 'IfNotPresent' => (imageTag(image) === 'latest' ? 'Always' : 'IfNotPresent');
