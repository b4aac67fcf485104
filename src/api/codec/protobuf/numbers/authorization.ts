// Field numbers of the protobuf form: authorization. One type a line, in the form that plan.ts reads.
export const authorization = `
V1FieldSelectorAttributes rawSelector=1 requirements=2
V1LabelSelectorAttributes rawSelector=1 requirements=2
V1LocalSubjectAccessReview metadata=1 spec=2 status=3
V1NonResourceAttributes path=1 verb=2
V1NonResourceRule verbs=1 nonResourceURLs=2
V1ResourceAttributes namespace=1 verb=2 group=3 version=4 resource=5 subresource=6 name=7 fieldSelector=8 labelSelector=9
V1ResourceRule verbs=1 apiGroups=2 resources=3 resourceNames=4
V1SelfSubjectAccessReview metadata=1 spec=2 status=3
V1SelfSubjectAccessReviewSpec resourceAttributes=1 nonResourceAttributes=2
V1SelfSubjectRulesReview metadata=1 spec=2 status=3
V1SelfSubjectRulesReviewSpec namespace=1
V1SubjectAccessReview metadata=1 spec=2 status=3
V1SubjectAccessReviewSpec resourceAttributes=1 nonResourceAttributes=2 user=3 groups=4 extra=5 uid=6
V1SubjectAccessReviewStatus allowed=1 denied=4 reason=2 evaluationError=3
V1SubjectRulesReviewStatus resourceRules=1 nonResourceRules=2 incomplete=3 evaluationError=4
`;
