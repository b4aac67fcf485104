// The door of the kubelet's server: loaded only where a real node runs.
export { createKubeletAccess, type KubeletAccess } from './access.ts';
export { parseRoute } from './routes.ts';
export { createKubeletHandler, type KubeletHandler, type KubeletServer, type KubeletServerOptions, startKubeletServer } from './server.ts';
