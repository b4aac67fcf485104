// Who is a node: its user name says which, and it must be in the nodes' group.
import type { UserInfo } from '../../../client/mod.ts';

const userPrefix = 'system:node:';

/** The node's name; undefined for everybody else. */
export const nodeIdentity = ({ name, groups }: UserInfo): string | undefined =>
  name.startsWith(userPrefix) && groups.includes('system:nodes') ? name.slice(userPrefix.length) : undefined;
