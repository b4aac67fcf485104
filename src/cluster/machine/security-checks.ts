// A profile of the CIS Kubernetes Benchmark: what is known of a running cluster, and which items it meets. Pure.
// Sections as in the benchmark: https://www.cisecurity.org/benchmark/kubernetes
import type { KubeObject, V1ClusterRole, V1ClusterRoleBinding, V1Namespace, V1RoleBinding } from '../../api/mod.ts';

export interface SecurityFacts {
  /** `mode` undefined: it is not there. */
  readonly files: readonly { readonly path: string; readonly mode: number | undefined; readonly modeMax: number }[];
  /** The words of the running command. */
  readonly words: readonly string[];
  /** What the API server answered to who has no credentials, by path. */
  readonly anonymousStatus: Readonly<Record<string, number>>;
  /** Handshakes that the server agreed to, though it should not. */
  readonly weakHandshakes: readonly string[];
  readonly clusterRoles: readonly V1ClusterRole[];
  readonly bindings: readonly (V1ClusterRoleBinding | V1RoleBinding)[];
  readonly namespaces: readonly V1Namespace[];
  readonly kubelets: readonly KubeletFacts[];
}

export interface KubeletFacts {
  readonly node: string;
  /** To a request for its pods without credentials; undefined when it does not answer. */
  readonly anonymousStatus: number | undefined;
  /** Port 10255, which knows nobody. */
  readonly readOnlyPortOpen: boolean;
}

/** `explained`: it is not as the benchmark has it, on purpose or because it is the user's to choose; `why` says so. */
export interface SecurityItem {
  readonly section: string;
  readonly title: string;
  readonly state: 'pass' | 'fail' | 'explained';
  readonly why: string;
}

export const securityItems = (facts: SecurityFacts): readonly SecurityItem[] => [
  ...fileItems(facts),
  ...serverItems(facts),
  ...choiceItems(facts),
  ...kubeletItems(facts),
  ...accessItems(facts),
];

const octal = (mode: number): string => mode.toString(8).padStart(4, '0');

function fileItems({ files }: SecurityFacts): readonly SecurityItem[] {
  return files.map(({ path, mode, modeMax }) => {
    const title = `${path} is ${octal(modeMax)} or stricter`;
    if (mode === undefined) return { section: '1.1', title, state: 'explained', why: 'It is not there: nothing can be read.' };
    const isStrict = (mode & 0o777 & ~modeMax) === 0;
    return {
      section: '1.1',
      title,
      state: isStrict ? 'pass' : 'fail',
      why: isStrict ? '' : `It is ${octal(mode & 0o777)}: chmod ${octal(modeMax)} ${path}`,
    };
  });
}

const item = (section: string, title: string, problem: string | undefined): SecurityItem =>
  problem === undefined ? { section, title, state: 'pass', why: '' } : { section, title, state: 'fail', why: problem };

/** The value of a flag, `--name=value` or `--name value`; undefined when it is not given. */
function flagOf(words: readonly string[], name: string): string | undefined {
  const at = words.findIndex((word) => word === name || word.startsWith(`${name}=`));
  if (at < 0) return undefined;
  return words[at] === name ? (words[at + 1] ?? '') : words[at]?.slice(name.length + 1);
}

const requiredPlugins = ['ServiceAccount', 'NamespaceLifecycle', 'NodeRestriction', 'PodSecurity'];

function serverItems({ words, anonymousStatus, weakHandshakes }: SecurityFacts): readonly SecurityItem[] {
  const open = Object.entries(anonymousStatus).filter(([, status]) => status < 400);
  const modes = (flagOf(words, '--authorization-mode') ?? 'Node,RBAC').split(',');
  const listed = (name: string): readonly string[] => (flagOf(words, name) ?? '').split(',').map((one) => one.trim());
  const off = listed('--disable-admission-plugins').filter((plugin) => requiredPlugins.includes(plugin));
  const byFile = flagOf(words, '--authorization-config') !== undefined;
  return [
    item(
      '1.2',
      'Nobody reads anything without credentials but health and version',
      open.length === 0 ? undefined : `${open.map(([path]) => path).join(', ')} answered`,
    ),
    item(
      '1.2',
      'No static token file',
      flagOf(words, '--token-auth-file') === undefined ? undefined : '--token-auth-file is given: its tokens do not end',
    ),
    item('1.2', 'Not everything is allowed', modes.includes('AlwaysAllow') ? '--authorization-mode has AlwaysAllow' : undefined),
    byFile
      ? { section: '1.2', title: 'Node and RBAC decide', state: 'explained', why: 'An AuthorizationConfiguration says who decides.' }
      : item(
          '1.2',
          'Node and RBAC decide',
          modes.includes('Node') && modes.includes('RBAC') ? undefined : `--authorization-mode is ${modes.join(',')}`,
        ),
    item('1.2', 'AlwaysAdmit is off', listed('--enable-admission-plugins').includes('AlwaysAdmit') ? 'it is enabled' : undefined),
    item('1.2', `${requiredPlugins.join(', ')} are on`, off.length === 0 ? undefined : `${off.join(', ')} disabled`),
    item(
      '1.2',
      'TLS 1.2 and later, with forward secrecy and authenticated encryption',
      weakHandshakes.length === 0 ? undefined : `agreed to ${weakHandshakes.join(', ')}`,
    ),
  ];
}

