// OpenAPI documents of a list of kinds. Loaded when first needed, with the texts of all types.
// Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition
import type { KindDefinition } from '../../kind.ts';
import { hasSchema } from '../load.ts';
import { definitionsOf, type Json } from './definitions.ts';
import { patchDefinition, pathsOf, rootOf, sharedTypes, typesOfKind } from './operations.ts';

export { encodeOpenApiV2, openApiV2ProtobufAccepted, openApiV2ProtobufType } from './protobuf-v2.ts';

const info = { title: 'Kubernetes', version: 'v1.36.0' };
const bearer = {
  BearerToken: { type: 'apiKey', description: 'Bearer Token authentication', name: 'authorization', in: 'header' },
};
const patchSchema = {
  description: 'Patch is provided to give a concrete name and type to the Kubernetes PATCH request body.',
  type: 'object',
};

/** Only built-in types are in the generated schema. */
const builtIn = (kinds: readonly KindDefinition[]): KindDefinition[] => kinds.filter((kind) => hasSchema(kind.schema));

function parts(kinds: readonly KindDefinition[], dialect: 'v2' | 'v3'): { definitions: Json; paths: Json } {
  const definitions = definitionsOf(new Set([...kinds.flatMap(typesOfKind), ...sharedTypes]), dialect);
  const paths = Object.assign({}, ...kinds.map((kind) => pathsOf(kind, dialect))) as Json;
  return { definitions: { ...definitions, [patchDefinition]: patchSchema }, paths };
}

/** The Swagger 2.0 document of everything: /openapi/v2. */
export function openApiV2(kinds: readonly KindDefinition[]): Json {
  const { definitions, paths } = parts(builtIn(kinds), 'v2');
  return { swagger: '2.0', info, paths, definitions, securityDefinitions: bearer, security: [{ BearerToken: [] }] };
}

/** The paths that have an OpenAPI 3.0 document: `api/v1`, `apis/apps/v1`, in the order of the kinds. */
export function openApiV3Paths(kinds: readonly KindDefinition[]): string[] {
  return [...new Set(builtIn(kinds).map(rootOf))];
}

/** The index, /openapi/v3: where each document is, by its hash. */
export function openApiV3Index(paths: readonly string[], hashOf: (path: string) => string): Json {
  return { paths: Object.fromEntries(paths.map((path) => [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hashOf(path)}` }])) };
}

/** The OpenAPI 3.0 document of one group version, named by its path (`apis/apps/v1`). */
export function openApiV3(path: string, kinds: readonly KindDefinition[]): Json {
  const { definitions, paths } = parts(
    builtIn(kinds).filter((kind) => rootOf(kind) === path),
    'v3',
  );
  return { openapi: '3.0.0', info, paths, components: { schemas: definitions, securitySchemes: bearer } };
}
