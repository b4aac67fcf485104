import { expect, test } from 'vitest';
import type { V1PodSecurityContext, V1SecurityContext } from '../../api/mod.ts';
import type { Image } from '../cri/runtime.ts';
import { checkNonRoot, containerSecurity } from './security.ts';

const podWith = (securityContext: V1PodSecurityContext) => ({
  metadata: { name: 'web', namespace: 'ns', uid: 'u1' },
  spec: { containers: [], securityContext },
});
const where = '(pod: "web_ns(u1)", container: app)';

test.each<[string, V1PodSecurityContext, V1SecurityContext, Pick<Image, 'uid' | 'username'>, string | undefined]>([
  ['not asked for', {}, {}, { uid: 0 }, undefined],
  ['an image of root', { runAsNonRoot: true }, {}, { uid: 0 }, `container has runAsNonRoot and image will run as root ${where}`],
  ['an image that names nobody', { runAsNonRoot: true }, {}, {}, `container has runAsNonRoot and image will run as root ${where}`],
  ['an image of a user', { runAsNonRoot: true }, {}, { uid: 1000 }, undefined],
  [
    'an image of a name',
    { runAsNonRoot: true },
    {},
    { username: 'www' },
    `container has runAsNonRoot and image has non-numeric user (www), cannot verify user is non-root ${where}`,
  ],
  ['a user of its own', { runAsNonRoot: true }, { runAsUser: 5 }, { uid: 0 }, undefined],
  ['root by number', { runAsNonRoot: true, runAsUser: 0 }, {}, {}, `container's runAsUser breaks non-root policy ${where}`],
  ['the container says otherwise', { runAsNonRoot: true }, { runAsNonRoot: false }, { uid: 0 }, undefined],
])('runAsNonRoot: %s', (_, pod, container, image, message) => {
  const check = () => checkNonRoot(podWith(pod), { name: 'app', securityContext: container }, image);
  if (message === undefined) expect(check).not.toThrow();
  else expect(check).toThrow(message);
});

test('the container is told what it and its pod say', () => {
  const pod = podWith({ runAsUser: 1, runAsGroup: 2, fsGroup: 3, supplementalGroups: [4], seccompProfile: { type: 'RuntimeDefault' } });
  const container = {
    name: 'app',
    securityContext: {
      runAsUser: 9,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] },
    },
  };
  expect(containerSecurity(pod, container)).toMatchObject({
    runAsUser: 9,
    runAsGroup: 2,
    supplementalGroups: [4, 3],
    noNewPrivileges: true,
    readonlyRootfs: true,
    addCapabilities: ['NET_ADMIN'],
    dropCapabilities: ['ALL'],
    seccomp: { type: 'runtimeDefault' },
    privileged: false,
  });
  const open = containerSecurity(pod, { name: 'app', securityContext: { privileged: true } });
  expect(open).toMatchObject({ privileged: true, seccomp: { type: 'unconfined' }, maskedPaths: [], readonlyPaths: [] });
});
