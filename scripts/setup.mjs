// @ts-check
// What `npm run up` and `npm test` need on a fresh machine: npm packages, the build, Debian packages. Uses node alone,
// because nothing is installed yet when it runs.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** What a node needs: the file that shows that it is there, and the Debian package that brings it. */
export const nodePackages = [
  { package: 'containerd', command: 'containerd' },
  { package: 'runc', command: 'runc' },
  { package: 'containernetworking-plugins', file: '/usr/lib/cni/bridge', otherFile: '/opt/cni/bin/bridge' },
  { package: 'nftables', command: 'nft' },
  { package: 'iproute2', command: 'ip' },
  { package: 'busybox-static', command: 'busybox' },
  { package: 'catatonit', command: 'catatonit' },
  // A node goes without it, but then UDP flows to endpoints that have gone end only by their timeout.
  { package: 'conntrack', command: 'conntrack' },
];
export const testPackages = [
  { package: 'kubernetes-client', command: 'kubectl' },
  { package: 'etcd-server', command: 'etcd' },
  { package: 'bind9-dnsutils', command: 'dig' },
];

/** @param {string} message @returns {never} */
export function fail(message) {
  console.error(`error: ${message}`);
  process.exit(1);
}

/** @param {string} name */
function onPath(name) {
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/local/sbin',
    '/usr/local/bin',
    '/usr/sbin',
    '/usr/bin',
    '/sbin',
    '/bin',
  ];
  return folders.some((folder) => folder !== '' && existsSync(join(folder, name)));
}

/** @param {{ package: string, command?: string, file?: string, otherFile?: string }} needed */
const isPresent = (needed) =>
  needed.command ? onPath(needed.command) : [needed.file, needed.otherFile].some((file) => file !== undefined && existsSync(file));

/**
 * Runs a command with its output shown; ends the process with one sentence when it fails.
 * @param {string} command @param {string[]} args @param {string} remedy @param {Record<string, string>} [env]
 */
export function run(command, args, remedy, env = {}) {
  const done = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  if (done.error) fail(`Cannot run "${command}": ${done.error.message}. ${remedy}`);
  if (done.status !== 0) fail(`"${command} ${args.join(' ')}" ended with ${done.status ?? done.signal}. ${remedy}`);
}

/** @param {() => void} work @param {string} what */
export function step(what, work) {
  const start = performance.now();
  work();
  console.log(`✓ ${what} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
}

export function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 10))
    fail(`Minke needs Node.js 20.10 or newer; this is ${process.versions.node}. Install a newer one (https://nodejs.org).`);
}

/**
 * Installs the npm packages when the lock file has changed since the last time: those that it pins. Not `npm ci`, which refuses
 * a lock file that lacks optional packages of other platforms, as a registry mirror without them makes it.
 */
export function installNpmPackages() {
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
  const marker = join(root, 'node_modules/.minke-lock');
  if (existsSync(marker) && readFileSync(marker, 'utf8') === lock) return;
  step('npm packages installed', () =>
    run(
      'npm',
      ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
      'Check the connection to the npm registry.',
    ),
  );
  writeFileSync(marker, lock);
}

/** @param {string} folder @returns {number} */
function newestMtime(folder) {
  let newest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || entry.name.endsWith('.gen.ts') || entry.name.endsWith('.gen.json')) continue;
    newest = Math.max(newest, statSync(join(entry.parentPath, entry.name)).mtimeMs);
  }
  return newest;
}

/** Builds `dist/` when a source is newer than it. */
export function build() {
  const stamp = join(root, 'dist/.built');
  const newest = Math.max(newestMtime(join(root, 'src')), newestMtime(join(root, 'scripts')), statSync(join(root, 'package.json')).mtimeMs);
  if (existsSync(stamp) && statSync(stamp).mtimeMs >= newest) return;
  step('built', () => run(process.execPath, [join(root, 'scripts/build.mjs')], 'Run `npm run build` and read its output.'));
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(stamp, '');
}

/**
 * Installs the Debian packages that are missing, after naming them.
 * @param {{ package: string, command?: string, file?: string, otherFile?: string }[]} wanted
 */
export function installDebianPackages(wanted) {
  const missing = wanted.filter((needed) => !isPresent(needed)).map((needed) => needed.package);
  if (missing.length === 0) return;
  const command = `apt-get install --no-install-recommends ${missing.join(' ')}`;
  if (!onPath('apt-get'))
    fail(
      `These packages are missing: ${missing.join(', ')}. This is not a Debian or Ubuntu machine: install their equivalents by hand, then try again.`,
    );
  if (process.getuid?.() !== 0) fail(`These Debian packages are missing: ${missing.join(', ')}. Run as root: ${command}`);
  console.log(`Debian packages that are missing and will be installed: ${missing.join(', ')}`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  step('Debian packages installed', () => {
    run('apt-get', ['update', '-qq'], 'Check the connection to the Debian mirror.', env);
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], `Install them by hand: ${command}`, env);
  });
}
