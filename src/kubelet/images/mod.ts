// Images without a registry.
export { architectureOf, type BuildConfig, nameProblem, wholeName } from './image-config.ts';
export { createImageStore, ImageError, type ImageStore, type ImageStoreOptions, imageFileName } from './image-store.ts';
export { pauseImage, toolsImage } from './local-images.ts';
