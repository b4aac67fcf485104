// What the server warns of in pods and templates that it accepts.
import type { V1Container, V1Pod, V1PodSpec } from '../generated/types.gen.ts';
import { dnsLabelProblems } from '../meta/names.ts';

function environmentWarnings(containers: readonly V1Container[] | undefined, path: string): string[] {
  return (containers ?? []).flatMap((container, i) => {
    const seen = new Set<string>();
    return (container.env ?? []).flatMap(({ name }, j) => {
      const again = seen.has(name);
      seen.add(name);
      if (!again) return [];
      return [`${path}[${i}].env[${j}]: hides previous definition of "${name}", which may be dropped when using apply`];
    });
  });
}

/** `path` is where the spec stands: `spec`, or `spec.template.spec`. */
export function podSpecWarnings(spec: V1PodSpec | undefined, path: string): string[] {
  if (spec === undefined) return [];
  const warnings = [
    ...environmentWarnings(spec.initContainers, `${path}.initContainers`),
    ...environmentWarnings(spec.containers, `${path}.containers`),
  ];
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) {
    warnings.push(`${path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`);
  }
  return warnings;
}

export function podWarnings(pod: V1Pod, old: V1Pod | undefined): string[] {
  const problems = old === undefined ? dnsLabelProblems(pod.metadata?.name ?? '') : [];
  const name =
    problems.length === 0
      ? []
      : [
          `metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [${problems.join(' ')}]`,
        ];
  return [...name, ...podSpecWarnings(pod.spec, 'spec')];
}
