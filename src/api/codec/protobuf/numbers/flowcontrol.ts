// Field numbers of the protobuf form: flowcontrol. One type a line, in the form that plan.ts reads.
export const flowcontrol = `
FlowcontrolV1Subject kind=1 user=2 group=3 serviceAccount=4
V1ExemptPriorityLevelConfiguration nominalConcurrencyShares=1* lendablePercent=2*
V1FlowDistinguisherMethod type=1
V1FlowSchema metadata=1 spec=2 status=3
V1FlowSchemaCondition type=1 status=2 lastTransitionTime=3 reason=4 message=5
V1FlowSchemaSpec priorityLevelConfiguration=1 matchingPrecedence=2* distinguisherMethod=3 rules=4
V1FlowSchemaStatus conditions=1
V1GroupSubject name=1
V1LimitResponse type=1 queuing=2
V1LimitedPriorityLevelConfiguration nominalConcurrencyShares=1* limitResponse=2 lendablePercent=3* borrowingLimitPercent=4*
V1NonResourcePolicyRule verbs=1 nonResourceURLs=6
V1PolicyRulesWithSubjects subjects=1 resourceRules=2 nonResourceRules=3
V1PriorityLevelConfiguration metadata=1 spec=2 status=3
V1PriorityLevelConfigurationCondition type=1 status=2 lastTransitionTime=3 reason=4 message=5
V1PriorityLevelConfigurationReference name=1
V1PriorityLevelConfigurationSpec type=1 limited=2 exempt=3
V1PriorityLevelConfigurationStatus conditions=1
V1QueuingConfiguration queues=1* handSize=2* queueLengthLimit=3*
V1ResourcePolicyRule verbs=1 apiGroups=2 resources=3 clusterScope=4 namespaces=5
V1ServiceAccountSubject namespace=1 name=2
V1UserSubject name=1
`;
