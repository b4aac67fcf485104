// What the in-process transport calls: the API server as a function, without a socket.
import type { ApiRequest, ApiResponse, WatchEvent } from './transport.ts';

/** Who asks. Established by authentication; given by the wiring for in-process components. */
export interface UserInfo {
  readonly name: string;
  readonly uid?: string | undefined;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>> | undefined;
}

/** Runs the whole pipeline after authentication: fairness, authorization, admission, validation, the verb itself. */
export interface ApiHandler {
  send(request: ApiRequest, user: UserInfo): Promise<ApiResponse>;
  watch(request: ApiRequest, user: UserInfo): AsyncIterable<WatchEvent>;
}

/** The program that upstream runs as this user, which is what manages the fields that it writes: `kube-scheduler`, `kubelet`. */
export function programOf({ name }: Pick<UserInfo, 'name'>): string {
  if (name.startsWith('system:serviceaccount:kube-system:')) return 'kube-controller-manager';
  if (name.startsWith('system:node:')) return 'kubelet';
  return name.slice(name.lastIndexOf(':') + 1);
}
