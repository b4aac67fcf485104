// The door of client/: transports, typed client, informers, work queue, leader election, events.
export * from './client.ts';
export { combinedPrefix } from './event-correlation.ts';
export * from './events.ts';
export * from './handler.ts';
export * from './http.ts';
export * from './in-process.ts';
export * from './informer.ts';
export * from './informers.ts';
export * from './leader-election.ts';
export * from './paths.ts';
export * from './transport.ts';
export * from './typed-client.ts';
export * from './work-queue.ts';
export { createWorkQueueMetrics, type WorkQueueMetrics } from './work-queue-metrics.ts';
