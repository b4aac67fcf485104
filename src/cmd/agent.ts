// `minke agent`: makes this machine a node of another's cluster, in the foreground or left running in the background.
import { startAgent } from '../cluster/machine/mod.ts';
import type { AgentFlags } from './agent-flags.ts';
import { type CommandIo, run } from './run.ts';

/** Resolves when the node has been stopped (or, in the background, is ready). Throws `CommandError`. */
export const agent = (options: AgentFlags, io: CommandIo): Promise<void> =>
  run(options, io, async ({ ports, log, paths, step, stop }) => {
    const { identity, stopped } = await startAgent({ ...options, ports, log, step, signal: stop.signal });
    const { nodeName, server, podCidr } = identity;
    const welcome = `\nnode        ${nodeName}\ncluster     ${server}\npods        ${podCidr}\nlog         ${paths.log}\n`;
    return { welcome, farewell: '\nStopping Minke; its containers go on.\n', stopped };
  });
