// The door of the kubelet's server: loaded only where a real node runs.
export { type KubeletServer, type KubeletServerOptions, startKubeletServer } from './server.ts';
