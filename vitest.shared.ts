import { defineProject } from 'vitest/config';

const conditions = ['@sotto/source', 'module', 'import', 'node', 'default'];

/** A package's tests in Node, run on the sources of all workspace packages: nothing has to be built first. */
export function sourceProject(name: string, include: string[] = ['src/**/*.test.ts', 'test/**/*.test.ts']) {
  return defineProject({
    resolve: { conditions },
    ssr: { resolve: { conditions, externalConditions: conditions } },
    test: { name, include, environment: 'node' },
  });
}
