// @ts-check
// `npm run build`: generates types and schema, bundles the command and the package's export into dist/, emits declarations.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { installNpmPackages } from './setup.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** @param {string[]} args */
function node(args) {
  const done = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (done.status !== 0) process.exit(done.status ?? 1);
}

// A package that has come with a change of the lock file.
installNpmPackages();
node([join(root, 'scripts/generate.mjs')]);
rmSync(join(root, 'dist'), { recursive: true, force: true });
await build({
  absWorkingDir: root,
  // heavy-thread is the program of a thread (src/base/ports/threads.ts).
  entryPoints: { minke: 'src/cmd/minke.ts', index: 'src/cluster/mod.ts', 'heavy-thread': 'src/apiserver/heavy/thread-program.ts' },
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  splitting: true,
  minifySyntax: true,
  sourcemap: 'linked',
  // lmdb is native; all else goes into the bundle, because one file starts faster than a thousand.
  external: ['lmdb'],
  define: { 'globalThis.__MINKE_VERSION__': JSON.stringify(version) },
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
  logLevel: 'warning',
});
node([join(root, 'node_modules/tsgo/bin/tsc'), '-p', join(root, 'tsconfig.build.json')]);
