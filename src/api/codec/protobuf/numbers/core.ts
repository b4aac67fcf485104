// Field numbers of the protobuf form: core. One type a line, in the form that plan.ts reads.
export const core = `
CoreV1EndpointPort name=1 port=2 protocol=3 appProtocol=4*
CoreV1Event metadata=1 involvedObject=2 reason=3 message=4 source=5 firstTimestamp=6 lastTimestamp=7 count=8 type=9 eventTime=10 series=11 action=12 related=13 reportingComponent=14 reportingInstance=15
CoreV1EventSeries count=1 lastObservedTime=2
CoreV1ResourceClaim name=1 request=2
V1AWSElasticBlockStoreVolumeSource volumeID=1 fsType=2 partition=3 readOnly=4
V1Affinity nodeAffinity=1 podAffinity=2 podAntiAffinity=3
V1AppArmorProfile type=1 localhostProfile=2*
V1AttachedVolume name=1 devicePath=2
V1AzureDiskVolumeSource diskName=1 diskURI=2 cachingMode=3* fsType=4* readOnly=5* kind=6*
V1AzureFilePersistentVolumeSource secretName=1 shareName=2 readOnly=3 secretNamespace=4*
V1AzureFileVolumeSource secretName=1 shareName=2 readOnly=3
V1Binding metadata=1 target=2
V1CSIPersistentVolumeSource driver=1 volumeHandle=2 readOnly=3 fsType=4 volumeAttributes=5 controllerPublishSecretRef=6 nodeStageSecretRef=7 nodePublishSecretRef=8 controllerExpandSecretRef=9 nodeExpandSecretRef=10
V1CSIVolumeSource driver=1 readOnly=2* fsType=3* volumeAttributes=4 nodePublishSecretRef=5
V1Capabilities add=1 drop=2
V1CephFSPersistentVolumeSource monitors=1 path=2 user=3 secretFile=4 secretRef=5 readOnly=6
V1CephFSVolumeSource monitors=1 path=2 user=3 secretFile=4 secretRef=5 readOnly=6
V1CinderPersistentVolumeSource volumeID=1 fsType=2 readOnly=3 secretRef=4
V1CinderVolumeSource volumeID=1 fsType=2 readOnly=3 secretRef=4
V1ClientIPConfig timeoutSeconds=1*
V1ClusterTrustBundleProjection name=1* signerName=2* labelSelector=3 optional=5* path=4
V1ComponentCondition type=1 status=2 message=3 error=4
V1ComponentStatus metadata=1 conditions=2
V1ConfigMap metadata=1 immutable=4* data=2 binaryData=3
V1ConfigMapEnvSource 1/name=1 optional=2*
V1ConfigMapKeySelector 1/name=1 key=2 optional=3*
V1ConfigMapNodeConfigSource namespace=1 name=2 uid=3 resourceVersion=4 kubeletConfigKey=5
V1ConfigMapProjection 1/name=1 items=2 optional=4*
V1ConfigMapVolumeSource 1/name=1 items=2 defaultMode=3* optional=4*
V1Container name=1 image=2 command=3 args=4 workingDir=5 ports=6 envFrom=19 env=7 resources=8 resizePolicy=23 restartPolicy=24* restartPolicyRules=25 volumeMounts=9 volumeDevices=21 livenessProbe=10 readinessProbe=11 startupProbe=22 lifecycle=12 terminationMessagePath=13 terminationMessagePolicy=20 imagePullPolicy=14 securityContext=15 stdin=16 stdinOnce=17 tty=18
V1ContainerExtendedResourceRequest containerName=1 resourceName=2 requestName=3
V1ContainerImage names=1 sizeBytes=2
V1ContainerPort name=1 hostPort=2 containerPort=3 protocol=4 hostIP=5
V1ContainerResizePolicy resourceName=1 restartPolicy=2
V1ContainerRestartRule action=1 exitCodes=2
V1ContainerRestartRuleOnExitCodes operator=1 values=2
V1ContainerState waiting=1 running=2 terminated=3
V1ContainerStateRunning startedAt=1
V1ContainerStateTerminated exitCode=1 signal=2 reason=3 message=4 startedAt=5 finishedAt=6 containerID=7
V1ContainerStateWaiting reason=1 message=2
V1ContainerStatus name=1 state=2 lastState=3 ready=4 restartCount=5 image=6 imageID=7 containerID=8 started=9* allocatedResources=10 resources=11 volumeMounts=12 user=13 allocatedResourcesStatus=14 stopSignal=15*
V1ContainerUser linux=1
V1DaemonEndpoint Port=1
V1DownwardAPIProjection items=1
V1DownwardAPIVolumeFile path=1 fieldRef=2 resourceFieldRef=3 mode=4*
V1DownwardAPIVolumeSource items=1 defaultMode=2*
V1EmptyDirVolumeSource medium=1 sizeLimit=2
V1EndpointAddress ip=1 hostname=3 nodeName=4* targetRef=2
V1EndpointSubset addresses=1 notReadyAddresses=2 ports=3
V1Endpoints metadata=1 subsets=2
V1EnvFromSource prefix=1 configMapRef=2 secretRef=3
V1EnvVar name=1 value=2 valueFrom=3
V1EnvVarSource fieldRef=1 resourceFieldRef=2 configMapKeyRef=3 secretKeyRef=4 fileKeyRef=5
V1EphemeralContainer 1/name=1 1/image=2 1/command=3 1/args=4 1/workingDir=5 1/ports=6 1/envFrom=19 1/env=7 1/resources=8 1/resizePolicy=23 1/restartPolicy=24* 1/restartPolicyRules=25 1/volumeMounts=9 1/volumeDevices=21 1/livenessProbe=10 1/readinessProbe=11 1/startupProbe=22 1/lifecycle=12 1/terminationMessagePath=13 1/terminationMessagePolicy=20 1/imagePullPolicy=14 1/securityContext=15 1/stdin=16 1/stdinOnce=17 1/tty=18 targetContainerName=2
V1EphemeralVolumeSource volumeClaimTemplate=1
V1EventSource component=1 host=2
V1ExecAction command=1
V1FCVolumeSource targetWWNs=1 lun=2* fsType=3 readOnly=4 wwids=5
V1FileKeySelector volumeName=1 path=2 key=3 optional=4*
V1FlexPersistentVolumeSource driver=1 fsType=2 secretRef=3 readOnly=4 options=5
V1FlexVolumeSource driver=1 fsType=2 secretRef=3 readOnly=4 options=5
V1FlockerVolumeSource datasetName=1 datasetUUID=2
V1GCEPersistentDiskVolumeSource pdName=1 fsType=2 partition=3 readOnly=4
V1GRPCAction port=1 service=2*
V1GitRepoVolumeSource repository=1 revision=2 directory=3
V1GlusterfsPersistentVolumeSource endpoints=1 path=2 readOnly=3 endpointsNamespace=4*
V1GlusterfsVolumeSource endpoints=1 path=2 readOnly=3
V1HTTPGetAction path=1 port=2 host=3 scheme=4 httpHeaders=5
V1HTTPHeader name=1 value=2
V1HostAlias ip=1 hostnames=2
V1HostIP ip=1
V1HostPathVolumeSource path=1 type=2*
V1ISCSIPersistentVolumeSource targetPortal=1 iqn=2 lun=3 iscsiInterface=4 fsType=5 readOnly=6 portals=7 chapAuthDiscovery=8 chapAuthSession=11 secretRef=10 initiatorName=12*
V1ISCSIVolumeSource targetPortal=1 iqn=2 lun=3 iscsiInterface=4 fsType=5 readOnly=6 portals=7 chapAuthDiscovery=8 chapAuthSession=11 secretRef=10 initiatorName=12*
V1ImageVolumeSource reference=1 pullPolicy=2
V1ImageVolumeStatus imageRef=1
V1KeyToPath key=1 path=2 mode=3*
V1Lifecycle postStart=1 preStop=2 stopSignal=3*
V1LifecycleHandler exec=1 httpGet=2 tcpSocket=3 sleep=4
V1LimitRange metadata=1 spec=2
V1LimitRangeItem type=1 max=2 min=3 default=4 defaultRequest=5 maxLimitRequestRatio=6
V1LimitRangeSpec limits=1
V1LinuxContainerUser uid=1 gid=2 supplementalGroups=3
V1LoadBalancerIngress ip=1 hostname=2 ipMode=3* ports=4
V1LoadBalancerStatus ingress=1
V1LocalObjectReference name=1
V1LocalVolumeSource path=1 fsType=2*
V1ModifyVolumeStatus targetVolumeAttributesClassName=1 status=2
V1NFSVolumeSource server=1 path=2 readOnly=3
V1Namespace metadata=1 spec=2 status=3
V1NamespaceCondition type=1 status=2 lastTransitionTime=4 reason=5 message=6
V1NamespaceSpec finalizers=1
V1NamespaceStatus phase=1 conditions=2
V1Node metadata=1 spec=2 status=3
V1NodeAddress type=1 address=2
V1NodeAffinity requiredDuringSchedulingIgnoredDuringExecution=1 preferredDuringSchedulingIgnoredDuringExecution=2
V1NodeAllocatableResourceClaimStatus resourceClaimName=1 containers=2 resources=3
V1NodeCondition type=1 status=2 lastHeartbeatTime=3 lastTransitionTime=4 reason=5 message=6
V1NodeConfigSource configMap=2
V1NodeConfigStatus assigned=1 active=2 lastKnownGood=3 error=4
V1NodeDaemonEndpoints kubeletEndpoint=1
V1NodeFeatures supplementalGroupsPolicy=1*
V1NodeRuntimeHandler name=1 features=2
V1NodeRuntimeHandlerFeatures recursiveReadOnlyMounts=1* userNamespaces=2*
V1NodeSelector nodeSelectorTerms=1
V1NodeSelectorRequirement key=1 operator=2 values=3
V1NodeSelectorTerm matchExpressions=1 matchFields=2
V1NodeSpec podCIDR=1 podCIDRs=7 providerID=3 unschedulable=4 taints=5 configSource=6 externalID=2
V1NodeStatus capacity=1 allocatable=2 phase=3 conditions=4 addresses=5 daemonEndpoints=6 nodeInfo=7 images=8 volumesInUse=9 volumesAttached=10 config=11 runtimeHandlers=12 features=13 declaredFeatures=14
V1NodeSwapStatus capacity=1*
V1NodeSystemInfo machineID=1 systemUUID=2 bootID=3 kernelVersion=4 osImage=5 containerRuntimeVersion=6 kubeletVersion=7 kubeProxyVersion=8 operatingSystem=9 architecture=10 swap=11
V1ObjectFieldSelector apiVersion=1 fieldPath=2
V1ObjectReference kind=1 namespace=2 name=3 uid=4 apiVersion=5 resourceVersion=6 fieldPath=7
V1PersistentVolume metadata=1 spec=2 status=3
V1PersistentVolumeClaim metadata=1 spec=2 status=3
V1PersistentVolumeClaimCondition type=1 status=2 lastProbeTime=3 lastTransitionTime=4 reason=5 message=6
V1PersistentVolumeClaimSpec accessModes=1 selector=4 resources=2 volumeName=3 storageClassName=5* volumeMode=6* dataSource=7 dataSourceRef=8 volumeAttributesClassName=9*
V1PersistentVolumeClaimStatus phase=1 accessModes=2 capacity=3 conditions=4 allocatedResources=5 allocatedResourceStatuses=7 currentVolumeAttributesClassName=8* modifyVolumeStatus=9
V1PersistentVolumeClaimTemplate metadata=1 spec=2
V1PersistentVolumeClaimVolumeSource claimName=1 readOnly=2
V1PersistentVolumeSpec capacity=1 2/gcePersistentDisk=1 2/awsElasticBlockStore=2 2/hostPath=3 2/glusterfs=4 2/nfs=5 2/rbd=6 2/iscsi=7 2/cinder=8 2/cephfs=9 2/fc=10 2/flocker=11 2/flexVolume=12 2/azureFile=13 2/vsphereVolume=14 2/quobyte=15 2/azureDisk=16 2/photonPersistentDisk=17 2/portworxVolume=18 2/scaleIO=19 2/local=20 2/storageos=21 2/csi=22 accessModes=3 claimRef=4 persistentVolumeReclaimPolicy=5 storageClassName=6 mountOptions=7 volumeMode=8* nodeAffinity=9 volumeAttributesClassName=10*
V1PersistentVolumeStatus phase=1 message=2 reason=3 lastPhaseTransitionTime=4
V1PhotonPersistentDiskVolumeSource pdID=1 fsType=2
V1Pod metadata=1 spec=2 status=3
V1PodAffinity requiredDuringSchedulingIgnoredDuringExecution=1 preferredDuringSchedulingIgnoredDuringExecution=2
V1PodAffinityTerm labelSelector=1 namespaces=2 topologyKey=3 namespaceSelector=4 matchLabelKeys=5 mismatchLabelKeys=6
V1PodAntiAffinity requiredDuringSchedulingIgnoredDuringExecution=1 preferredDuringSchedulingIgnoredDuringExecution=2
V1PodCertificateProjection signerName=1 keyType=2 maxExpirationSeconds=3* credentialBundlePath=4 keyPath=5 certificateChainPath=6 userAnnotations=7
V1PodCondition type=1 observedGeneration=7 status=2 lastProbeTime=3 lastTransitionTime=4 reason=5 message=6
V1PodDNSConfig nameservers=1 searches=2 options=3
V1PodDNSConfigOption name=1 value=2*
V1PodExtendedResourceClaimStatus requestMappings=1 resourceClaimName=2
V1PodIP ip=1
V1PodOS name=1
V1PodReadinessGate conditionType=1
V1PodResourceClaim name=1 resourceClaimName=3* resourceClaimTemplateName=4*
V1PodResourceClaimStatus name=1 resourceClaimName=2*
V1PodSchedulingGate name=1
V1PodSchedulingGroup podGroupName=1*
V1PodSecurityContext seLinuxOptions=1 windowsOptions=8 runAsUser=2* runAsGroup=6* runAsNonRoot=3* supplementalGroups=4 supplementalGroupsPolicy=12* fsGroup=5* sysctls=7 fsGroupChangePolicy=9* seccompProfile=10 appArmorProfile=11 seLinuxChangePolicy=13*
V1PodSpec volumes=1 initContainers=20 containers=2 ephemeralContainers=34 restartPolicy=3 terminationGracePeriodSeconds=4* activeDeadlineSeconds=5* dnsPolicy=6 nodeSelector=7 serviceAccountName=8 serviceAccount=9 automountServiceAccountToken=21* nodeName=10 hostNetwork=11 hostPID=12 hostIPC=13 shareProcessNamespace=27* securityContext=14 imagePullSecrets=15 hostname=16 subdomain=17 affinity=18 schedulerName=19 tolerations=22 hostAliases=23 priorityClassName=24 priority=25* dnsConfig=26 readinessGates=28 runtimeClassName=29* enableServiceLinks=30* preemptionPolicy=31* overhead=32 topologySpreadConstraints=33 setHostnameAsFQDN=35* os=36 hostUsers=37* schedulingGates=38 resourceClaims=39 resources=40 hostnameOverride=41* schedulingGroup=43
V1PodStatus observedGeneration=17 phase=1 conditions=2 message=3 reason=4 nominatedNodeName=11 hostIP=5 hostIPs=16 podIP=6 podIPs=12 startTime=7 initContainerStatuses=10 containerStatuses=8 qosClass=9 ephemeralContainerStatuses=13 resize=14 resourceClaimStatuses=15 extendedResourceClaimStatus=18 allocatedResources=19 resources=20 nodeAllocatableResourceClaimStatuses=21
V1PodTemplate metadata=1 template=2
V1PodTemplateSpec metadata=1 spec=2
V1PortStatus port=1 protocol=2 error=3*
V1PortworxVolumeSource volumeID=1 fsType=2 readOnly=3
V1PreferredSchedulingTerm weight=1 preference=2
V1Probe 1/exec=1 1/httpGet=2 1/tcpSocket=3 1/grpc=4 initialDelaySeconds=2 timeoutSeconds=3 periodSeconds=4 successThreshold=5 failureThreshold=6 terminationGracePeriodSeconds=7*
V1ProjectedVolumeSource sources=1 defaultMode=2*
V1QuobyteVolumeSource registry=1 volume=2 readOnly=3 user=4 group=5 tenant=6
V1RBDPersistentVolumeSource monitors=1 image=2 fsType=3 pool=4 user=5 keyring=6 secretRef=7 readOnly=8
V1RBDVolumeSource monitors=1 image=2 fsType=3 pool=4 user=5 keyring=6 secretRef=7 readOnly=8
V1ReplicationController metadata=1 spec=2 status=3
V1ReplicationControllerCondition type=1 status=2 lastTransitionTime=3 reason=4 message=5
V1ReplicationControllerSpec replicas=1* minReadySeconds=4 selector=2 template=3
V1ReplicationControllerStatus replicas=1 fullyLabeledReplicas=2 readyReplicas=4 availableReplicas=5 observedGeneration=3 conditions=6
V1ResourceFieldSelector containerName=1 resource=2 divisor=3
V1ResourceHealth resourceID=1 health=2 message=6
V1ResourceQuota metadata=1 spec=2 status=3
V1ResourceQuotaSpec hard=1 scopes=2 scopeSelector=3
V1ResourceQuotaStatus hard=1 used=2
V1ResourceRequirements limits=1 requests=2 claims=3
V1ResourceStatus name=1 resources=2
V1SELinuxOptions user=1 role=2 type=3 level=4
V1ScaleIOPersistentVolumeSource gateway=1 system=2 secretRef=3 sslEnabled=4 protectionDomain=5 storagePool=6 storageMode=7 volumeName=8 fsType=9 readOnly=10
V1ScaleIOVolumeSource gateway=1 system=2 secretRef=3 sslEnabled=4 protectionDomain=5 storagePool=6 storageMode=7 volumeName=8 fsType=9 readOnly=10
V1ScopeSelector matchExpressions=1
V1ScopedResourceSelectorRequirement scopeName=1 operator=2 values=3
V1SeccompProfile type=1 localhostProfile=2*
V1Secret metadata=1 immutable=5* data=2 stringData=4 type=3
V1SecretEnvSource 1/name=1 optional=2*
V1SecretKeySelector 1/name=1 key=2 optional=3*
V1SecretProjection 1/name=1 items=2 optional=4*
V1SecretReference name=1 namespace=2
V1SecretVolumeSource secretName=1 items=2 defaultMode=3* optional=4*
V1SecurityContext capabilities=1 privileged=2* seLinuxOptions=3 windowsOptions=10 runAsUser=4* runAsGroup=8* runAsNonRoot=5* readOnlyRootFilesystem=6* allowPrivilegeEscalation=7* procMount=9* seccompProfile=11 appArmorProfile=12
V1Service metadata=1 spec=2 status=3
V1ServiceAccount metadata=1 secrets=2 imagePullSecrets=3 automountServiceAccountToken=4*
V1ServiceAccountTokenProjection audience=1 expirationSeconds=2* path=3
V1ServicePort name=1 protocol=2 appProtocol=6* port=3 targetPort=4 nodePort=5
V1ServiceSpec ports=1 selector=2 clusterIP=3 clusterIPs=18 type=4 externalIPs=5 sessionAffinity=7 loadBalancerIP=8 loadBalancerSourceRanges=9 externalName=10 externalTrafficPolicy=11 healthCheckNodePort=12 publishNotReadyAddresses=13 sessionAffinityConfig=14 ipFamilies=19 ipFamilyPolicy=17* allocateLoadBalancerNodePorts=20* loadBalancerClass=21* internalTrafficPolicy=22* trafficDistribution=23*
V1ServiceStatus loadBalancer=1 conditions=2
V1SessionAffinityConfig clientIP=1
V1SleepAction seconds=1
V1StorageOSPersistentVolumeSource volumeName=1 volumeNamespace=2 fsType=3 readOnly=4 secretRef=5
V1StorageOSVolumeSource volumeName=1 volumeNamespace=2 fsType=3 readOnly=4 secretRef=5
V1Sysctl name=1 value=2
V1TCPSocketAction port=1 host=2
V1Taint key=1 value=2 effect=3 timeAdded=4
V1Toleration key=1 operator=2 value=3 effect=4 tolerationSeconds=5*
V1TopologySelectorLabelRequirement key=1 values=2
V1TopologySelectorTerm matchLabelExpressions=1
V1TopologySpreadConstraint maxSkew=1 topologyKey=2 whenUnsatisfiable=3 labelSelector=4 minDomains=5* nodeAffinityPolicy=6* nodeTaintsPolicy=7* matchLabelKeys=8
V1TypedLocalObjectReference apiGroup=1* kind=2 name=3
V1TypedObjectReference apiGroup=1* kind=2 name=3 namespace=4*
V1Volume name=1 2/hostPath=1 2/emptyDir=2 2/gcePersistentDisk=3 2/awsElasticBlockStore=4 2/gitRepo=5 2/secret=6 2/nfs=7 2/iscsi=8 2/glusterfs=9 2/persistentVolumeClaim=10 2/rbd=11 2/flexVolume=12 2/cinder=13 2/cephfs=14 2/flocker=15 2/downwardAPI=16 2/fc=17 2/azureFile=18 2/configMap=19 2/vsphereVolume=20 2/quobyte=21 2/azureDisk=22 2/photonPersistentDisk=23 2/projected=26 2/portworxVolume=24 2/scaleIO=25 2/storageos=27 2/csi=28 2/ephemeral=29 2/image=30
V1VolumeDevice name=1 devicePath=2
V1VolumeMount name=1 readOnly=2 recursiveReadOnly=7* mountPath=3 subPath=4 mountPropagation=5* subPathExpr=6
V1VolumeMountStatus name=1 mountPath=2 readOnly=3 recursiveReadOnly=4* volumeStatus=5
V1VolumeNodeAffinity required=1
V1VolumeProjection secret=1 downwardAPI=2 configMap=3 serviceAccountToken=4 clusterTrustBundle=5 podCertificate=6
V1VolumeResourceRequirements limits=1 requests=2
V1VolumeStatus image=1
V1VsphereVirtualDiskVolumeSource volumePath=1 fsType=2 storagePolicyName=3 storagePolicyID=4
V1WeightedPodAffinityTerm weight=1 podAffinityTerm=2
V1WindowsSecurityContextOptions gmsaCredentialSpecName=1* gmsaCredentialSpec=2* runAsUserName=3* hostProcess=4*
`;
