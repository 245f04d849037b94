import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { ROOT, workspaces } from '../lib/repository.js';
import { run } from '../lib/run.js';

const FENCE = /^```ts\n([\s\S]*?)^```$/gm;
const GUIDES = 'docs/guides';
const PAGES = ['README.md', 'ARCHITECTURE.md', 'SECURITY.md', 'CONTRIBUTING.md'];

/** Type-checks every `ts` block of the Markdown that people read: code in the docs must compile against the sources. */
export async function checkDocs(): Promise<boolean> {
  let good = true;
  let count = 0;
  const guides = readdirSync(join(ROOT, GUIDES)).map((file) => join(GUIDES, file));
  for (const page of [...PAGES, ...guides, ...workspaces().map(({ folder }) => join(folder, 'README.md'))]) {
    if (!existsSync(join(ROOT, page))) continue;
    const blocks = [...readFileSync(join(ROOT, page), 'utf8').matchAll(FENCE)].map(([, code = '']) => code);
    count += blocks.length;
    if (blocks.length > 0 && !(await compiles(page, blocks))) good = false;
  }
  console.log(`${count} blocks of code in the docs`);
  return (await makeReference()) && good && count > 0;
}

/** The API reference, in `.cache/api`. Fails where something public lacks its docstring or a link leads nowhere. */
async function makeReference(): Promise<boolean> {
  const { code, output } = await run('typedoc', ['--options', 'docs/typedoc.json', '--logLevel', 'Warn'], {
    quiet: true,
  });
  if (code !== 0) console.error(output);
  else console.log('API reference: .cache/api/index.html');
  return code === 0;
}

async function compiles(page: string, blocks: readonly string[]): Promise<boolean> {
  // Inside the package that the page is about, so that its dependencies resolve. Root and guides have none: e2e stands in.
  const parent = page.startsWith(GUIDES) ? '.' : dirname(page);
  const folder = join(ROOT, parent === '.' ? 'e2e' : parent, '.docs');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  try {
    // Every block is a module of its own, as if it were a reader's file.
    blocks.forEach((code, index) => writeFileSync(join(folder, `block-${index + 1}.ts`), `${code}\nexport {};\n`));
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(configFor(parent)));
    const { code, output } = await run('tsc', ['-p', folder], { quiet: true });
    if (code !== 0) console.error(`${page}:\n${output}`);
    return code === 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function configFor(parent: string): object {
  const up = parent === '.' ? '../..' : [...parent.split('/'), ''].map(() => '..').join('/');
  return {
    extends: `${up}/tsconfig.base.json`,
    compilerOptions: {
      lib: ['ES2023', 'DOM', 'DOM.Iterable'],
      types: ['node'],
      paths: sourcePaths(up),
      noUnusedLocals: false,
    },
    include: ['*.ts'],
  };
}

/** `@sotto/relay/token` -> its source, as the export condition has it. */
function sourcePaths(up: string): Record<string, string[]> {
  const paths: Record<string, string[]> = {};
  for (const { folder } of workspaces().filter(({ folder }) => folder.startsWith('packages/'))) {
    const manifest = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as {
      name: string;
      exports?: Record<string, { '@sotto/source'?: string }>;
    };
    for (const [entry, target] of Object.entries(manifest.exports ?? {})) {
      const source = target['@sotto/source'];
      if (source !== undefined) paths[join(manifest.name, entry)] = [join(up, folder, source)];
    }
  }
  return paths;
}
