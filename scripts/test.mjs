// @ts-check
// `npm test`: sets up what is missing, then runs every test. `npm test -- unit` or `-- e2e` runs one part.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
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
/** What went wrong, told again at the very end: the log of a whole run is long. @type {string[]} */
const complaints = [];
const scratch = mkdtempSync(join(tmpdir(), 'minke-test-'));
for (const { name, flags } of projects) {
  const file = join(scratch, `${name}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const done = spawnSync(process.execPath, [vitest, 'run', '--project', name, ...flags, ...reporters], { cwd: root, stdio: 'inherit' });
  if (done.status !== 0) complaints.push(`${name}: the test runner ended with ${done.signal ?? `exit code ${done.status}`}`);
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'));
    total.passed += report.numPassedTests;
    total.failed += report.numFailedTests;
    total.skipped += report.numPendingTests;
    complaints.push(...complaintsOf(report));
  } catch (error) {
    complaints.push(`${name}: the test runner left no report: ${error instanceof Error ? error.message : error}`);
  }
}
rmSync(scratch, { recursive: true });
if (projects.length > 0) console.log(`Tests: ${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
if (complaints.length > 0) fail(complaints.join('\n'));

/**
 * A line for each test that failed, and for each file that could not be read or whose worker ended in the middle (its tests are then neither passed nor failed).
 * @param {{ testResults: { name: string, message: string, status: string, assertionResults: { fullName: string, status: string, failureMessages: string[] }[] }[] }} report
 */
function complaintsOf({ testResults }) {
  return testResults.flatMap(({ name, message, assertionResults }) => {
    const path = relative(root, name);
    const lines = message ? [`${path}: ${firstLine(message)}`] : [];
    for (const { fullName, status, failureMessages } of assertionResults) {
      if (status === 'failed') lines.push(`${path}: ${fullName}: ${firstLine(failureMessages[0] ?? 'failed')}`);
      else if (status === 'pending') lines.push(`${path}: ${fullName}: was running when its worker ended`);
    }
    return lines;
  });
}

/** @param {string} text */
function firstLine(text) {
  return text.split('\n', 1)[0]?.slice(0, 300);
}
