import { describe, expect, test } from 'vitest';
import { type ConfigOptions, parseVersion, renderConfig } from './config.ts';
import { runtimePaths } from './paths.ts';

const options: ConfigOptions = {
  version: { major: 1, minor: 6 },
  paths: runtimePaths({ clusterId: '3fa9c1', dataDir: '/var/lib/minke' }),
  pauseImage: 'minke.local/pause:1',
  snapshotter: 'overlayfs',
  restrictOomScoreAdj: true,
  cniBinDir: '/usr/lib/cni',
};

/** The values of one table of the file, by its header. */
function tableOf(config: string, header: string): Record<string, unknown> {
  const start = config.indexOf(`[${header}]\n`);
  if (start < 0) return {};
  const body = config.slice(start + header.length + 3).split('\n[')[0] ?? '';
  return Object.fromEntries(
    body.split('\n').flatMap((line) => {
      const [, key, value] = /^(\w+) = (.*)$/.exec(line) ?? [];
      return key === undefined ? [] : [[key, JSON.parse(value ?? '')]];
    }),
  );
}

const criV2 = 'plugins."io.containerd.grpc.v1.cri"';
const runtimeV3 = 'plugins."io.containerd.cri.v1.runtime"';
const imagesV3 = 'plugins."io.containerd.cri.v1.images"';

describe('renderConfig', () => {
  test('for containerd 1.6', () => {
    const config = renderConfig(options);
    expect(config).toContain('version = 2\nroot = "/var/lib/minke/containerd/root"\nstate = "/run/minke/3fa9c1/state"\n');
    expect(tableOf(config, 'grpc')).toEqual({ address: '/run/minke/3fa9c1/containerd.sock' });
    expect(tableOf(config, criV2)).toMatchObject({
      sandbox_image: 'minke.local/pause:1',
      restrict_oom_score_adj: true,
      stream_server_address: '127.0.0.1',
      stream_server_port: '0',
      netns_mounts_under_state_dir: true,
    });
    expect(tableOf(config, `${criV2}.cni`)).toEqual({ bin_dir: '/usr/lib/cni', conf_dir: '/var/lib/minke/containerd/cni' });
    expect(tableOf(config, `${criV2}.containerd.runtimes.runc.options`)).toEqual({ SystemdCgroup: false, Root: '/run/minke/3fa9c1/runc' });
    expect(tableOf(config, `${criV2}.registry`)).toEqual({ config_path: '/var/lib/minke/containerd/registries' });
    expect(config).not.toContain('nri');
  });

  test('for containerd 1.7 switches NRI off', () => {
    expect(tableOf(renderConfig({ ...options, version: { major: 1, minor: 7 } }), 'plugins."io.containerd.nri.v1.nri"')).toEqual({
      disable: true,
    });
  });

  test.each([
    [0, { bin_dir: '/usr/lib/cni' }],
    [1, { bin_dirs: ['/usr/lib/cni'] }],
  ])('for containerd 2.%i', (minor, bin) => {
    const config = renderConfig({ ...options, version: { major: 2, minor }, snapshotter: 'native', restrictOomScoreAdj: false });
    expect(config).toContain('version = 3\n');
    expect(tableOf(config, `${runtimeV3}.cni`)).toEqual({ ...bin, conf_dir: '/var/lib/minke/containerd/cni' });
    expect(tableOf(config, runtimeV3)).toMatchObject({ restrict_oom_score_adj: false });
    expect(tableOf(config, imagesV3)).toMatchObject({ snapshotter: 'native' });
    expect(tableOf(config, `${imagesV3}.pinned_images`)).toEqual({ sandbox: 'minke.local/pause:1' });
    expect(config).not.toContain(`${criV2}.`);
  });

  test('keeps every socket within what a unix socket’s name may have', () => {
    const { socket } = runtimePaths({ clusterId: '3fa9c1', dataDir: `/${'long/'.repeat(60)}` });
    expect(`${socket}.ttrpc`.length).toBeLessThan(108);
  });
});

test.each([
  ['containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3', { major: 1, minor: 6 }],
  ['containerd containerd.io 1.7.27 05044ec0a9a75232cad458027ca83437aae3f4da', { major: 1, minor: 7 }],
  ['containerd github.com/containerd/containerd/v2 v2.1.4 75cb2b7193e4', { major: 2, minor: 1 }],
  ['containerd unknown', undefined],
])('parseVersion(%j)', (text, expected) => {
  expect(parseVersion(text)).toEqual(expected);
});
