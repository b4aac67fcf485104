// `minke up`: starts the cluster in the foreground, or leaves it running in the background.
import { clusterPaths, startMachine } from '../cluster/machine/mod.ts';
import type { UpOptions } from './args.ts';
import type { StopSignals } from './process.ts';
import { type CommandIo, run } from './run.ts';

/** Resolves when the cluster has been stopped (or, in the background, is ready). Throws `CommandError`. */
export const up = (options: UpOptions, io: CommandIo): Promise<void> =>
  run(options, io, async ({ ports, log, step, stop }) => {
    const { url, stopped } = await startMachine({ ...options, ports, log, step, ...signalsOf(stop) });
    const farewell = `\nStopping Minke${options.node ? '; its containers go on' : ''}.\n`;
    return { welcome: welcome(url, options), farewell, stopped };
  });

/** What init sends before the machine goes ends the node's pods, and then Minke. */
const signalsOf = ({ signal, power, stop }: StopSignals) => ({ signal, power: { signal: power, done: stop } });

function welcome(url: string, options: UpOptions): string {
  const paths = clusterPaths(options.dataDir);
  const hasNodes = options.node || options.simulate > 0;
  const commands = [
    `export KUBECONFIG=${paths.kubeconfig}`,
    hasNodes ? 'kubectl apply -f examples/deployment.yaml' : 'kubectl create configmap hello --from-literal=greeting=hi',
    hasNodes ? 'kubectl get pods -o wide' : 'kubectl get configmaps',
  ];
  return `
API server  ${url}
kubeconfig  ${paths.kubeconfig}
log         ${paths.log}

Try next:
${commands.map((command) => `  ${command}\n`).join('')}`;
}