/** What costs something, and is therefore asked for. */
function choiceItems({ words, namespaces }: SecurityFacts): readonly SecurityItem[] {
  const has = (flag: string): boolean => flagOf(words, flag) !== undefined;
  const choice = (section: string, title: string, isMade: boolean, why: string): SecurityItem =>
    isMade ? { section, title, state: 'pass', why: '' } : { section, title, state: 'explained', why };
  const unlabelled = namespaces
    .filter(({ metadata }) => metadata?.labels?.['pod-security.kubernetes.io/enforce'] === undefined)
    .map(({ metadata }) => metadata?.name ?? '');
  return [
    choice(
      '1.2',
      'Requests are recorded',
      has('--audit-policy-file') && (has('--audit-log-path') || has('--audit-webhook-config-file')),
      'Not asked for: give --audit-policy-file and --audit-log-path.',
    ),
    choice(
      '1.2',
      'Secrets are encrypted at rest',
      has('--encryption-provider-config'),
      'Not asked for: give --encryption-provider-config. The store is 0700.',
    ),
    choice(
      '5.2',
      'Every namespace enforces a pod security standard',
      unlabelled.length === 0,
      `Namespaces without pod-security.kubernetes.io/enforce admit any pod: ${unlabelled.join(', ')}.`,
    ),
  ];
}

function kubeletItems({ kubelets }: SecurityFacts): readonly SecurityItem[] {
  return kubelets.flatMap(({ node, anonymousStatus: status, readOnlyPortOpen }) => [
    status === undefined
      ? { section: '4.2', title: `The kubelet of ${node} refuses who has no credentials`, state: 'explained', why: 'It does not answer.' }
      : item(
          '4.2',
          `The kubelet of ${node} refuses who has no credentials`,
          status === 401 || status === 403 ? undefined : `it answered ${status}`,
        ),
    item('4.2', `The kubelet of ${node} has no read-only port`, readOnlyPortOpen ? 'port 10255 is open' : undefined),
  ]);
}

/** Who may be anybody: what these may, everybody may. */
const everybody = ['system:anonymous', 'system:unauthenticated'];
const publicRoles = ['system:public-info-viewer', 'system:openshift:public-info-viewer'];
const isDefault = (of: V1ClusterRole | V1ClusterRoleBinding | V1RoleBinding): boolean =>
  of.metadata?.labels?.['kubernetes.io/bootstrapping'] === 'rbac-defaults';

function accessItems({ bindings, clusterRoles }: SecurityFacts): readonly SecurityItem[] {
  const named = (found: readonly KubeObject[]): string => found.map(({ metadata }) => metadata?.name ?? '').join(', ');
  const owners = bindings.filter((binding) => binding.roleRef.name === 'cluster-admin' && !isDefault(binding));
  // How machines that join learn of the cluster: `cluster-info` holds nothing secret.
  const joining = bindings.filter(({ metadata }) => metadata?.name === 'minke:bootstrap-signer-clusterinfo');
  const open = bindings.filter(
    (binding) =>
      !joining.includes(binding) &&
      !publicRoles.includes(binding.roleRef.name) &&
      binding.subjects?.some(({ name }) => everybody.includes(name)),
  );
  const defaults = bindings.filter((binding) =>
    binding.subjects?.some(({ kind, name }) => kind === 'ServiceAccount' && name === 'default'),
  );
  const wild = clusterRoles.filter(
    (role) => !isDefault(role) && role.rules?.some(({ verbs, resources }) => verbs.includes('*') && resources?.includes('*')),
  );
  return [
    item('5.1', 'cluster-admin is bound to system:masters alone', owners.length === 0 ? undefined : `bound by ${named(owners)}`),
    item('5.1', 'No role of yours allows everything', wild.length === 0 ? undefined : named(wild)),
    item(
      '5.1',
      'Service accounts named default have no rights of their own',
      defaults.length === 0 ? undefined : `bound by ${named(defaults)}`,
    ),
    item(
      '5.1',
      'Nothing is bound to who has no credentials but version and health',
      open.length === 0 ? undefined : `bound by ${named(open)}`,
    ),
    ...(joining.length === 0
      ? []
      : [
          {
            section: '5.1',
            title: 'cluster-info is read without credentials',
            state: 'explained' as const,
            why: 'Machines join by it: it holds the CA and the address, signed by the tokens.',
          },
        ]),
  ];
}
