// @ts-check
// `npm run bench [-- PART...] [--keep-profile DIR]`: bundles the benchmarks together with the command they measure, and runs them.
// Every figure stands beside the machine's own limit, measured in the same run: absolute figures move from machine to machine.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** @param {string} script */
function need(script) {
  const done = spawnSync(process.execPath, [join(root, 'scripts', script)], { cwd: root, stdio: 'inherit' });
  if (done.status !== 0) process.exit(done.status ?? 1);
}

if (!existsSync(join(root, 'node_modules/esbuild'))) need('setup.mjs');
if (!existsSync(join(root, 'src/api/generated/schema.gen.ts'))) need('generate.mjs');
const { build } = await import('esbuild');

// Under node_modules, so that the bundle finds the packages it does not contain; a folder of its own, so that a build may go on beside it.
mkdirSync(join(root, 'node_modules/.cache'), { recursive: true });
const out = mkdtempSync(join(root, 'node_modules/.cache/minke-bench-'));
process.on('exit', () => rmSync(out, { recursive: true, force: true }));

await build({
  absWorkingDir: root,
  entryPoints: {
    main: 'bench/main.ts',
    load: 'bench/load/main.ts',
    bare: 'bench/load/bare-server.ts',
    disk: 'bench/load/bare-disk.ts',
    local: 'bench/load/in-process.ts',
    fleet: 'bench/load/fleet.ts',
    wire: 'bench/network/wire.ts',
    probes: 'bench/load/probes.ts',
    definitions: 'bench/load/definitions.ts',
    minke: 'src/cmd/minke.ts',
    'heavy-thread': 'src/apiserver/heavy/thread-program.ts',
  },
  outdir: out,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  splitting: true,
  // What scripts/build.mjs does to the command.
  minifySyntax: true,
  sourcemap: 'linked',
  external: ['lmdb'],
  define: { 'globalThis.__MINKE_VERSION__': JSON.stringify(version) },
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
  logLevel: 'warning',
});

const child = spawn(process.execPath, [join(out, 'main.js'), ...process.argv.slice(2)], { cwd: root, stdio: 'inherit' });
// The child takes its clusters down first; both get the terminal's Ctrl-C.
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.on(signal, () => child.kill('SIGTERM'));
child.on('exit', (code) => process.exit(code ?? 1));
