// Objects that mean harm: whatever stands in services, slices, policies and Ingresses, nothing breaks, nothing but addresses and ports gets
// into the packet filter's rules, and with the objects goes everything that came of them.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Persisted, V1EndpointSlice, V1Ingress, V1NetworkPolicy, V1Service } from '../api/mod.ts';
import { ipv4, ipv6 } from './addresses/family.ts';
import { ingressController, planIngresses } from './ingress/plan.ts';
import { findTarget } from './ingress/table.ts';
import { renderTable } from './policy/nftables.ts';
import { PolicyProgram } from './policy/program.ts';
import { base, here } from './proxy/fixtures.fake.ts';
import { frontendsOf } from './proxy/model.ts';
import { renderAll, renderChange } from './proxy/nftables.ts';
import { Program } from './proxy/plan.ts';

const mark = 'HARM';
const text = fc.oneof(
  fc.constantFrom(
    '',
    `10.96.0.1 ${mark}`,
    `10.0.0.1\n${mark}`,
    `"; flush ruleset; ${mark}`,
    `10.0.0.0/8 ${mark}`,
    '999.1.1.1',
    '10.96.0.7',
    '::1',
    '1e9',
  ),
  fc.constantFrom(
    '0.0.0.0',
    '255.255.255.255',
    '127.0.0.1',
    '169.254.169.254',
    '10.42.0.9',
    'fd00::9',
    `${mark}}`,
    '$(reboot)',
    '../..',
    '\u0000',
  ),
  fc.string({ maxLength: 12 }).map((some) => `${mark}${some}`),
);
const number = fc.oneof(fc.constantFrom(0, -1, 80, 65_535, 65_536, 1e20, 1.5, Number.NaN, Number.POSITIVE_INFINITY), fc.integer());
const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined, freq: 4 });
const some = <T>(of: fc.Arbitrary<T>) => fc.array(of, { maxLength: 3 });
const protocol = fc.oneof(fc.constantFrom('TCP', 'UDP', 'SCTP'), text);

