// Metrics in the form that autoscaling/v1 carries in annotations: flat, with the target's figures beside the source's name.
import type { V2MetricSpec, V2MetricStatus, V2MetricTarget, V2MetricValueStatus } from '../generated/types.gen.ts';

type Flat = Readonly<Record<string, unknown>>;
const isRecord = (value: unknown): value is Flat => typeof value === 'object' && value !== null && !Array.isArray(value);
const flat = (value: unknown): Flat => (isRecord(value) ? value : {});
const present = (fields: Flat): Flat => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

function targetOf(value: unknown, averageValue: unknown, averageUtilization: unknown): V2MetricTarget {
  const type = averageUtilization !== undefined ? 'Utilization' : averageValue !== undefined ? 'AverageValue' : 'Value';
  const fields = averageUtilization !== undefined ? { averageUtilization } : averageValue !== undefined ? { averageValue } : { value };
  return present({ type, ...fields }) as unknown as V2MetricTarget;
}

const metricName = (of: Flat, selector: string): Flat => present({ name: of.metricName, selector: of[selector] });

/** An item of the metrics annotation as autoscaling/v2 says it. */
export function metricOfV1(item: unknown): V2MetricSpec {
  const { type, object, pods, resource, containerResource, external } = flat(item);
  const [o, p, r, c, e] = [object, pods, resource, containerResource, external].map(flat);
  return present({
    type,
    object: o &&
      object && {
        describedObject: o.target,
        metric: metricName(o, 'selector'),
        target: targetOf(o.targetValue, o.averageValue, undefined),
      },
    pods: p && pods && { metric: metricName(p, 'selector'), target: targetOf(undefined, p.targetAverageValue, undefined) },
    resource: r && resource && { name: r.name, target: targetOf(undefined, r.targetAverageValue, r.targetAverageUtilization) },
    containerResource: c &&
      containerResource && {
        name: c.name,
        container: c.container,
        target: targetOf(undefined, c.targetAverageValue, c.targetAverageUtilization),
      },
    external: e &&
      external && { metric: metricName(e, 'metricSelector'), target: targetOf(e.targetValue, e.targetAverageValue, undefined) },
  }) as unknown as V2MetricSpec;
}

/** The item of the metrics annotation. */
export function metricToV1({ type, object, pods, resource, containerResource, external }: V2MetricSpec): Flat {
  const utilization = (target: V2MetricTarget | undefined): Flat => ({
    targetAverageUtilization: target?.averageUtilization,
    targetAverageValue: target?.averageValue,
  });
  return present({
    type,
    object:
      object &&
      present({
        target: object.describedObject,
        metricName: object.metric?.name,
        // Always shown, zero when the average is what counts.
        targetValue: object.target?.value ?? '0',
        selector: object.metric?.selector,
        averageValue: object.target?.averageValue,
      }),
    pods:
      pods && present({ metricName: pods.metric?.name, targetAverageValue: pods.target?.averageValue, selector: pods.metric?.selector }),
    resource: resource && present({ name: resource.name, ...utilization(resource.target) }),
    containerResource:
      containerResource &&
      present({ name: containerResource.name, ...utilization(containerResource.target), container: containerResource.container }),
    external:
      external &&
      present({
        metricName: external.metric?.name,
        metricSelector: external.metric?.selector,
        targetValue: external.target?.value,
        targetAverageValue: external.target?.averageValue,
      }),
  });
}

/** An item of the current-metrics annotation as autoscaling/v2 says it. */
export function statusOfV1(item: unknown): V2MetricStatus {
  const { type, object, pods, resource, containerResource, external } = flat(item);
  const [o, p, r, c, e] = [object, pods, resource, containerResource, external].map(flat);
  const current = (value: unknown, averageValue: unknown, averageUtilization: unknown): Flat =>
    present({ value, averageValue, averageUtilization });
  return present({
    type,
    object: o &&
      object && {
        describedObject: o.target,
        metric: metricName(o, 'selector'),
        current: current(o.currentValue, o.averageValue, undefined),
      },
    pods: p && pods && { metric: metricName(p, 'selector'), current: current(undefined, p.currentAverageValue, undefined) },
    resource: r && resource && { name: r.name, current: current(undefined, r.currentAverageValue, r.currentAverageUtilization) },
    containerResource: c &&
      containerResource && {
        name: c.name,
        container: c.container,
        current: current(undefined, c.currentAverageValue, c.currentAverageUtilization),
      },
    external: e &&
      external && { metric: metricName(e, 'metricSelector'), current: current(e.currentValue, e.currentAverageValue, undefined) },
  }) as unknown as V2MetricStatus;
}

/** The item of the current-metrics annotation. */
export function statusToV1({ type, object, pods, resource, containerResource, external }: V2MetricStatus): Flat {
  const averages = (current: V2MetricValueStatus | undefined): Flat => ({
    currentAverageUtilization: current?.averageUtilization,
    currentAverageValue: current?.averageValue ?? '0',
  });
  return present({
    type,
    object:
      object &&
      present({
        target: object.describedObject,
        metricName: object.metric?.name,
        currentValue: object.current?.value ?? '0',
        selector: object.metric?.selector,
        averageValue: object.current?.averageValue,
      }),
    pods:
      pods &&
      present({ metricName: pods.metric?.name, currentAverageValue: pods.current?.averageValue ?? '0', selector: pods.metric?.selector }),
    resource: resource && present({ name: resource.name, ...averages(resource.current) }),
    containerResource:
      containerResource &&
      present({ name: containerResource.name, ...averages(containerResource.current), container: containerResource.container }),
    external:
      external &&
      present({
        metricName: external.metric?.name,
        metricSelector: external.metric?.selector,
        currentValue: external.current?.value ?? '0',
        currentAverageValue: external.current?.averageValue,
      }),
  });
}
