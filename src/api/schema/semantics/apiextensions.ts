// What the schema of apiextensions.k8s.io lacks: definition names, list and merge semantics, quantities, Go's names of types.
import type { PackageSemantics } from './package-semantics.ts';

export const apiextensions: readonly PackageSemantics[] = [
  {
    definitions: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1',
    group: 'apiextensions.k8s.io',
    version: 'v1',
    fields: {
      V1CustomResourceDefinitionNames: { categories: 'atomic', shortNames: 'atomic' },
      V1CustomResourceDefinitionSpec: { scope: 'go=v1.ResourceScope', versions: 'atomic' },
      V1CustomResourceDefinitionStatus: { conditions: 'map:type', storedVersions: 'atomic' },
      V1CustomResourceDefinitionVersion: { additionalPrinterColumns: 'atomic', selectableFields: 'atomic' },
      V1JSONSchemaProps: {
        allOf: 'atomic',
        anyOf: 'atomic',
        enum: 'atomic',
        oneOf: 'atomic',
        required: 'atomic',
        'x-kubernetes-list-map-keys': 'atomic',
        'x-kubernetes-validations': 'map:rule patch=merge:rule',
      },
      V1WebhookConversion: { conversionReviewVersions: 'atomic' },
    },
    types: `
      ApiextensionsV1ServiceReference ApiextensionsV1WebhookClientConfig V1CustomResourceColumnDefinition
      V1CustomResourceConversion V1CustomResourceDefinition V1CustomResourceDefinitionCondition V1CustomResourceDefinitionList
      V1CustomResourceDefinitionNames V1CustomResourceDefinitionSpec V1CustomResourceDefinitionStatus
      V1CustomResourceDefinitionVersion V1CustomResourceSubresourceScale V1CustomResourceSubresources V1CustomResourceValidation
      V1ExternalDocumentation V1JSONSchemaProps V1SelectableField V1ValidationRule V1WebhookConversion
    `,
  },
];
