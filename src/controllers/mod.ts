// The door of controllers/: all of them, run together.
import { setMaxListeners } from 'node:events';
import { certificatesigningrequests, customresourcedefinitions, secrets } from '../api/mod.ts';
import { Backoff, childController, errorText, StoppedError, sleep } from '../base/mod.ts';
import type { Client } from '../client/mod.ts';
import { runAttachDetachController } from './attachdetach/attachdetach.ts';
import { runBootstrapSigner } from './bootstraptokens/bootstrapsigner.ts';
import { runTokenCleaner } from './bootstraptokens/tokencleaner.ts';
import { runCertificateApproving } from './certificates/approving.ts';
import { runCertificateCleaner } from './certificates/cleaner.ts';
import type { CertificateSigner } from './certificates/ports.ts';
import { runServingApproving } from './certificates/serving-approving.ts';
import { runCertificateSigning } from './certificates/signing.ts';
import { aggregationAccount, runClusterRoleAggregation } from './clusterroleaggregation/clusterroleaggregation.ts';
import { runCronJobController } from './cronjob/cronjob.ts';
import { runDaemonSetController } from './daemonset/daemonset.ts';
import { runDeploymentController } from './deployment/deployment.ts';
import { runDisruptionController } from './disruption/disruption.ts';
import { runEndpointsController } from './endpoints/endpoints.ts';
import { runEndpointSliceController } from './endpointslice/endpointslice.ts';
import { runEndpointSliceMirroringController } from './endpointslicemirroring/endpointslicemirroring.ts';
import { runEphemeralVolumeController } from './ephemeralvolume/ephemeralvolume.ts';
import { runGarbageCollector } from './garbagecollector/garbagecollector.ts';
import { runHorizontalPodAutoscalerController } from './horizontalpodautoscaler/horizontalpodautoscaler.ts';
import { runJobController } from './job/job.ts';
import { runDefaultStorageClass } from './localpath/default-class.ts';
import { runNamespaceController } from './namespace/namespace.ts';
import { runNodeIpamController } from './nodeipam/nodeipam.ts';
import { runNodeLifecycleController } from './nodelifecycle/nodelifecycle.ts';
import { runTaintEvictionController } from './nodelifecycle/taint-eviction.ts';
import { runPersistentVolumeBinder } from './persistentvolume/persistentvolume.ts';
import { runPodGarbageCollector } from './podgc/podgc.ts';
import { runClaimProtection, runVolumeProtection } from './pvprotection/pvprotection.ts';
import { runReplicaSetController, runReplicationController } from './replicaset/replicaset.ts';
import { runResourceClaimController } from './resourceclaim/resourceclaim.ts';
import { runResourceQuotaController } from './resourcequota/resourcequota.ts';
import { runRootCaPublisher } from './rootca/rootca.ts';
import type { ControllerContext } from './runtime/controller.ts';
import { followCustomKinds } from './runtime/custom-kinds.ts';
import { runServiceAccountController } from './serviceaccount/serviceaccount.ts';
import { runServiceCidrController } from './servicecidrs/servicecidrs.ts';
import { runStatefulSetController } from './statefulset/statefulset.ts';
import { runTtlController } from './ttl/ttl.ts';
import { runTtlAfterFinishedController } from './ttlafterfinished/ttlafterfinished.ts';
import { runValidatingAdmissionPolicyStatus } from './validatingadmissionpolicystatus/validatingadmissionpolicystatus.ts';
import { runVolumeExpandController } from './volumeexpand/volumeexpand.ts';

export type { CertificateSigner } from './certificates/ports.ts';
export { type LocalPathOptions, noDirectories, runLocalPathProvisioner, type VolumeDirectories } from './localpath/localpath.ts';
export type { ControllerContext, ServedKind } from './runtime/controller.ts';

export interface ControllersOptions extends ControllerContext {
  /** Reaches the API groups that other servers answer, too. Default: `client`. */
  readonly aggregated?: Pick<Client, 'call'>;
  /** The CA bundle for `kube-root-ca.crt`, as PEM. Without it the config map is not published. */
  readonly rootCaPem?: string;
  /** The range of all nodes' pods. Without it nodes get no part of one. */
  readonly clusterCidr?: string | undefined;
  /** Signs approved certificate requests. Without it they wait for somebody else. */
  readonly signer?: CertificateSigner | undefined;
  /** A client that acts as this service account of kube-system, for controllers that need more rights than the others. Default: `client`. */
  readonly clientFor?: (account: string) => Client;
}

type Run = (context: ControllerContext) => Promise<void>;

const controllers: Readonly<Record<string, Run>> = {
  namespace: runNamespaceController,
  serviceAccount: runServiceAccountController,
  replicaSet: runReplicaSetController,
  replicationController: runReplicationController,
  deployment: runDeploymentController,
  daemonSet: runDaemonSetController,
  statefulSet: runStatefulSetController,
  job: runJobController,
  cronJob: runCronJobController,
  ttlAfterFinished: runTtlAfterFinishedController,
  endpointSlice: runEndpointSliceController,
  endpointSliceMirroring: runEndpointSliceMirroringController,
  endpoints: runEndpointsController,
  nodeLifecycle: runNodeLifecycleController,
  taintEviction: runTaintEvictionController,
  garbageCollector: runGarbageCollector,
  podGarbageCollector: runPodGarbageCollector,
  ttl: runTtlController,
  disruption: runDisruptionController,
  resourceQuota: runResourceQuotaController,
};

