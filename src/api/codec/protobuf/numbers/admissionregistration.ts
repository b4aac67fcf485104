// Field numbers of the protobuf form: admissionregistration. One type a line, in the form that plan.ts reads.
export const admissionregistration = `
AdmissionregistrationV1ServiceReference namespace=1 name=2 path=3* port=4*
AdmissionregistrationV1WebhookClientConfig url=3* service=1 caBundle=2
V1ApplyConfiguration expression=1
V1AuditAnnotation key=1 valueExpression=2
V1ExpressionWarning fieldRef=2 warning=3
V1JSONPatch expression=1
V1MatchCondition name=1 expression=2
V1MatchResources namespaceSelector=1 objectSelector=2 resourceRules=3 excludeResourceRules=4 matchPolicy=7*
V1MutatingAdmissionPolicy metadata=1 spec=2
V1MutatingAdmissionPolicyBinding metadata=1 spec=2
V1MutatingAdmissionPolicyBindingSpec policyName=1 paramRef=2 matchResources=3
V1MutatingAdmissionPolicySpec paramKind=1 matchConstraints=2 variables=3 mutations=4 failurePolicy=5* matchConditions=6 reinvocationPolicy=7
V1MutatingWebhook name=1 clientConfig=2 rules=3 failurePolicy=4* matchPolicy=9* namespaceSelector=5 objectSelector=11 sideEffects=6 timeoutSeconds=7* admissionReviewVersions=8 reinvocationPolicy=10* matchConditions=12
V1MutatingWebhookConfiguration metadata=1 webhooks=2
V1Mutation patchType=2 applyConfiguration=3 jsonPatch=4
V1NamedRuleWithOperations resourceNames=1 2/operations=1 2/2/apiGroups=1 2/2/apiVersions=2 2/2/resources=3 2/2/scope=4*
V1ParamKind apiVersion=1 kind=2
V1ParamRef name=1 namespace=2 selector=3 parameterNotFoundAction=4*
V1RuleWithOperations operations=1 2/apiGroups=1 2/apiVersions=2 2/resources=3 2/scope=4*
V1TypeChecking expressionWarnings=1
V1ValidatingAdmissionPolicy metadata=1 spec=2 status=3
V1ValidatingAdmissionPolicyBinding metadata=1 spec=2
V1ValidatingAdmissionPolicyBindingSpec policyName=1 paramRef=2 matchResources=3 validationActions=4
V1ValidatingAdmissionPolicySpec paramKind=1 matchConstraints=2 validations=3 failurePolicy=4* auditAnnotations=5 matchConditions=6 variables=7
V1ValidatingAdmissionPolicyStatus observedGeneration=1 typeChecking=2 conditions=3
V1ValidatingWebhook name=1 clientConfig=2 rules=3 failurePolicy=4* matchPolicy=9* namespaceSelector=5 objectSelector=10 sideEffects=6 timeoutSeconds=7* admissionReviewVersions=8 matchConditions=11
V1ValidatingWebhookConfiguration metadata=1 webhooks=2
V1Validation expression=1 message=2 reason=3* messageExpression=4
V1Variable name=1 expression=2
`;
