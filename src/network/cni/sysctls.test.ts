// What the machine's settings were before is known, whatever comes in between, and is put back once.
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { systemFiles } from '../../base/ports/fs.ts';
import { createSysctls } from './sysctls.ts';

const dir = mkdtempSync(join(tmpdir(), 'minke-sysctls-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const read = (name: string) => readFileSync(join(dir, name), 'utf8').trim();

test('the first value is the one put back, by whoever is last; what was right is left alone', async () => {
  writeFileSync(join(dir, 'forward'), '0\n');
  writeFileSync(join(dir, 'right'), '1\n');
  symlinkSync('net:[4711]', join(dir, 'ns'));
  const record = join(dir, 'run/sysctls-4711.json');
  const of = () => createSysctls({ fs: systemFiles, dir: join(dir, 'run'), root: dir, namespace: join(dir, 'ns') });
  expect([await of().set('forward', '1'), await of().set('right', '1'), await of().set('missing', '1')]).toEqual([true, true, false]);
  writeFileSync(join(dir, 'forward'), '2\n');
  await of().set('forward', '1');
  expect([read('forward'), JSON.parse(readFileSync(record, 'utf8'))]).toEqual(['1', { forward: '0' }]);
  writeFileSync(join(dir, 'right'), '5\n');
  await of().restore();
  expect([read('forward'), read('right')]).toEqual(['0', '5']);
  writeFileSync(join(dir, 'forward'), '7\n');
  await of().restore();
  expect(read('forward')).toBe('7');
});

test('a record that is damaged is no record', async () => {
  writeFileSync(join(dir, 'sysctls-all.json'), '{');
  await createSysctls({ fs: systemFiles, dir, root: dir, namespace: join(dir, 'none') }).restore();
  expect(read('right')).toBe('5');
});
