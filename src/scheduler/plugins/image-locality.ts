// ImageLocality: likes nodes that have the pod's images already, the larger the better.
import type { V1Pod } from '../../api/mod.ts';
import { type Plugin, scoreMax } from '../framework.ts';
import type { NodeInfo } from '../node-info.ts';

const mib = 1024 * 1024;
/** Below this an image is as good as absent, above the other nothing is gained; for each container. Source: upstream's plugin. */
const [leastBytes, mostBytes] = [23 * mib, 1000 * mib];

/** `app` and `app:latest` are one name. */
const normalized = (image: string): string =>
  image.lastIndexOf(':') > image.lastIndexOf('/') || image.includes('@') ? image : `${image}:latest`;

export const imageLocality: Plugin = {
  name: 'ImageLocality',
  nodeAlone: true,
  score: (_state, pod, node) => {
    const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
    const bytes = presentBytes(pod, node);
    const most = mostBytes * containers.length;
    if (bytes <= leastBytes || containers.length === 0) return 0;
    return Math.floor((scoreMax * (Math.min(bytes, most) - leastBytes)) / (most - leastBytes));
  },
};

function presentBytes(pod: V1Pod, node: NodeInfo): number {
  const sizes = node.imageBytes;
  if (sizes.size === 0) return 0;
  const images = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].map((container) =>
    normalized(container.image ?? ''),
  );
  return images.reduce((sum, image) => sum + (sizes.get(image) ?? 0), 0);
}
