// Field numbers of the protobuf form: authentication. One type a line, in the form that plan.ts reads.
export const authentication = `
AuthenticationV1TokenRequest metadata=1 spec=2 status=3
V1BoundObjectReference kind=1 apiVersion=2 name=3 uid=4
V1SelfSubjectReview metadata=1 status=2
V1SelfSubjectReviewStatus userInfo=1
V1TokenRequestSpec audiences=1 expirationSeconds=4* boundObjectRef=3
V1TokenRequestStatus token=1 expirationTimestamp=2
V1TokenReview metadata=1 spec=2 status=3
V1TokenReviewSpec token=1 audiences=2
V1TokenReviewStatus authenticated=1 user=2 audiences=4 error=3
V1UserInfo username=1 uid=2 groups=3 extra=4
`;
