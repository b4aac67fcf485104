// The container runtime's seam: the contract, and its implementation over CRI.
export { type CriRuntimeOptions, createCriRuntime, type HostPorts, type PodGate } from './cri-runtime.ts';
export { createImageViews, type ImageViews } from './image-views.ts';
export * from './runtime.ts';
