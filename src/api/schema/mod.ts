// The shapes of the API's objects.
export * from './load.ts';
export type * from './schema.ts';

/** The OpenAPI documents' maker: openApiV2Text, openApiV3Text and so on. It holds the texts of all types, so it is loaded when first needed. */
export const loadOpenApi = (): Promise<typeof import('./openapi/mod.ts')> => import('./openapi/mod.ts');
