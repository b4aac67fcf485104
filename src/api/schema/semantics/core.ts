// What the schema of the core group lacks: definition names, list and merge semantics, quantities, Go's names of types.
import type { PackageSemantics } from './package-semantics.ts';

export const core: readonly PackageSemantics[] = [
  {
    definitions: 'io.k8s.api.core.v1',
    group: '',
    version: 'v1',
    atomic: [
      'CoreV1EndpointPort',
      'V1ConfigMapKeySelector',
      'V1EndpointAddress',
      'V1FileKeySelector',
      'V1LocalObjectReference',
      'V1NodeSelector',
      'V1NodeSelectorTerm',
      'V1ObjectFieldSelector',
      'V1ObjectReference',
      'V1ResourceFieldSelector',
      'V1ScopeSelector',
      'V1SecretKeySelector',
      'V1SecretReference',
      'V1TopologySelectorTerm',
      'V1TypedLocalObjectReference',
    ],
    fields: {
      CoreV1EndpointPort: { protocol: 'go=v1.Protocol' },
      V1AppArmorProfile: { type: 'go=v1.AppArmorProfileType' },
      V1Capabilities: { add: 'atomic go=[]v1.Capability', drop: 'atomic go=[]v1.Capability' },
      V1CephFSPersistentVolumeSource: { monitors: 'atomic' },
      V1CephFSVolumeSource: { monitors: 'atomic' },
      V1ComponentStatus: { conditions: 'map:type patch=merge:type' },
      V1ConfigMapProjection: { items: 'atomic' },
      V1ConfigMapVolumeSource: { items: 'atomic' },
      V1Container: {
        args: 'atomic',
        command: 'atomic',
        env: 'map:name patch=merge:name',
        envFrom: 'atomic',
        imagePullPolicy: 'go=v1.PullPolicy',
        ports: 'map:containerPort,protocol patch=merge:containerPort',
        resizePolicy: 'atomic',
        restartPolicy: 'go=v1.ContainerRestartPolicy',
        restartPolicyRules: 'atomic',
        terminationMessagePolicy: 'go=v1.TerminationMessagePolicy',
        volumeDevices: 'map:devicePath patch=merge:devicePath',
        volumeMounts: 'map:mountPath patch=merge:mountPath',
      },
      V1ContainerImage: { names: 'atomic' },
      V1ContainerPort: { protocol: 'go=v1.Protocol default=TCP' },
      V1ContainerRestartRuleOnExitCodes: { values: 'set' },
      V1ContainerStatus: {
        allocatedResources: 'quantity go=v1.ResourceList',
        allocatedResourcesStatus: 'map:name patch=merge:name',
        volumeMounts: 'map:mountPath patch=merge:mountPath',
      },
      V1DownwardAPIProjection: { items: 'atomic' },
      V1DownwardAPIVolumeSource: { items: 'atomic' },
      V1EmptyDirVolumeSource: { medium: 'go=v1.StorageMedium', sizeLimit: 'quantity' },
      V1EndpointSubset: { addresses: 'atomic', notReadyAddresses: 'atomic', ports: 'atomic' },
      V1Endpoints: { subsets: 'atomic' },
      V1EphemeralContainer: {
        args: 'atomic',
        command: 'atomic',
        env: 'map:name patch=merge:name',
        envFrom: 'atomic',
        imagePullPolicy: 'go=v1.PullPolicy',
        ports: 'map:containerPort,protocol patch=merge:containerPort',
        resizePolicy: 'atomic',
        restartPolicy: 'go=v1.ContainerRestartPolicy',
        restartPolicyRules: 'atomic',
        terminationMessagePolicy: 'go=v1.TerminationMessagePolicy',
        volumeDevices: 'map:devicePath patch=merge:devicePath',
        volumeMounts: 'map:mountPath patch=merge:mountPath',
      },
      V1ExecAction: { command: 'atomic' },
      V1FCVolumeSource: { targetWWNs: 'atomic', wwids: 'atomic' },
      V1HTTPGetAction: { httpHeaders: 'atomic', scheme: 'go=v1.URIScheme' },
      V1HostAlias: { hostnames: 'atomic' },
      V1HostPathVolumeSource: { type: 'go=v1.HostPathType' },
      V1ISCSIPersistentVolumeSource: { portals: 'atomic' },
      V1ISCSIVolumeSource: { portals: 'atomic' },
      V1ImageVolumeSource: { pullPolicy: 'go=v1.PullPolicy' },
      V1LimitRangeItem: {
        default: 'quantity go=v1.ResourceList',
        defaultRequest: 'quantity go=v1.ResourceList',
        max: 'quantity go=v1.ResourceList',
        maxLimitRequestRatio: 'quantity go=v1.ResourceList',
        min: 'quantity go=v1.ResourceList',
        type: 'go=v1.LimitType',
      },
      V1LimitRangeSpec: { limits: 'atomic' },
      V1LinuxContainerUser: { supplementalGroups: 'atomic' },
      V1LoadBalancerIngress: { ports: 'atomic' },
      V1LoadBalancerStatus: { ingress: 'atomic' },
      V1NamespaceCondition: { status: 'go=v1.ConditionStatus', type: 'go=v1.NamespaceConditionType' },
      V1NamespaceSpec: { finalizers: 'atomic go=[]v1.FinalizerName' },
      V1NamespaceStatus: { conditions: 'map:type patch=merge:type', phase: 'go=v1.NamespacePhase' },
      V1NodeAddress: { type: 'go=v1.NodeAddressType' },
      V1NodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: 'atomic' },
      V1NodeAllocatableResourceClaimStatus: { containers: 'set', resources: 'quantity go=v1.ResourceList' },
      V1NodeCondition: { status: 'go=v1.ConditionStatus', type: 'go=v1.NodeConditionType' },
      V1NodeSelector: { nodeSelectorTerms: 'atomic' },
      V1NodeSelectorRequirement: { operator: 'go=v1.NodeSelectorOperator', values: 'atomic' },
      V1NodeSelectorTerm: { matchExpressions: 'atomic', matchFields: 'atomic' },
      V1NodeSpec: { podCIDRs: 'set patch=merge', taints: 'atomic' },
      V1NodeStatus: {
        addresses: 'map:type patch=merge:type',
        allocatable: 'quantity go=v1.ResourceList',
        capacity: 'quantity go=v1.ResourceList',
        conditions: 'map:type patch=merge:type',
        declaredFeatures: 'atomic',
        images: 'atomic',
        phase: 'go=v1.NodePhase',
        runtimeHandlers: 'atomic',
        volumesAttached: 'atomic',
        volumesInUse: 'atomic',
      },
      V1ObjectReference: { uid: 'go=types.UID' },
      V1PersistentVolumeClaimSpec: { accessModes: 'atomic go=[]v1.PersistentVolumeAccessMode', volumeMode: 'go=v1.PersistentVolumeMode' },
      V1PersistentVolumeClaimStatus: {
        accessModes: 'atomic',
        allocatedResourceStatuses: 'granular-map',
        allocatedResources: 'quantity go=v1.ResourceList',
        capacity: 'quantity go=v1.ResourceList',
        conditions: 'map:type patch=merge:type',
        phase: 'go=v1.PersistentVolumeClaimPhase',
      },
      V1PersistentVolumeSpec: {
        accessModes: 'atomic go=[]v1.PersistentVolumeAccessMode',
        capacity: 'quantity go=v1.ResourceList',
        claimRef: 'granular-map',
        mountOptions: 'atomic',
        persistentVolumeReclaimPolicy: 'go=v1.PersistentVolumeReclaimPolicy',
        volumeMode: 'go=v1.PersistentVolumeMode',
      },
      V1PersistentVolumeStatus: { phase: 'go=v1.PersistentVolumePhase' },
      V1PodAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: 'atomic',
        requiredDuringSchedulingIgnoredDuringExecution: 'atomic',
      },
      V1PodAffinityTerm: { matchLabelKeys: 'atomic', mismatchLabelKeys: 'atomic', namespaces: 'atomic' },
      V1PodAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: 'atomic',
        requiredDuringSchedulingIgnoredDuringExecution: 'atomic',
      },
      V1PodCondition: { status: 'go=v1.ConditionStatus', type: 'go=v1.PodConditionType' },
      V1PodDNSConfig: { nameservers: 'atomic', options: 'atomic', searches: 'atomic' },
      V1PodExtendedResourceClaimStatus: { requestMappings: 'atomic' },
      V1PodOS: { name: 'go=v1.OSName' },
      V1PodReadinessGate: { conditionType: 'go=v1.PodConditionType' },
      V1PodSecurityContext: {
        fsGroupChangePolicy: 'go=v1.PodFSGroupChangePolicy',
        seLinuxChangePolicy: 'go=v1.PodSELinuxChangePolicy',
        supplementalGroups: 'atomic',
        supplementalGroupsPolicy: 'go=v1.SupplementalGroupsPolicy',
        sysctls: 'atomic',
      },
      V1PodSpec: {
        containers: 'map:name patch=merge:name',
        dnsPolicy: 'go=v1.DNSPolicy',
        ephemeralContainers: 'map:name patch=merge:name',
        hostAliases: 'map:ip patch=merge:ip',
        imagePullSecrets: 'map:name patch=merge:name',
        initContainers: 'map:name patch=merge:name',
        nodeSelector: 'atomic-map',
        overhead: 'quantity go=v1.ResourceList',
        preemptionPolicy: 'go=v1.PreemptionPolicy',
        readinessGates: 'atomic',
        resourceClaims: 'map:name patch=merge+retainKeys:name',
        restartPolicy: 'go=v1.RestartPolicy',
        schedulingGates: 'map:name patch=merge:name',
        tolerations: 'atomic',
        topologySpreadConstraints: 'map:topologyKey,whenUnsatisfiable patch=merge:topologyKey',
        volumes: 'map:name patch=merge+retainKeys:name',
      },
      V1PodStatus: {
        allocatedResources: 'quantity go=v1.ResourceList',
        conditions: 'map:type patch=merge:type',
        containerStatuses: 'atomic',
        ephemeralContainerStatuses: 'atomic',
        hostIPs: 'atomic patch=merge:ip',
        initContainerStatuses: 'atomic',
        nodeAllocatableResourceClaimStatuses: 'atomic',
        phase: 'go=v1.PodPhase',
        podIPs: 'map:ip patch=merge:ip',
        qosClass: 'go=v1.PodQOSClass',
        resourceClaimStatuses: 'map:name patch=merge+retainKeys:name',
      },
      V1PortStatus: { protocol: 'go=v1.Protocol' },
      V1ProjectedVolumeSource: { sources: 'atomic' },
      V1RBDPersistentVolumeSource: { monitors: 'atomic' },
      V1RBDVolumeSource: { monitors: 'atomic' },
      V1ReplicationControllerSpec: { selector: 'atomic-map' },
      V1ReplicationControllerStatus: { conditions: 'map:type patch=merge:type' },
      V1ResourceFieldSelector: { divisor: 'quantity' },
      V1ResourceQuotaSpec: { hard: 'quantity go=v1.ResourceList', scopes: 'atomic go=[]v1.ResourceQuotaScope' },
      V1ResourceQuotaStatus: { hard: 'quantity go=v1.ResourceList', used: 'quantity go=v1.ResourceList' },
      V1ResourceRequirements: { claims: 'map:name', limits: 'quantity go=v1.ResourceList', requests: 'quantity go=v1.ResourceList' },
      V1ResourceStatus: { resources: 'map:resourceID' },
      V1ScopeSelector: { matchExpressions: 'atomic' },
      V1ScopedResourceSelectorRequirement: { values: 'atomic' },
      V1SeccompProfile: { type: 'go=v1.SeccompProfileType' },
      V1Secret: { type: 'go=v1.SecretType' },
      V1SecretProjection: { items: 'atomic' },
      V1SecretVolumeSource: { items: 'atomic' },
      V1SecurityContext: { procMount: 'go=v1.ProcMountType' },
      V1ServiceAccount: { imagePullSecrets: 'atomic', secrets: 'map:name patch=merge:name' },
      V1ServicePort: { protocol: 'go=v1.Protocol default=TCP' },
      V1ServiceSpec: {
        clusterIPs: 'atomic',
        externalIPs: 'atomic',
        externalTrafficPolicy: 'go=v1.ServiceExternalTrafficPolicy',
        internalTrafficPolicy: 'go=v1.ServiceInternalTrafficPolicy',
        ipFamilies: 'atomic go=[]v1.IPFamily',
        ipFamilyPolicy: 'go=v1.IPFamilyPolicy',
        loadBalancerSourceRanges: 'atomic',
        ports: 'map:port,protocol patch=merge:port',
        selector: 'atomic-map',
        sessionAffinity: 'go=v1.ServiceAffinity',
        type: 'go=v1.ServiceType',
      },
      V1ServiceStatus: { conditions: 'map:type patch=merge:type' },
      V1Taint: { effect: 'go=v1.TaintEffect' },
      V1Toleration: { effect: 'go=v1.TaintEffect', operator: 'go=v1.TolerationOperator' },
      V1TopologySelectorLabelRequirement: { values: 'atomic' },
      V1TopologySelectorTerm: { matchLabelExpressions: 'atomic' },
      V1TopologySpreadConstraint: {
        matchLabelKeys: 'atomic',
        nodeAffinityPolicy: 'go=v1.NodeInclusionPolicy',
        nodeTaintsPolicy: 'go=v1.NodeInclusionPolicy',
        whenUnsatisfiable: 'go=v1.UnsatisfiableConstraintAction',
      },
      V1VolumeMount: { mountPropagation: 'go=v1.MountPropagationMode', recursiveReadOnly: 'go=v1.RecursiveReadOnlyMode' },
      V1VolumeResourceRequirements: { limits: 'quantity go=v1.ResourceList', requests: 'quantity go=v1.ResourceList' },
    },
    types: `
      CoreV1EndpointPort CoreV1Event CoreV1EventList CoreV1EventSeries CoreV1ResourceClaim V1AWSElasticBlockStoreVolumeSource
      V1Affinity V1AppArmorProfile V1AttachedVolume V1AzureDiskVolumeSource V1AzureFilePersistentVolumeSource
      V1AzureFileVolumeSource V1Binding V1CSIPersistentVolumeSource V1CSIVolumeSource V1Capabilities
      V1CephFSPersistentVolumeSource V1CephFSVolumeSource V1CinderPersistentVolumeSource V1CinderVolumeSource V1ClientIPConfig
      V1ClusterTrustBundleProjection V1ComponentCondition V1ComponentStatus V1ComponentStatusList V1ConfigMap V1ConfigMapEnvSource
      V1ConfigMapKeySelector V1ConfigMapList V1ConfigMapNodeConfigSource V1ConfigMapProjection V1ConfigMapVolumeSource V1Container
      V1ContainerExtendedResourceRequest V1ContainerImage V1ContainerPort V1ContainerResizePolicy V1ContainerRestartRule
      V1ContainerRestartRuleOnExitCodes V1ContainerState V1ContainerStateRunning V1ContainerStateTerminated
      V1ContainerStateWaiting V1ContainerStatus V1ContainerUser V1DaemonEndpoint V1DownwardAPIProjection V1DownwardAPIVolumeFile
      V1DownwardAPIVolumeSource V1EmptyDirVolumeSource V1EndpointAddress V1EndpointSubset V1Endpoints V1EndpointsList
      V1EnvFromSource V1EnvVar V1EnvVarSource V1EphemeralContainer V1EphemeralVolumeSource V1EventSource V1ExecAction
      V1FCVolumeSource V1FileKeySelector V1FlexPersistentVolumeSource V1FlexVolumeSource V1FlockerVolumeSource
      V1GCEPersistentDiskVolumeSource V1GRPCAction V1GitRepoVolumeSource V1GlusterfsPersistentVolumeSource V1GlusterfsVolumeSource
      V1HTTPGetAction V1HTTPHeader V1HostAlias V1HostIP V1HostPathVolumeSource V1ISCSIPersistentVolumeSource V1ISCSIVolumeSource
      V1ImageVolumeSource V1ImageVolumeStatus V1KeyToPath V1Lifecycle V1LifecycleHandler V1LimitRange V1LimitRangeItem
      V1LimitRangeList V1LimitRangeSpec V1LinuxContainerUser V1LoadBalancerIngress V1LoadBalancerStatus V1LocalObjectReference
      V1LocalVolumeSource V1ModifyVolumeStatus V1NFSVolumeSource V1Namespace V1NamespaceCondition V1NamespaceList V1NamespaceSpec
      V1NamespaceStatus V1Node V1NodeAddress V1NodeAffinity V1NodeAllocatableResourceClaimStatus V1NodeCondition
      V1NodeConfigSource V1NodeConfigStatus V1NodeDaemonEndpoints V1NodeFeatures V1NodeList V1NodeRuntimeHandler
      V1NodeRuntimeHandlerFeatures V1NodeSelector V1NodeSelectorRequirement V1NodeSelectorTerm V1NodeSpec V1NodeStatus
      V1NodeSwapStatus V1NodeSystemInfo V1ObjectFieldSelector V1ObjectReference V1PersistentVolume V1PersistentVolumeClaim
      V1PersistentVolumeClaimCondition V1PersistentVolumeClaimList V1PersistentVolumeClaimSpec V1PersistentVolumeClaimStatus
      V1PersistentVolumeClaimTemplate V1PersistentVolumeClaimVolumeSource V1PersistentVolumeList V1PersistentVolumeSpec
      V1PersistentVolumeStatus V1PhotonPersistentDiskVolumeSource V1Pod V1PodAffinity V1PodAffinityTerm V1PodAntiAffinity
      V1PodCertificateProjection V1PodCondition V1PodDNSConfig V1PodDNSConfigOption V1PodExtendedResourceClaimStatus V1PodIP
      V1PodList V1PodOS V1PodReadinessGate V1PodResourceClaim V1PodResourceClaimStatus V1PodSchedulingGate V1PodSchedulingGroup
      V1PodSecurityContext V1PodSpec V1PodStatus V1PodTemplate V1PodTemplateList V1PodTemplateSpec V1PortStatus
      V1PortworxVolumeSource V1PreferredSchedulingTerm V1Probe V1ProjectedVolumeSource V1QuobyteVolumeSource
      V1RBDPersistentVolumeSource V1RBDVolumeSource V1ReplicationController V1ReplicationControllerCondition
      V1ReplicationControllerList V1ReplicationControllerSpec V1ReplicationControllerStatus V1ResourceFieldSelector
      V1ResourceHealth V1ResourceQuota V1ResourceQuotaList V1ResourceQuotaSpec V1ResourceQuotaStatus V1ResourceRequirements
      V1ResourceStatus V1SELinuxOptions V1ScaleIOPersistentVolumeSource V1ScaleIOVolumeSource V1ScopeSelector
      V1ScopedResourceSelectorRequirement V1SeccompProfile V1Secret V1SecretEnvSource V1SecretKeySelector V1SecretList
      V1SecretProjection V1SecretReference V1SecretVolumeSource V1SecurityContext V1Service V1ServiceAccount V1ServiceAccountList
      V1ServiceAccountTokenProjection V1ServiceList V1ServicePort V1ServiceSpec V1ServiceStatus V1SessionAffinityConfig
      V1SleepAction V1StorageOSPersistentVolumeSource V1StorageOSVolumeSource V1Sysctl V1TCPSocketAction V1Taint V1Toleration
      V1TopologySelectorLabelRequirement V1TopologySelectorTerm V1TopologySpreadConstraint V1TypedLocalObjectReference
      V1TypedObjectReference V1Volume V1VolumeDevice V1VolumeMount V1VolumeMountStatus V1VolumeNodeAffinity V1VolumeProjection
      V1VolumeResourceRequirements V1VolumeStatus V1VsphereVirtualDiskVolumeSource V1WeightedPodAffinityTerm
      V1WindowsSecurityContextOptions
    `,
  },
];
