import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['src/**/*.test.ts', 'test/{house,cluster,proof}/**/*.test.ts'], testTimeout: 30_000 } },
      // Real containers and real kubectl: one cluster at a time, root needed.
      { test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], testTimeout: 180_000, hookTimeout: 240_000 } },
      // Long proofs: `npm run prove`.
      { test: { name: 'proof', include: ['test/proof/**/*.proof.ts'] } },
    ],
  },
});
