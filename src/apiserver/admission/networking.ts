// DefaultIngressClass: an ingress that names no class gets the default one. DenyServiceExternalIPs: no service takes traffic of addresses that it names.
import { type Draft, forbidden, type KubeObject, timeMs, type V1Ingress, type V1IngressClass, type V1Service } from '../../api/mod.ts';
import { isOf } from './attributes.ts';
import type { AdmissionPlugin } from './chain.ts';

const defaultAnnotation = 'ingressclass.kubernetes.io/is-default-class';
const oldAnnotation = 'kubernetes.io/ingress.class';

/** Of several defaults the newest counts. Source: https://kubernetes.io/docs/concepts/services-networking/ingress/#default-ingress-class */
export const defaultIngressClass = (classes: { readonly all: () => readonly KubeObject[] }): AdmissionPlugin => ({
  name: 'DefaultIngressClass',
  mutate: (attributes, draft) => {
    if (attributes.operation !== 'CREATE' || !draft || !isOf(attributes, 'networking.k8s.io', 'ingresses')) return;
    const ingress = draft as Draft<V1Ingress>;
    if (ingress.spec?.ingressClassName !== undefined || ingress.metadata?.annotations?.[oldAnnotation] !== undefined) return;
    const name = newestDefault(classes.all() as readonly V1IngressClass[])?.metadata?.name;
    if (name === undefined) return;
    ingress.spec ??= {};
    ingress.spec.ingressClassName = name;
  },
});

function newestDefault(classes: readonly V1IngressClass[]): V1IngressClass | undefined {
  const madeMs = ({ metadata }: V1IngressClass): number => timeMs(metadata?.creationTimestamp);
  const nameOf = ({ metadata }: V1IngressClass): string => metadata?.name ?? '';
  return classes
    .filter(({ metadata }) => metadata?.annotations?.[defaultAnnotation] === 'true')
    .reduce<V1IngressClass | undefined>((best, each) => {
      const later = best === undefined ? 1 : madeMs(each) - madeMs(best);
      return later > 0 || (later === 0 && nameOf(each) < nameOf(best as V1IngressClass)) ? each : best;
    }, undefined);
}

/** Optional. Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#denyserviceexternalips */
export const denyServiceExternalIps: AdmissionPlugin = {
  name: 'DenyServiceExternalIPs',
  validate: (attributes, object) => {
    if (!object || !isOf(attributes, '', 'services') || (attributes.operation !== 'CREATE' && attributes.operation !== 'UPDATE')) return;
    const ips = (object as V1Service).spec?.externalIPs ?? [];
    const standing = new Set((attributes.old as V1Service | undefined)?.spec?.externalIPs ?? []);
    if (ips.every((ip) => standing.has(ip))) return;
    throw forbidden({ group: '', resource: 'services', name: attributes.name }, 'Use of external IPs is denied by admission control.');
  },
};
