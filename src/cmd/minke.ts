// The command `minke`: parses the words, makes the machine's ports, runs one verb, exits.
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { kubernetesVersion, minkeVersion } from '../api/mod.ts';
import { systemClock } from '../base/ports/clock.ts';
import { systemFiles } from '../base/ports/fs.ts';
import { readMachine } from '../base/ports/machine.ts';
import { systemProcesses } from '../base/ports/process.ts';
import { systemRandom } from '../base/ports/random.ts';
import type { MachinePorts } from '../cluster/machine/mod.ts';
import { type Command, parseCommand } from './args.ts';
import { CommandError } from './flags.ts';
import { helpText } from './help.ts';
import { reporter } from './process.ts';

const out = (text: string): void => void process.stdout.write(text);
const isRoot = process.getuid?.() === 0;

const machinePorts = (): MachinePorts => ({
  clock: systemClock,
  random: systemRandom,
  fs: systemFiles,
  processes: systemProcesses,
  machine: readMachine(),
  isRoot,
  pid: process.pid,
});

/** Each verb is loaded when it is asked for: `minke version` does not read the cluster's code. */
async function run(command: Command): Promise<number> {
  switch (command.do) {
    case 'help':
      out(helpText(command.topic));
      return 0;
    case 'version':
      out(`minke ${minkeVersion} (Kubernetes ${kubernetesVersion})\n`);
      return 0;
    case 'up': {
      const { up } = await import('./up.ts');
      await up(
        { ...command, dataDir: resolve(command.dataDir) },
        { ports: machinePorts(), out, isTerminal: process.stdout.isTTY === true, report: reporter() },
      );
      return 0;
    }
    case 'agent': {
      const { agent } = await import('./agent.ts');
      await agent(
        { ...command, dataDir: resolve(command.dataDir) },
        { ports: machinePorts(), out, isTerminal: process.stdout.isTTY === true, report: reporter() },
      );
      return 0;
    }
    case 'apiserver': {
      const { apiserver } = await import('./apiserver.ts');
      await apiserver(
        { ...command, dataDir: resolve(command.dataDir) },
        { ports: machinePorts(), out, isTerminal: process.stdout.isTTY === true, report: reporter() },
      );
      return 0;
    }
    case 'down': {
      const { down } = await import('./down.ts');
      await down({ ...command, dataDir: resolve(command.dataDir) }, machinePorts(), out);
      return 0;
    }
    case 'status': {
      const { status } = await import('./status.ts');
      return status(resolve(command.dataDir), machinePorts(), out);
    }
    case 'why': {
      const { why } = await import('./why.ts');
      await why({ ...command, dataDir: resolve(command.dataDir) }, machinePorts(), out);
      return 0;
    }
    case 'checkSecurity':
      return (await import('./check.ts')).checkSecurity(resolve(command.dataDir), machinePorts(), out);
    case 'storeCheck':
      return (await import('./store.ts')).store({ ...command, dataDir: resolve(command.dataDir) }, machinePorts(), out);
    case 'storeBackup':
    case 'storeRestore': {
      const paths = { dataDir: resolve(command.dataDir), file: resolve(command.file) };
      return (await import('./store.ts')).store({ ...command, ...paths }, machinePorts(), out);
    }
    case 'tokenCreate':
    case 'tokenList':
    case 'tokenDelete': {
      await (await import('./token.ts')).token({ ...command, dataDir: resolve(command.dataDir) }, machinePorts(), out);
      return 0;
    }
    case 'imageImport':
    case 'imageList':
    case 'imageBuild': {
      const { image } = await import('./image.ts');
      await image({ ...command, dataDir: resolve(command.dataDir) }, machinePorts(), out);
      return 0;
    }
  }
}

async function main(): Promise<void> {
  // While a server starts, all that it makes stays, and V8 concludes that what these lines of code make is best made in the old generation. That
  // would hold for years of requests, too, of which each then lives until the next full collection.
  setFlagsFromString('--no-allocation-site-pretenuring');
  // What a mistake in our own code throws where nobody waits: said, and the process ends; the next start goes on.
  const fatal = (error: unknown) => {
    const text = `Minke has met an error of its own and ends: ${error instanceof Error ? error.stack : String(error)}`;
    process.stderr.write(`error: ${text}\n`);
    void (reporter()?.({ ok: false, text }) ?? Promise.resolve()).finally(() => process.exit(1));
  };
  // Whoever read the output has read enough (`minke status | head`): what runs goes on.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') fatal(error);
  });
  process.on('uncaughtException', fatal);
  process.on('unhandledRejection', fatal);
  try {
    const command = parseCommand(process.argv.slice(2), { isRoot, homeDir: homedir() });
    process.exitCode = await run(command);
  } catch (error) {
    const text = error instanceof CommandError ? error.message : error instanceof Error ? error.message : String(error);
    process.stderr.write(`error: ${text}\n`);
    await reporter()?.({ ok: false, text });
    process.exitCode = 1;
  }
}

await main();
// Everything has been stopped in order; whatever a library still holds open must not keep the process.
process.exit();
