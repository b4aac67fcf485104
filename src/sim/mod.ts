// The door of sim/: a node without a machine, and faults for it.
export { type FaultOptions, noFaults } from './runtime/faults.ts';
export { createSimProbeIo } from './runtime/probe-io.ts';
export { createSimRuntime, type SimRuntime, type SimRuntimeOptions } from './runtime/runtime.ts';
export { createSimNodeServer, type SimNodeServer } from './server/node-server.ts';
export { createSimUsage, type SimUsageOptions } from './usage.ts';