/** Those of clusters that serve volumes. The local-path provisioner is no part of them: it runs beside the node's kubelet. */
const storageControllers = ({ clientFor }: ControllersOptions): Readonly<Record<string, Run>> => ({
  defaultStorageClass: runDefaultStorageClass,
  persistentVolumeBinder: runPersistentVolumeBinder,
  claimProtection: runClaimProtection,
  volumeProtection: runVolumeProtection,
  ephemeralVolume: runEphemeralVolumeController,
  volumeExpand: runVolumeExpandController,
  attachDetach: (context) => runAttachDetachController({ ...context, client: clientFor?.('attachdetach-controller') ?? context.client }),
});

/** Resolves when the signal has fired and all have stopped. One that fails is logged and started again; the others go on. */
export async function runControllers(options: ControllersOptions): Promise<void> {
  const { rootCaPem } = options;
  // Every controller listens to it: many listeners are no leak.
  setMaxListeners(0, options.signal);
  const all: Record<string, Run> = { ...controllers };
  if (options.kinds.some((kind) => kind.resource === 'persistentvolumes')) Object.assign(all, storageControllers(options));
  if (options.kinds.some((kind) => kind.group === 'rbac.authorization.k8s.io' && kind.resource === 'clusterroles')) {
    all.clusterRoleAggregation = (context) =>
      runClusterRoleAggregation({ ...context, client: options.clientFor?.(aggregationAccount) ?? context.client });
  }
  if (options.kinds.some((kind) => kind.resource === 'validatingadmissionpolicies')) all.policyStatus = runValidatingAdmissionPolicyStatus;
  if (options.kinds.some((kind) => kind.resource === secrets.resource)) Object.assign(all, tokenControllers(options));
  if (options.kinds.some((kind) => kind.resource === certificatesigningrequests.resource))
    Object.assign(all, certificateControllers(options));
  if (options.kinds.some((kind) => kind.resource === 'resourceclaims')) all.resourceClaim = runResourceClaimController;
  if (options.kinds.some((kind) => kind.resource === 'servicecidrs')) all.serviceCidr = runServiceCidrController;
  const context: ControllerContext = definesKinds(options) ? { ...options, customKinds: followCustomKinds(options.informers) } : options;
  const { aggregated = options.client } = options;
  all.horizontalPodAutoscaler = (context) => runHorizontalPodAutoscalerController({ ...context, aggregated });
  const { clusterCidr } = options;
  if (clusterCidr !== undefined) all.nodeIpam = (context) => runNodeIpamController({ ...context, clusterCidr });
  if (rootCaPem !== undefined) all.rootCa = (context) => runRootCaPublisher({ ...context, rootCaPem });
  await Promise.all(Object.entries(all).map(([name, run]) => supervise(context, name, run)));
}

/** Those of bootstrap tokens. */
const tokenControllers = ({ clientFor }: ControllersOptions): Readonly<Record<string, Run>> => ({
  bootstrapSigner: (context) => runBootstrapSigner({ ...context, client: clientFor?.('bootstrap-signer') ?? context.client }),
  tokenCleaner: (context) => runTokenCleaner({ ...context, client: clientFor?.('token-cleaner') ?? context.client }),
});

/** They act as an account of their own: who approves and signs must be allowed to. */
function certificateControllers({ signer, clientFor }: ControllersOptions): Readonly<Record<string, Run>> {
  const as =
    (run: Run): Run =>
    (context) =>
      run({ ...context, client: clientFor?.('certificate-controller') ?? context.client });
  return {
    certificateApproving: as(runCertificateApproving),
    servingApproving: as(runServingApproving),
    certificateCleaner: as(runCertificateCleaner),
    ...(signer ? { certificateSigning: as((context) => runCertificateSigning({ ...context, signer })) } : {}),
  };
}

const definesKinds = ({ kinds }: ControllersOptions): boolean => kinds.some((kind) => kind.resource === customresourcedefinitions.resource);

async function supervise(context: ControllerContext, name: string, run: Run): Promise<void> {
  const { clock, log, random, signal } = context;
  const backoff = new Backoff({ baseMs: 1_000, maxMs: 60_000, jitter: 0.5 }, random);
  while (!signal.aborted) {
    const { controller, unlink } = childController(signal);
    try {
      await run({ ...context, random: random.child(name), signal: controller.signal });
    } catch (error) {
      log.error('Controller failed; will be started again', { controller: name, error: errorText(error) });
      controller.abort(new StoppedError(`controller ${name} failed`));
      await sleep(clock, backoff.nextMs(), signal).catch(() => {});
    } finally {
      unlink();
    }
  }
}
