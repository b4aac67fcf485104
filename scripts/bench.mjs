// @ts-check
// `npm run bench [-- PART...] [--keep-profile DIR]`: bundles the benchmarks together with the command they measure, and runs them.
// Every figure stands beside the machine's own limit, measured in the same run: absolute figures move from machine to machine.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

/** @param {string} script */
function need(script) {
  const done = spawnSync(process.execPath, [join(root, 'scripts', script)], { cwd: root, stdio: 'inherit' });
  if (done.status !== 0) process.exit(done.status ?? 1);
}

if (!existsSync(join(root, 'node_modules/esbuild'))) need('setup.mjs');
if (!existsSync(join(root, 'src/api/generated/schema.gen.ts'))) need('generate.mjs');
const { bundle, threadPrograms } = await import('./bundle.mjs');

// Under node_modules, so that the bundle finds the packages it does not contain; a folder of its own, so that a build may go on beside it.
mkdirSync(join(root, 'node_modules/.cache'), { recursive: true });
const out = mkdtempSync(join(root, 'node_modules/.cache/minke-bench-'));
process.on('exit', () => rmSync(out, { recursive: true, force: true }));

// As the command itself is bundled.
await bundle(
  {
    main: 'bench/main.ts',
    load: 'bench/load/main.ts',
    bare: 'bench/load/bare-server.ts',
    disk: 'bench/load/bare-disk.ts',
    local: 'bench/load/in-process.ts',
    fleet: 'bench/load/fleet.ts',
    wire: 'bench/network/wire.ts',
    'turn-meter': 'bench/load/turn-meter.ts',
    probes: 'bench/load/probes.ts',
    definitions: 'bench/load/definitions.ts',
    minke: 'src/cmd/minke.ts',
    ...threadPrograms,
  },
  out,
);

const child = spawn(process.execPath, [join(out, 'main.js'), ...process.argv.slice(2)], { cwd: root, stdio: 'inherit' });
// The child takes its clusters down first; both get the terminal's Ctrl-C.
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.on(signal, () => child.kill('SIGTERM'));
child.on('exit', (code) => process.exit(code ?? 1));
