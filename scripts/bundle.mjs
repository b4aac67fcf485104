// @ts-check
// How every program of Minke is bundled: one file starts faster than a thousand.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from './setup.mjs';

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Programs that the command needs beside its own file, by the names under which it looks for them (src/base/ports/threads.ts). */
export const threadPrograms = { 'heavy-thread': 'src/apiserver/heavy/thread-program.ts' };

/**
 * @param {Record<string, string>} entryPoints name in `outdir` to source file
 * @param {string} outdir
 */
export async function bundle(entryPoints, outdir) {
  await build({
    absWorkingDir: root,
    entryPoints,
    outdir,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    splitting: true,
    minifySyntax: true,
    sourcemap: 'linked',
    // lmdb is native.
    external: ['lmdb'],
    define: { 'globalThis.__MINKE_VERSION__': JSON.stringify(version) },
    banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
    logLevel: 'warning',
  });
}
