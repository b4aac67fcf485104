// What `minke help` says.

const overview = `Minke: a whole Kubernetes cluster in one command.

Usage:
  minke up [flags]                 start the cluster (Ctrl-C stops Minke; containers go on)
  minke agent [flags]              join another machine's cluster as a node
  minke apiserver [flags]          the API server alone: no controllers, no scheduler, no node
  minke down [--clean]             stop Minke; --clean removes the cluster and every trace of it
  minke status                     whether it runs, and where
  minke why pod NAME [-n NS]       why a pod is on its node, or on none
  minke image import FILE.tar      import a docker or OCI archive
  minke image list                 the node's images
  minke image build DIR -t NAME    an image of a root file system
  minke check security             which items of the CIS benchmark a running cluster meets
  minke store check                whether the stored data fits together
  minke store backup FILE          a backup, also while the cluster runs
  minke store restore FILE         into an empty data dir
  minke token create | list | delete ID
                                   the tokens by which machines join
  minke version

Every command takes --data-dir DIR, which names the cluster: /var/lib/minke as root, ~/.minke otherwise.
\`minke help up\`, \`minke help agent\` and \`minke help apiserver\` list the flags of those.
`;

const storage = `  --store S                          lmdb (default), memory (ends with the process) or etcd
  --etcd-servers URL,...             etcd, such as https://127.0.0.1:2379; several servers of one cluster
  --etcd-cafile, --etcd-certfile, --etcd-keyfile FILE
                                     etcd's authority, and this client's certificate and key
  --etcd-prefix P                    what keys begin with in etcd (default /registry)
  --etcd-compaction-interval D       how often etcd's history is compacted (default 5m0s; 0: never)
  --lmdb-history D, --lmdb-history-size Q
                                     for how long what was changed or deleted is kept, for watches that resume and lists of
                                     the past (default 1h0m0s), and how many bytes of it (default 1Gi)
  --event-ttl D                      how long events are kept (default 1h0m0s)
  --encryption-provider-config FILE  an EncryptionConfiguration: what is stored encrypted, and with which keys; mode 0600
  --encryption-provider-config-automatic-reload  the file's changes take effect at once
`;

const access = `  --authentication-config FILE       an AuthenticationConfiguration: JWTs of other issuers, with claims and CEL; anonymous access
  --oidc-issuer-url URL, --oidc-client-id ID
                                     or one issuer; --oidc-ca-file, --oidc-username-claim, --oidc-username-prefix,
                                     --oidc-groups-claim, --oidc-groups-prefix, --oidc-required-claim C=V, --oidc-signing-algs
  --authentication-token-webhook-config-file FILE
                                     a kubeconfig: who is asked about tokens (TokenReview v1);
                                     --authentication-token-webhook-cache-ttl (default 2m0s)
  --authorization-mode M,...         AlwaysAllow, AlwaysDeny, Node, RBAC, Webhook (default Node,RBAC)
  --authorization-webhook-config-file FILE
                                     a kubeconfig: who is asked what is allowed (SubjectAccessReview v1);
                                     --authorization-webhook-cache-authorized-ttl (5m0s), -unauthorized-ttl (30s)
  --authorization-config FILE        an AuthorizationConfiguration instead, with match conditions
  --audit-policy-file FILE           which requests are recorded, and how much of them (audit.k8s.io/v1)
  --audit-log-path FILE              the audit log, lines of JSON
  --audit-log-maxsize MB, --audit-log-maxbackup N, --audit-log-maxage DAYS
                                     rotation (default 100, 10, 0; 0: no bound)
  --audit-webhook-config-file FILE   a kubeconfig: where batches of audit events are posted
`;

const admission = `  --enable-admission-plugins P,...   AlwaysPullImages, PodNodeSelector, ... beside the default ones
  --disable-admission-plugins P,...  of the default ones
  --admission-control-config-file FILE
                                     an AdmissionConfiguration: PodSecurity, ResourceQuota, EventRateLimit
`;

const node = `  --kubelet-config FILE              a KubeletConfiguration (v1beta1): eviction, limits, reservations, logs, shutdown, ...
  --registry-config FILE             where images come from: mirrors, plain HTTP, certificates, passwords, as in k3s' registries.yaml
  --image-credential-provider-config FILE    a CredentialProviderConfig (v1): programs that give credentials for images
  --image-credential-provider-bin-dir DIR    where those programs are
`;

