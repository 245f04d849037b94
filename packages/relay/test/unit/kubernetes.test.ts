import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Deployment } from 'kubernetes-types/apps/v1';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';

const FOLDER = fileURLToPath(new URL('../../../../deploy/kubernetes/', import.meta.url));

interface Manifest {
  apiVersion: string;
  kind: string;
}

const read = (file: string) => readFileSync(join(FOLDER, file), 'utf8');
const { resources } = parse(read('kustomization.yaml')) as { resources: string[] };
const manifests = resources.flatMap((file) => parseAllDocuments(read(file)).map((each) => each.toJS() as Manifest));

/** Says what no API of Kubernetes knows: each manifest is type-checked as a literal of its kind. */
function complaints(all: Manifest[]): string[] {
  const lines = all.map((manifest, index) => {
    const group = manifest.apiVersion === 'v1' ? 'core/v1' : manifest.apiVersion.replace('.k8s.io', '');
    return `import type { ${manifest.kind} as Kind${index} } from 'kubernetes-types/${group}';
export const manifest${index}: Kind${index} = ${JSON.stringify(manifest)};`;
  });
  const options: ts.CompilerOptions = {
    strict: true,
    skipLibCheck: true,
    types: [],
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  };
  // Only in memory; named as if it stood here, so that the types are found.
  const name = fileURLToPath(new URL('manifests.ts', import.meta.url));
  const host = ts.createCompilerHost(options);
  const onDisk = host.getSourceFile.bind(host);
  host.getSourceFile = (file, version, ...others) =>
    file === name ? ts.createSourceFile(file, lines.join('\n'), version) : onDisk(file, version, ...others);
  const program = ts.createProgram([name], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

test('the manifests have only fields that their APIs know, of the right types', () => {
  expect(manifests.length).toBeGreaterThan(5);
  expect(complaints(manifests)).toEqual([]);
});

test('a field that is misspelt is found', () => {
  const misspelt = structuredClone(manifests);
  const { spec } = misspelt.find(({ kind }) => kind === 'Deployment') as Deployment;
  const [container] = spec?.template.spec?.containers ?? [];
  if (!container) throw new Error('there is a pod with a container');
  Object.assign(container, { readynessProbe: container.readinessProbe });
  expect(complaints(misspelt)).toEqual([expect.stringContaining('readynessProbe')]);
});
