import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

const everywhere = [
  {
    group: ['@sotto/*/src/*', '@sotto/*/dist/*', '**/packages/*/src/**', '**/packages/*/dist/**'],
    message: 'Import other packages by their public entry points.',
  },
];
const insidePackages = [
  ...everywhere,
  {
    group: ['./index.js', '../index.js', '../**/index.js'],
    message: 'Inside a package import the file, never index.ts.',
  },
];
const ours = "In browsers '@sotto/protocol/schema': zod adds 11 KB gzip even as 'zod/mini', and tries eval.";
const zod = ['zod', 'zod/mini'].map((name) => ({ name, message: ours }));

/** What the sources of a package may not import. Imports run one way: protocol <- relay; protocol, crypto <- sdk <- widget. */
function direction(name, patterns, paths = []) {
  return {
    files: [`packages/${name}/src/**/*.ts`],
    ignores: ['**/*.test.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': ['error', { paths, patterns: [...insidePackages, ...patterns] }],
    },
  };
}

const no = (group, message) => ({ group, message });
const noSotto = (...allowed) =>
  no(
    ['@sotto/*', ...allowed.map((name) => `!@sotto/${name}`)],
    'Imports between packages run one way; see CONTRIBUTING.md.',
  );
const noNode = no(['node:*'], 'This package runs in browsers.');
const noCrypto = no(
  ['@noble/*', '@sotto/crypto'],
  'The relay imports no cryptography: its import list shows that it cannot read.',
);

const syntax = [
  {
    selector: 'MemberExpression[property.name=/^(innerHTML|outerHTML|insertAdjacentHTML)$/]',
    message: 'Markup from strings is how script gets in: use text nodes or Lit bindings.',
  },
  {
    selector: "CallExpression[callee.property.name='write'][callee.object.name='document']",
    message: 'Markup from strings is how script gets in: use text nodes or Lit bindings.',
  },
  { selector: 'ExportAllDeclaration[exported=null]', message: 'Name what is exported.' },
];

export default tseslint.config(
  { ignores: ['**/dist/', '**/dist-bundle/', '**/coverage/', '**/node_modules/', '**/.cache/', '**/*.d.ts'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { 'import-x': importX },
    settings: {
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
      'import-x/resolver-next': [
        createNodeResolver({
          extensions: ['.ts', '.js', '.json'],
          extensionAlias: { '.js': ['.ts', '.js'] },
          conditionNames: ['@sotto/source', 'types', 'import', 'default'],
        }),
      ],
    },
    linterOptions: { noInlineConfig: true },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-non-null-assertion': 'error',
      // Numbers in template strings are what they look like.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // `async` also turns a throw into a rejection, which ports rely on.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-restricted-imports': ['error', { patterns: everywhere }],
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      'no-restricted-syntax': ['error', ...syntax],
      'no-eval': 'error',
      'no-implied-eval': 'off',
      '@typescript-eslint/no-implied-eval': 'error',
      'no-new-func': 'error',
      eqeqeq: 'error',
      'no-console': 'error',
      'max-lines': ['error', { max: 500, skipBlankLines: true }],
    },
  },
  {
    files: ['packages/*/src/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      'max-lines': ['warn', { max: 300, skipBlankLines: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      complexity: ['warn', 20],
    },
  },
  direction('protocol', [noSotto(), noNode], zod),
  direction('crypto', [noSotto(), noNode], zod),
  direction('relay', [noSotto('protocol'), noCrypto]),
  direction('sdk', [noSotto('protocol', 'crypto')], zod),
  direction('widget', [noSotto('sdk'), noNode], zod),
  {
    // The SDK is imported on servers too (SSR): browser globals may be touched when called, never when imported.
    files: ['packages/{sdk,widget,crypto,protocol}/src/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        ...syntax,
        {
          selector:
            ':matches(Program > ExpressionStatement, Program > VariableDeclaration, Program > ExportNamedDeclaration > VariableDeclaration) Identifier[name=/^(window|document|navigator|localStorage|indexedDB)$/]:not(:function Identifier)',
          message: 'Importing must not touch browser globals: it also happens during server-side rendering.',
        },
      ],
    },
  },
  {
    files: ['packages/relay/src/**/*.ts'],
    rules: { '@typescript-eslint/no-extraneous-class': 'off' },
  },
  {
    files: ['scripts/**/*.ts', 'e2e/**/*.ts', 'sim/**/*.ts', 'examples/**/*.ts', '**/bench/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['**/*.test.ts', '**/test/**/*.ts', 'e2e/**/*.ts'],
    rules: {
      'max-lines-per-function': 'off',
      '@typescript-eslint/unbound-method': 'off',
      'no-restricted-syntax': [
        'error',
        {
          selector:
            'CallExpression[callee.property.name=/^(skip|only|todo)$/][callee.object.name=/^(test|it|describe)$/]',
          message: 'Every test runs.',
        },
      ],
    },
  },
);
