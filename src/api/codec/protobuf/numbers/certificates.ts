// Field numbers of the protobuf form: certificates. One type a line, in the form that plan.ts reads.
export const certificates = `
V1CertificateSigningRequest metadata=1 spec=2 status=3
V1CertificateSigningRequestCondition type=1 status=6 reason=2 message=3 lastUpdateTime=4 lastTransitionTime=5
V1CertificateSigningRequestSpec request=1 signerName=7 expirationSeconds=8* usages=5 username=2 uid=3 groups=4 extra=6
V1CertificateSigningRequestStatus conditions=1 certificate=2
`;
