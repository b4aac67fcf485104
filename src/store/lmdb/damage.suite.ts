// Damages copies of a store's file at random, in a process of their own, and gives what became of each: for damage.test.ts and its long form.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const maxMs = 3_600_000;

export interface DamageResult {
  /** How many copies became what: `refused`, `told`, `found by the check`, `untouched`. */
  readonly became: Readonly<Record<string, number>>;
  /** One sentence each, with the seed. */
  readonly wrong: readonly string[];
}

export async function damageRounds({ first, count }: { readonly first: number; readonly count: number }): Promise<DamageResult> {
  // Under node_modules, so that the bundle finds the packages it does not contain.
  const bundleDir = join(here, `../../../node_modules/.minke-damage-${process.pid}`);
  const root = await mkdtemp(join(tmpdir(), 'minke-damage-'));
  try {
    await mkdir(bundleDir, { recursive: true });
    const script = join(bundleDir, 'child.mjs');
    const options = { bundle: true, platform: 'node', format: 'esm', packages: 'external', logLevel: 'error' } as const;
    await build({ ...options, entryPoints: [join(here, 'damage.child.ts')], outfile: script });
    const wrong: string[] = [];
    const said = await new Promise<string>((resolve) => {
      const args = [script, root, String(first), String(count)];
      execFile(process.execPath, args, { timeout: maxMs, maxBuffer: 2 ** 28 }, (error, stdout, stderr) => {
        if (error) wrong.push(`the process died (${error.signal ?? error.code}): ${stderr.slice(-500)}`);
        resolve(stdout);
      });
    });
    if (wrong.length > 0) wrong.push(await readFile(join(root, 'last'), 'utf8').catch(() => 'before the first'));
    const became: Record<string, number> = {};
    for (const line of said.split('\n').filter((text) => text.endsWith('}'))) {
      const fact = JSON.parse(line) as { seed: number; what: string; became: string; wrong: readonly string[] };
      became[fact.became] = (became[fact.became] ?? 0) + 1;
      for (const text of fact.wrong) wrong.push(`seed ${fact.seed}, ${fact.what}: ${text}`);
    }
    return { became, wrong };
  } finally {
    await rm(bundleDir, { recursive: true, force: true });
    await rm(root, { recursive: true, force: true });
  }
}
