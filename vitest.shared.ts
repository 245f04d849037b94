import { defineProject } from 'vitest/config';

/** `import` and `default` are implied. Vitest hands these to Node, which would obey `import` in CommonJS packages too. */
const conditions = ['@sotto/source', 'node'];

/** A package's tests in Node, run on the sources of all workspace packages: nothing has to be built first. */
export function sourceProject(name: string, include: string[] = ['src/**/*.test.ts', 'test/**/*.test.ts']) {
  return defineProject({
    resolve: { conditions },
    ssr: { resolve: { conditions, externalConditions: conditions } },
    test: { name, include, environment: 'node' },
  });
}
