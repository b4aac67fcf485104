// The pods that the benchmarks create: an ordinary small one, and one whose stored form has the size of a pod of a busy cluster.

/** No scheduler takes them: what is measured is the API server. */
const schedulerName = 'bench-nobody';

/** About 1 KB as stored. */
export function smallPod(name: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app: 'bench', tier: 'web' } },
    spec: {
      schedulerName,
      containers: [
        {
          name: 'web',
          image: 'registry.example/team/web:1.4.2',
          ports: [{ name: 'http', containerPort: 8080 }],
          env: [
            { name: 'LOG_LEVEL', value: 'info' },
            { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
          ],
          resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '64Mi' } },
        },
      ],
    },
  });
}

const variables = Array.from({ length: 4 }, (_, i) => ({ name: `SETTING_${i}`, value: `value-of-setting-number-${i}-${'x'.repeat(24)}` }));
const probe = { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 10, timeoutSeconds: 2 };

/** About 5.2 KB as stored: 20,000 of them are a list of 105 MB. */
export function largePod(name: string): string {
  const container = {
    image: 'registry.example/team/web:1.4.2',
    args: ['--listen=:8080', '--config=/etc/web/config.yaml', '--metrics'],
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '500m', memory: '256Mi' } },
    volumeMounts: [
      { name: 'config', mountPath: '/etc/web' },
      { name: 'cache', mountPath: '/var/cache/web' },
    ],
  };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      labels: { app: 'web', 'app.kubernetes.io/name': 'web', 'app.kubernetes.io/version': '1.4.2', 'pod-template-hash': '6c9f5d7b8d' },
      annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '9090', 'example.com/note': 'n'.repeat(100) },
    },
    spec: {
      schedulerName,
      containers: [
        {
          ...container,
          name: 'web',
          ports: [{ name: 'http', containerPort: 8080 }],
          env: variables,
          readinessProbe: probe,
          livenessProbe: probe,
        },
        { ...container, name: 'sidecar', ports: [{ name: 'metrics', containerPort: 9090 }], env: variables.slice(0, 1) },
      ],
      volumes: [
        { name: 'config', configMap: { name: 'web-config' } },
        { name: 'cache', emptyDir: { sizeLimit: '1Gi' } },
      ],
    },
  });
}

/** A ConfigMap of 100 KB, as JSON. */
export const hugeConfigMap = (name: string): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data: { text: 'x'.repeat(100_000) } });
