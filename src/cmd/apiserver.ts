// `minke apiserver`: the API server alone, in the foreground or left running in the background.
import { startApiServerAlone } from '../cluster/machine/mod.ts';
import type { ApiServerFlags } from './apiserver-flags.ts';
import { type CommandIo, run } from './run.ts';

/** Resolves when the server has been stopped (or, in the background, is ready). Throws `CommandError`. */
export const apiserver = (options: ApiServerFlags, io: CommandIo): Promise<void> =>
  run(options, io, async ({ ports, log, paths, stop }) => {
    const { url, stopped } = await startApiServerAlone({ ...options, ports, log, signal: stop.signal });
    const welcome = `
API server  ${url}
kubeconfig  ${paths.kubeconfig}
log         ${paths.log}

There are no controllers, no scheduler and no node: objects are stored and served, and nothing acts on them.
`;
    return { welcome, stopped };
  });
