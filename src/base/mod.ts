// The door of base/: no Kubernetes word in it. Ports are imported from `base/ports/` by name.
export * from './abort.ts';
export * from './assert.ts';
export * from './backoff.ts';
export * from './bounded-queue.ts';
export * from './clock.ts';
export * from './duration.ts';
export * from './heap.ts';
export * from './http-headers.ts';
export * from './logging.ts';
export * from './metrics.ts';
export * from './random.ts';
export * from './shared-deadline.ts';
export * from './slices.ts';
export * from './sorted-map.ts';
export * from './tasks.ts';
export * from './virtual-clock.ts';
