// containerd's configuration file, for 1.6 and 1.7 (version 2) and 2.x (version 3). Pure.
// https://github.com/containerd/containerd/blob/main/docs/cri/config.md
import type { RuntimePaths } from './paths.ts';

export interface ContainerdVersion {
  readonly major: number;
  readonly minor: number;
}

export interface ConfigOptions {
  readonly version: ContainerdVersion;
  readonly paths: RuntimePaths;
  readonly pauseImage: string;
  readonly snapshotter: 'overlayfs' | 'native';
  /** The host cannot lower OOM scores: without this every sandbox fails. */
  readonly restrictOomScoreAdj: boolean;
  /** The directory that holds the CNI plugins; containerd 1.6 and 1.7 take just one. */
  readonly cniBinDir: string;
}

/** As long as upstream's own lines in container logs. */
const logLineMaxBytes = 16_384;
/** Walking all snapshots for their sizes is what an idle containerd spends its time on. */
const statsPeriodSeconds = 30;

/** Not of use to Minke; some of them make directories outside the cluster's own. Names that a version does not know are ignored. */
const disabledPlugins = [
  'io.containerd.internal.v1.opt',
  'io.containerd.internal.v1.restart',
  'io.containerd.snapshotter.v1.aufs',
  'io.containerd.snapshotter.v1.blockfile',
  'io.containerd.snapshotter.v1.btrfs',
  'io.containerd.snapshotter.v1.devmapper',
  'io.containerd.snapshotter.v1.zfs',
];

type Value = string | number | boolean | readonly string[];
/** A TOML table: its path, and its keys. */
type Table = readonly [path: readonly string[], values: Readonly<Record<string, Value>>];

export function renderConfig(options: ConfigOptions): string {
  const isV3 = options.version.major >= 2;
  const { paths } = options;
  const head: Readonly<Record<string, Value>> = {
    version: isV3 ? 3 : 2,
    root: paths.root,
    state: paths.state,
    disabled_plugins: disabledPlugins,
  };
  const tables: readonly Table[] = [
    [['grpc'], { address: paths.socket }],
    // The default is beside the default gRPC socket, which is another containerd's.
    [['ttrpc'], { address: `${paths.socket}.ttrpc` }],
    [['debug'], { level: 'warn' }],
    ...(isV3 ? v3Tables(options) : v2Tables(options)),
  ];
  return `# Written by Minke at every start: changes are lost.\n${keys(head)}${tables.map(table).join('')}`;
}

function v2Tables(options: ConfigOptions): readonly Table[] {
  const { paths, version } = options;
  const cri = ['plugins', 'io.containerd.grpc.v1.cri'];
  return [
    [cri, { ...streamServer, ...runtimeSettings(options), sandbox_image: options.pauseImage, stats_collect_period: statsPeriodSeconds }],
    [[...cri, 'cni'], { bin_dir: options.cniBinDir, conf_dir: paths.cniConf }],
    [[...cri, 'containerd'], { snapshotter: options.snapshotter, default_runtime_name: 'runc' }],
    ...runcTables(cri, paths),
    [[...cri, 'registry'], { config_path: paths.registries }],
    ...(version.minor >= 7 ? [nriOff] : []),
  ];
}

function v3Tables(options: ConfigOptions): readonly Table[] {
  const { paths, version } = options;
  const runtime = ['plugins', 'io.containerd.cri.v1.runtime'];
  const images = ['plugins', 'io.containerd.cri.v1.images'];
  // 2.1 takes several directories, and warns about the old key.
  const binDir = version.major > 2 || version.minor >= 1 ? { bin_dirs: [options.cniBinDir] } : { bin_dir: options.cniBinDir };
  return [
    [['plugins', 'io.containerd.grpc.v1.cri'], streamServer],
    [runtime, runtimeSettings(options)],
    [[...runtime, 'cni'], { ...binDir, conf_dir: paths.cniConf }],
    [[...runtime, 'containerd'], { default_runtime_name: 'runc' }],
    ...runcTables(runtime, paths),
    [images, { snapshotter: options.snapshotter, stats_collect_period: statsPeriodSeconds }],
    [[...images, 'pinned_images'], { sandbox: options.pauseImage }],
    [[...images, 'registry'], { config_path: paths.registries }],
    nriOff,
  ];
}

/** Port 0: any free one. The kubelet learns it from the URL of each session. */
const streamServer = { stream_server_address: '127.0.0.1', stream_server_port: '0', disable_tcp_service: true };

/** It would make sockets and directories outside the cluster's own. */
const nriOff: Table = [['plugins', 'io.containerd.nri.v1.nri'], { disable: true }];

function runtimeSettings(options: ConfigOptions): Readonly<Record<string, Value>> {
  return {
    restrict_oom_score_adj: options.restrictOomScoreAdj,
    max_container_log_line_size: logLineMaxBytes,
    // Namespaces under /run/netns would be mixed with other programs'.
    netns_mounts_under_state_dir: true,
    tolerate_missing_hugetlb_controller: true,
    enable_unprivileged_ports: true,
    enable_unprivileged_icmp: true,
  };
}

/** What RuntimeClasses may name. The second one is what upstream's tests expect a node to be set up with. */
const handlers = ['runc', 'test-handler'];

function runcTables(at: readonly string[], paths: RuntimePaths): readonly Table[] {
  return handlers.flatMap((handler): readonly Table[] => {
    const runtime = [...at, 'containerd', 'runtimes', handler];
    return [
      [runtime, { runtime_type: 'io.containerd.runc.v2' }],
      [[...runtime, 'options'], { SystemdCgroup: false, Root: paths.runcRoot }],
    ];
  });
}

function table([path, values]: Table): string {
  return `\n[${path.map((part) => (/^\w+$/.test(part) ? part : JSON.stringify(part))).join('.')}]\n${keys(values)}`;
}

function keys(values: Readonly<Record<string, Value>>): string {
  // JSON's strings, numbers, booleans and lists of strings are TOML's too.
  return Object.entries(values)
    .map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`)
    .join('');
}

/** Reads `containerd github.com/containerd/containerd 1.6.20~ds1 ...`; undefined when it says something else. */
export function parseVersion(text: string): ContainerdVersion | undefined {
  const match = /\bv?(\d+)\.(\d+)\.\d+/.exec(text);
  return match ? { major: Number(match[1]), minor: Number(match[2]) } : undefined;
}
