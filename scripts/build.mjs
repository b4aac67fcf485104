// @ts-check
// `npm run build`: generates types and schema, bundles the command and the package's export into dist/, emits declarations.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { bundle, threadPrograms } from './bundle.mjs';
import { installNpmPackages, root } from './setup.mjs';

/** @param {string[]} args */
function node(args) {
  const done = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (done.status !== 0) process.exit(done.status ?? 1);
}

// A package that has come with a change of the lock file.
installNpmPackages();
node([join(root, 'scripts/generate.mjs')]);
rmSync(join(root, 'dist'), { recursive: true, force: true });
await bundle({ minke: 'src/cmd/minke.ts', index: 'src/cluster/mod.ts', ...threadPrograms }, 'dist');
node([join(root, 'node_modules/tsgo/bin/tsc'), '-p', join(root, 'tsconfig.build.json')]);
