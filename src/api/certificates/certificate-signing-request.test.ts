// Certificate signing requests: who may write what, and what must be in them.
import { describe, expect, test } from 'vitest';
import { deepFreeze } from '../meta/object.ts';
import { createCauses, type Loose, updateCauses } from '../testing/validation.ts';
import { certificatesigningrequests } from './certificate-signing-request.ts';

const set = (changes: object) => (o: Loose) => void Object.assign(o, changes);
const spec = (changes: object) => (o: Loose) => void Object.assign(o.spec, changes);

describe('certificate signing requests', () => {
  const pem = (type: string) => Buffer.from(`-----BEGIN ${type}-----\nMAMCAQA=\n-----END ${type}-----\n`).toString('base64');
  const valid = () => ({
    metadata: { name: 'c' },
    spec: { request: pem('CERTIFICATE REQUEST'), usages: ['client auth'], signerName: 'example.com/x' },
    status: {},
  });
  const approve = (type: string) => ({ status: { conditions: [{ type, status: 'True' }] } });

  test('every cause', () => {
    expect(createCauses(certificatesigningrequests, () => {}, valid())).toEqual([]);
    const wrong = spec({ request: pem('CERTIFICATE'), usages: ['fun', 'any', 'any'], signerName: 'example', expirationSeconds: 5 });
    expect(createCauses(certificatesigningrequests, wrong, valid())).toEqual([
      expect.stringMatching(/^spec\.request: Invalid value: ".*": PEM block type must be CERTIFICATE REQUEST$/),
      expect.stringMatching(/^spec\.usages\[0\]: Unsupported value: "fun": supported values: "any", "cert sign", /),
      'spec.usages[2]: Duplicate value: "any"',
      `spec.signerName: Invalid value: "example": must be a fully qualified domain and path of the form 'example.com/signer-name'`,
      'spec.expirationSeconds: Invalid value: 5: may not specify a duration less than 600 seconds (10 minutes)',
    ]);
  });

  test('only the server says who asks', () => {
    const draft: Loose = { spec: { username: 'root', request: '' }, status: { certificate: 'x' } };
    certificatesigningrequests.prepareCreate?.(draft, { nowMs: 0, nowTime: '', user: { name: 'jane', groups: ['g'] } });
    expect(draft).toEqual({ spec: { request: '', username: 'jane', groups: ['g'] }, status: {} });
  });

  test('approvers approve, signers sign', () => {
    const add = ' a condition of type "Approved"';
    expect(updateCauses(certificatesigningrequests, set(approve('Approved')), valid(), 'status')).toEqual([
      `status.conditions: Forbidden: updates may not add${add}`,
    ]);
    const approval = certificatesigningrequests.subresources?.approval;
    const old = deepFreeze(valid()) as Loose;
    const draft = { ...valid(), ...approve('Approved'), spec: {} } as Loose;
    approval?.prepare?.(draft, old, { nowMs: 0, nowTime: 'now' });
    expect(draft.spec).toEqual(old.spec);
    expect(draft.status.conditions).toEqual([{ type: 'Approved', status: 'True', lastUpdateTime: 'now', lastTransitionTime: 'now' }]);
    expect(approval?.validate?.(draft, old)).toEqual([]);
    expect(approval?.validate?.(old, draft).map(({ text }) => text)).toEqual([
      `status.conditions: Forbidden: updates may not remove${add}`,
    ]);
    const sign = (o: Loose) => {
      o.status.certificate = pem('CERTIFICATE');
    };
    expect(updateCauses(certificatesigningrequests, sign, draft, 'status')).toEqual([]);
    const cell = certificatesigningrequests.columns.find(({ name }) => name === 'Condition')?.cell;
    sign(draft);
    expect(cell?.(draft, 0)).toBe('Approved,Issued');
  });
});
