// The flags of what a real node is told by files: for `minke up` and `minke agent` alike.
import type { NodeFiles } from '../cluster/machine/mod.ts';

const text = { type: 'string' } as const;

export const nodeFlags = { 'kubelet-config': text } as const;

export const nodeFilesOf = (values: { readonly 'kubelet-config'?: string | undefined }): NodeFiles => ({
  kubeletConfig: values['kubelet-config'],
});
