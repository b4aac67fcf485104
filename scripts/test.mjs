// @ts-check
// `npm test`: sets up what is missing, then runs every test. `npm test -- unit` or `-- e2e` runs one part.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, checkNode, fail, installDebianPackages, installNpmPackages, nodePackages, root, run, testPackages } from './setup.mjs';

const parts = process.argv.slice(2).filter((arg) => !arg.startsWith('-'));
/** @param {string} part */
const wanted = (part) => parts.length === 0 || parts.includes(part);

checkNode();
installNpmPackages();
build();
if (wanted('types')) run('npm', ['run', '--silent', 'types'], 'Types do not fit.');
if (wanted('lint')) run('npm', ['run', '--silent', 'lint'], 'Run `npm run format`, then mend what is left.');
if (wanted('e2e')) installDebianPackages([...nodePackages, ...testPackages]);

/** Real containers and one machine's network: file after file. Everything else side by side. */
const projects = [
  { name: 'unit', flags: [] },
  { name: 'e2e', flags: ['--no-file-parallelism'] },
].filter(({ name }) => wanted(name));

const total = { passed: 0, failed: 0, skipped: 0 };
let broken = false;
const scratch = mkdtempSync(join(tmpdir(), 'minke-test-'));
for (const { name, flags } of projects) {
  const file = join(scratch, `${name}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const done = spawnSync(process.execPath, [vitest, 'run', '--project', name, ...flags, ...reporters], { cwd: root, stdio: 'inherit' });
  broken ||= done.status !== 0;
  try {
    const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(file, 'utf8'));
    total.passed += numPassedTests;
    total.failed += numFailedTests;
    total.skipped += numPendingTests;
  } catch {
    broken = true; // The runner ended before it could say how it went.
  }
}
rmSync(scratch, { recursive: true });
if (projects.length > 0) console.log(`Tests: ${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
if (broken) fail('See the failed tests above.');