const topics: Readonly<Record<string, string>> = {
  up: `Usage: minke up [flags]

Starts the cluster and stays in the foreground. A second \`minke up\` on the same data dir goes on where the first stopped.
At SIGPWR the pods of the machine are ended within 30 s, the critical ones last, and then Minke stops: for a machine that is about to go.

  --data-dir DIR        the cluster's directory
  --port N              of the API server (default 6443, or what the cluster has had)
  --bind-address A      where it listens: 127.0.0.1 (default), an address that other machines reach, or 0.0.0.0
  --detach              return when the API answers and the node is Ready
  --no-node             the control plane alone: needs no root
  --simulate N          add N simulated nodes; without root they are the only ones
  --service-cidr C      addresses of services (default: a free range); with IPv6, one range of each family: 10.96.0.0/20,fd00:96::/112
  --pod-cidr C          addresses of pods, of which each node gets a part (default: a free range); likewise: 10.42.0.0/16,fd00:42::/56
  --pod-network M       how nodes reach each other's pods: vxlan (default, or what the cluster has had), or routes, for nodes
                        of one network; nodes that have joined see a change when they start again
  --no-ingress          no ingress controller, and no IngressClass "minke"
  --ingress-http-port N, --ingress-https-port N
                        ports of the machine (of --bind-address) that lead to the ingress controller, which always has ports 80
                        and 443 of an address of its own, the one that Ingresses show (default 0: none)
${storage}${access}${admission}  --scheduler-config FILE            a KubeSchedulerConfiguration (v1): profiles, plugins and their arguments
${node}  --log-level L         error, warn, info (default) or debug
`,
  agent: `Usage: minke agent --server URL --token TOKEN [flags]

Joins this machine to the cluster of another one, where \`minke token create\` prints this command. The token is needed once:
afterwards \`minke agent\` goes on where it stopped, and \`minke down --clean\` makes the node leave.

  --data-dir DIR        the node's directory
  --server URL          of the API server, which must listen where this machine reaches it (\`minke up --bind-address\`)
  --token TOKEN         what \`minke token create\` printed
  --node-name N         default: the machine's name
  --node-ip IP          by which others reach this node (default: of the interface with the default route)
  --detach              return when the node is Ready
${node}  --log-level L         error, warn, info (default) or debug
`,
  apiserver: `Usage: minke apiserver [flags]

Runs the API server alone. Objects are stored and served, and nothing acts on them: no controller signs certificate requests or
takes expired tokens away (they are refused all the same). \`minke down\` and \`minke status\` work as ever.

  --data-dir DIR                     certificates, kubeconfig and store
${storage}${access}${admission}  --secure-port N                    default 6443, or what the data dir has had
  --bind-address A                   default 127.0.0.1; 0.0.0.0 for all addresses
  --service-cluster-ip-range C[,C6]  addresses of services (default 10.96.0.0/16), and of IPv6
  --anonymous-auth[=B]               true: requests without an identity are system:anonymous; false: they are refused.
                                     Left out: they may read health and version
  --token-auth-file FILE             lines of token,user,uid,"group1,group2"
  --enable-bootstrap-token-auth[=B]  Secrets of type bootstrap.kubernetes.io/token in kube-system are tokens, as with \`minke up\`
  --runtime-config K=B,...           GROUP/VERSION, api/all, api/ga, api/beta, api/alpha = true or false
  --max-requests-inflight N          requests under way that read (default 400); shared out by priority levels together with
  --max-mutating-requests-inflight N those that write (default 200)
  --detach                           return when the API answers
  --log-level L                      error, warn, info (default) or debug
`,
  down: `Usage: minke down [--data-dir DIR] [--clean]

Stops Minke. Containers go on; the next \`minke up\` adopts them.

  --clean               also stop the containers and remove everything: mounts, network, cgroups, state
`,
  status:
    'Usage: minke status [--data-dir DIR]\n\nSays whether the cluster runs and where; the exit code is 0 when its API server is ready.\n',
  why: `Usage: minke why pod NAME [-n NAMESPACE] [--all] [-o json] [--kubeconfig FILE] [--data-dir DIR]

Which nodes turn the pod down and by which plugin, the scores of the rest, gates, and what would have the pod tried again. It is
the decision as it would be made now, over every node. Whoever may get the pod may ask; also GET /debug/minke/why/NAMESPACE/NAME.

  --all                 every node by name, not a few of each kind
  -o json               all of it, as JSON
`,
  store: `Usage:
  minke store check [--data-dir DIR]          exit code 1 when something is damaged, which is named
  minke store backup FILE [--data-dir DIR]    one snapshot, with a check sum; FILE must not exist
  minke store restore FILE [--data-dir DIR]   the data dir must hold no store

A backup holds the objects. Certificates and keys stay in the data dir: a restored cluster makes new ones.
`,
  check: `Usage: minke check security [--data-dir DIR]

Looks at a running cluster from outside: modes of files, flags, answers to strangers, TLS, kubelets, roles. Each item of this
profile of the CIS Kubernetes Benchmark passes (✓), fails (✗) or is explained (·); the exit code is 1 when one fails.
`,
  token: `Usage:
  minke token create [--ttl D] [--server URL] [--description TEXT]
                                   prints a token and the command by which a machine joins
  minke token list                 ids and ends; secrets are not shown
  minke token delete ID

  --ttl D               how long it is good (default 24h0m0s; 0: until it is deleted)
  --server URL          how the machines reach the API server (default: where it listens)
`,
  image: `Usage:
  minke image import FILE.tar      a docker or OCI archive
  minke image list
  minke image build DIR -t NAME    DIR is a root file system; DIR/minke.json says how it is run:
                                   { "entrypoint": ["/app"], "env": ["MODE=fast"], "exposedPorts": ["8080/tcp"] }
`,
};

export const helpText = (topic: string | undefined): string => (topic === undefined ? overview : (topics[topic] ?? overview));
