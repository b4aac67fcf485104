import { describe, expect, test } from 'vitest';
import { acceptsGzip, negotiate } from './negotiate.ts';

describe('negotiate()', () => {
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  test.each([
    [undefined, 'object application/json'],
    ['', 'object application/json'],
    ['*/*', 'object application/json'],
    ['application/json', 'object application/json'],
    ['application/json, */*', 'object application/json'],
    ['application/yaml', 'object application/yaml'],
    [`${table},application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json`, 'table application/json'],
    ['application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json', 'object application/json'],
    ['application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1', 'metadata application/json'],
    ['application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1', 'metadata application/json'],
    ['application/vnd.kubernetes.protobuf, application/json', 'object application/json'],
    ['application/json;q=0.1, application/yaml;q=0.9', 'object application/yaml'],
    ['application/json;q=0, application/yaml', 'object application/yaml'],
  ])('%s', (accept, wanted) => {
    const { form, mediaType } = negotiate(accept);
    expect(`${form} ${mediaType}`).toBe(wanted);
  });

  test.each(['application/*', 'text/html', 'application/vnd.kubernetes.protobuf', 'application/json;as=Nope;v=v1;g=meta.k8s.io'])(
    '%s is not acceptable',
    (accept) => {
      expect(() => negotiate(accept)).toThrow('only the following media types are accepted: application/json, application/yaml');
    },
  );

  const protobuf = 'application/vnd.kubernetes.protobuf';
  test.each([
    [protobuf, `object ${protobuf}`],
    [`${protobuf};stream=watch`, `object ${protobuf}`],
    [`${protobuf}, application/json`, `object ${protobuf}`],
    [`application/json, ${protobuf}`, 'object application/json'],
    [`${protobuf};q=0.5, application/json;q=0.9`, 'object application/json'],
    [`${protobuf};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1`, `metadata ${protobuf}`],
    [`${protobuf};as=Table;g=meta.k8s.io;v=v1, ${table}`, 'table application/json'],
  ])('%s, of a kind with a protobuf form', (accept, wanted) => {
    const { form, mediaType } = negotiate(accept, { protobuf: true });
    expect(`${form} ${mediaType}`).toBe(wanted);
  });

  test('a kind with a protobuf form says so when nothing fits', () => {
    expect(() => negotiate('text/html', { protobuf: true })).toThrow(
      'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    );
  });

  test('a form that the resource lacks is passed over', () => {
    expect(negotiate(`${table}, application/json`, { forms: ['object'] }).form).toBe('object');
  });
});

test.each([
  [undefined, false],
  ['gzip', true],
  ['deflate, gzip;q=0.5', true],
  ['gzip;q=0', false],
  ['br', false],
])('acceptsGzip(%s) is %s', (header, wanted) => {
  expect(acceptsGzip(header)).toBe(wanted);
});
