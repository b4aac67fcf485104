// @ts-check
// `npm run up`: sets up what is missing, then starts the cluster in the foreground. Arguments go to `minke up`.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { build, checkNode, installDebianPackages, installNpmPackages, nodePackages, root } from './setup.mjs';

const args = process.argv.slice(2);
const simulates = args.some((arg) => arg.startsWith('--simulate'));
// Without root, simulated nodes are the only ones.
const withoutNode = args.includes('--no-node') || (simulates && process.getuid?.() !== 0);
checkNode();
installNpmPackages();
build();
if (!withoutNode) installDebianPackages(nodePackages);

const child = spawn(process.execPath, [join(root, 'bin/minke'), 'up', ...args], { stdio: 'inherit' });
// The terminal sends Ctrl-C to both; this process only waits for the other's orderly end.
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
  process.on(signal, () => signal !== 'SIGINT' && child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
