// The flags of admission that `minke up` and `minke apiserver` share, under upstream's names.
// Source: https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/
import type { AdmissionFlags } from '../cluster/machine/mod.ts';
import { fileFlag, list } from './access-flags.ts';

const text = { type: 'string' } as const;
export const admissionFlags = {
  'enable-admission-plugins': text,
  'disable-admission-plugins': text,
  'admission-control-config-file': text,
} as const;

/** Throws `CommandError`. */
export const admissionOf = (values: { readonly [name in keyof typeof admissionFlags]?: string | undefined }): AdmissionFlags => ({
  enabled: list(values['enable-admission-plugins']),
  disabled: list(values['disable-admission-plugins']),
  configFile: fileFlag('--admission-control-config-file', values['admission-control-config-file']),
});
