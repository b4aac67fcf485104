// Minke's own version, put in by the build, and that of the API which it serves.

declare global {
  // Replaced by the bundler.
  var __MINKE_VERSION__: string | undefined;
}

/** `0.1.0`; `dev` when run from the sources. */
export const minkeVersion: string = globalThis.__MINKE_VERSION__ ?? 'dev';

/** What nodes and server say of their version. */
export const kubernetesVersion = `v1.36.0+minke${minkeVersion}`;