const services = fc.record({
  metadata: fc.record({ name: text, namespace: text }),
  spec: maybe(
    fc.record({
      type: fc.oneof(fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'), text),
      clusterIP: maybe(text),
      clusterIPs: maybe(some(text)),
      externalIPs: maybe(some(text)),
      loadBalancerSourceRanges: maybe(some(text)),
      ports: maybe(some(fc.record({ name: maybe(text), port: number, nodePort: maybe(number), protocol: maybe(protocol) }))),
      sessionAffinity: fc.constantFrom('None', 'ClientIP', mark),
      sessionAffinityConfig: maybe(fc.record({ clientIP: fc.record({ timeoutSeconds: number }) })),
      externalTrafficPolicy: fc.constantFrom('Local', 'Cluster', mark),
    }),
  ),
  status: maybe(fc.record({ loadBalancer: fc.record({ ingress: some(fc.record({ ip: maybe(text), ipMode: maybe(text) })) }) })),
}) as unknown as fc.Arbitrary<V1Service>;
const slices = fc.record({
  addressType: fc.constantFrom('IPv4', 'IPv6', 'FQDN', mark),
  ports: maybe(some(fc.record({ name: maybe(text), port: maybe(number), protocol: maybe(protocol) }))),
  endpoints: some(
    fc.record({
      addresses: some(text),
      nodeName: maybe(text),
      conditions: maybe(fc.record({ ready: maybe(fc.boolean()), serving: maybe(fc.boolean()), terminating: maybe(fc.boolean()) })),
      hints: maybe(fc.record({ forZones: some(fc.record({ name: text })) })),
    }),
  ),
}) as unknown as fc.Arbitrary<V1EndpointSlice>;

describe('services', () => {
  test('nothing of a service or slice but addresses and ports becomes a rule, and all of it goes', () => {
    const empty = renderAll(base, new Program(base.podCidr).everything());
    fc.assert(
      fc.property(fc.array(fc.tuple(services, fc.array(slices, { maxLength: 3 })), { maxLength: 4 }), (all) => {
        const program = new Program(base.podCidr);
        all.forEach(([service, of], i) => {
          program.want(`x/${i}`, frontendsOf(service, of, here));
        });
        const change = program.plan();
        const rendered = `${renderAll(base, program.everything())}${change ? renderChange(base, change) : ''}`;
        expect(rendered).not.toContain(mark);
        expect(rendered).not.toMatch(/NaN|Infinity|undefined|flush ruleset/);
        for (const i of all.keys()) program.want(`x/${i}`, []);
        program.plan();
        expect(renderAll(base, program.everything())).toBe(empty);
      }),
    );
  });
});

describe('network policies', () => {
  const labels = maybe(fc.dictionary(text, text, { maxKeys: 2 }));
  const selector = fc.record({
    matchLabels: labels,
    matchExpressions: maybe(some(fc.record({ key: text, operator: fc.constantFrom('In', 'NotIn', 'Exists'), values: maybe(some(text)) }))),
  });
  const peer = fc.record({
    podSelector: maybe(selector),
    namespaceSelector: maybe(selector),
    ipBlock: maybe(fc.record({ cidr: text, except: maybe(some(text)) })),
  });
  const port = fc.record({ protocol: maybe(protocol), port: maybe(fc.oneof(number, text)), endPort: maybe(number) });
  const policies = fc.record({
    metadata: fc.record({ namespace: fc.constantFrom('x', mark) }),
    spec: fc.record({
      podSelector: selector,
      policyTypes: maybe(some(fc.constantFrom('Ingress', 'Egress', mark))),
      ingress: maybe(some(fc.record({ from: maybe(some(peer)), ports: maybe(some(port)) }))),
      egress: maybe(some(fc.record({ to: maybe(some(peer)), ports: maybe(some(port)) }))),
    }),
  }) as unknown as fc.Arbitrary<V1NetworkPolicy>;

  const policyBase = { bridge: 'mkt', hasIpv6: true };

  test.each([ipv4, ipv6])('no selector, range or port writes a rule of its own, and all of it goes: $ip', (family) => {
    const render = (program: PolicyProgram) => renderTable(family, 'minke-t', policyBase, program.standing());
    const empty = render(new PolicyProgram(family));
    fc.assert(
      fc.property(fc.array(policies, { maxLength: 3 }), labels, (all, of) => {
        const program = new PolicyProgram(family);
        const pod = { namespace: 'x', labels: of ?? {}, address: family === ipv4 ? '10.42.0.5' : 'fd00::5', ports: [], isHere: true };
        program.setPod('x/pod', pod as never);
        all.forEach((policy, i) => {
          program.setPolicy(`x/${i}`, policy);
        });
        program.difference();
        const rendered = render(program);
        expect(rendered).not.toContain(mark);
        expect(rendered).not.toMatch(/NaN|Infinity|undefined|flush ruleset/);
        for (const i of all.keys()) program.setPolicy(`x/${i}`, undefined);
        program.setPod('x/pod', undefined);
        program.difference();
        expect(render(program)).toBe(empty);
      }),
    );
  });
});

describe('Ingresses', () => {
  const backend = fc.record({
    service: maybe(fc.record({ name: text, port: maybe(fc.record({ name: maybe(text), number: maybe(number) })) })),
    resource: maybe(fc.record({ kind: text, name: text })),
  });
  const specs = fc.record({
    ingressClassName: fc.constant('minke'),
    defaultBackend: maybe(backend),
    tls: maybe(some(fc.record({ hosts: maybe(some(text)), secretName: maybe(text) }))),
    rules: maybe(
      some(
        fc.record({
          host: maybe(text),
          http: maybe(
            fc.record({ paths: some(fc.record({ path: maybe(text), pathType: fc.constantFrom('Exact', 'Prefix', mark), backend })) }),
          ),
        }),
      ),
    ),
  });

  test('whatever they say, any request has one answer, in little time', () => {
    const classes = [{ metadata: { name: 'minke' }, spec: { controller: ingressController } }] as never;
    fc.assert(
      fc.property(fc.array(specs, { maxLength: 3 }), text, text, (all, host, path) => {
        const ingresses = all.map((spec, i) => ({ metadata: { namespace: 'x', name: `i${i}`, uid: `${i}` }, spec }));
        const plan = planIngresses({
          ingresses: ingresses as unknown as readonly Persisted<V1Ingress>[],
          classes,
          service: () => undefined,
          secret: () => ({ data: { 'tls.crt': 'AAAA', 'tls.key': mark } }),
        });
        const target = findTarget(plan.table, host, path);
        expect([undefined, 'service', 'nothing']).toContain(target?.to);
        expect(plan.certificates.size).toBe(0);
      }),
    );
  });
});
