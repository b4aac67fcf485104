// What kubectl 1.32 sent for `kubectl create ...`, beside what it prints for the same command as JSON: both are encoded by Go from one object.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseApiVersion } from '../../meta/object.ts';
import { schemaOf, typeOfKind } from '../../schema/mod.ts';
import { decodeJson } from '../decode.ts';
import { decodeProtobuf, encodeProtobuf } from './mod.ts';

interface Sample {
  readonly command: string;
  /** Base64. */
  readonly protobuf: string;
  readonly json: { readonly kind: string; readonly apiVersion: string };
}

const samples = JSON.parse(readFileSync(new URL('./testdata/kubectl-create.json', import.meta.url), 'utf8')) as Sample[];

describe('what kubectl create sends is what it prints', () => {
  test.each(samples.map((sample) => [sample.command, sample] as const))('%s', (_command, { protobuf, json }) => {
    const schema = schemaOf(typeOfKind({ ...parseApiVersion(json.apiVersion), kind: json.kind }) ?? '');
    const { object } = decodeProtobuf(Buffer.from(protobuf, 'base64'), schema);
    const printed = decodeJson(JSON.stringify(json), schema).object;
    // It prints the namespace that it sends in the path.
    if (printed.metadata?.namespace !== undefined && object.metadata) object.metadata.namespace ??= printed.metadata.namespace;
    expect(object).toEqual(printed);
    expect(decodeProtobuf(encodeProtobuf(object) ?? new Uint8Array(), schema).object).toEqual(object);
  });
});
