// The flags of what a real node is told by files: for `minke up` and `minke agent` alike.
import type { NodeFiles } from '../cluster/machine/mod.ts';

const text = { type: 'string' } as const;

export const nodeFlags = {
  'kubelet-config': text,
  'registry-config': text,
  'image-credential-provider-config': text,
  'image-credential-provider-bin-dir': text,
} as const;

type Values = { readonly [name in keyof typeof nodeFlags]?: string | undefined };

export const nodeFilesOf = (values: Values): NodeFiles => ({
  kubeletConfig: values['kubelet-config'],
  registryConfig: values['registry-config'],
  credentialProviderConfig: values['image-credential-provider-config'],
  credentialProviderDir: values['image-credential-provider-bin-dir'],
});
