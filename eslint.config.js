import { dirname, relative, resolve } from 'node:path';
import tseslint from 'typescript-eslint';

/** DESIGN.md's layers, bottom first: a folder of src/ may import from its own level's own folder, and from lower levels. */
const layers = [
  ['native'],
  ['netlink'],
  ['kernel'],
  ['plan'],
  ['runtime', 'network', 'image', 'explore'],
  ['containers'],
  ['engine'],
  ['cli', 'web'],
];
const sourceDir = resolve(import.meta.dirname, 'src');
const level = (folder) => layers.findIndex((folders) => folders.includes(folder));

/** `src/FOLDER/…` → FOLDER; undefined for src/errors.ts and src/index.ts, and outside src/. */
function folderOf(path) {
  const parts = relative(sourceDir, path).split('/');
  return parts[0] === '..' || parts.length === 1 ? undefined : parts[0];
}

const layersRule = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      up: 'src/{{from}} must not import from src/{{to}}: imports only go down ({{order}}).',
      unknown: 'src/{{from}} is in no layer: add it to `layers` in eslint.config.js.',
    },
  },
  create(context) {
    const from = folderOf(context.filename);
    const check = (node, source) => {
      if (from === undefined || typeof source?.value !== 'string' || !source.value.startsWith('.')) return;
      const to = folderOf(resolve(dirname(context.filename), source.value));
      if (level(from) < 0) context.report({ node, messageId: 'unknown', data: { from } });
      else if (to !== undefined && to !== from && level(to) >= level(from)) {
        const order = layers
          .map((folders) => folders.join('·'))
          .reverse()
          .join(' → ');
        context.report({ node, messageId: 'up', data: { from, to, order } });
      }
    };
    return {
      ImportDeclaration: (node) => check(node, node.source),
      ExportNamedDeclaration: (node) => check(node, node.source),
      ExportAllDeclaration: (node) => check(node, node.source),
      ImportExpression: (node) => check(node, node.source),
      TSImportType: (node) => check(node, node.source),
    };
  },
};

/** A module-level `let` is state that every caller in the process shares. */
const noModuleLet = {
  selector:
    'Program > VariableDeclaration[kind=/^(let|var)$/], Program > ExportNamedDeclaration > VariableDeclaration[kind=/^(let|var)$/]',
  message: 'No module-level let: give the state to an object that its user holds.',
};
const noProcessExit = {
  selector: "CallExpression[callee.object.name='process'][callee.property.name=/^(exit|reallyExit|abort)$/]",
  message: 'Only src/cli/main.ts ends the process: throw, or return an exit code.',
};

export default tseslint.config(
  { ignores: ['node_modules/', 'build*/', 'dist*/', 'prebuilds/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/promise-function-async': 'error',
      '@typescript-eslint/return-await': ['error', 'in-try-catch'],
      // An overload of a command's handler may have nothing to wait for.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // The one rule would have `!` for `as T`, the other forbids `!`.
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      // `while (true)` says what it is.
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // noPropertyAccessFromIndexSignature of tsconfig.json asks for the brackets.
      '@typescript-eslint/dot-notation': 'off',
    },
  },
  {
    files: ['src/**/*.ts'],
    plugins: { warren: { rules: { layers: layersRule } } },
    rules: {
      'no-console': 'error',
      'warren/layers': 'error',
      'no-restricted-syntax': ['error', noModuleLet, noProcessExit],
    },
  },
  { files: ['src/cli/main.ts'], rules: { 'no-restricted-syntax': ['error', noModuleLet] } },
  { files: ['src/cli/**/*.ts'], rules: { 'no-console': 'off' } },
  {
    files: ['**/*.test.ts'],
    rules: {
      // node:test's describe() and test() return promises that its own runner waits for.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', package: 'node:test', name: ['test', 'describe', 'it', 'suite'] },
          ],
        },
      ],
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    rules: { eqeqeq: 'error', 'no-unused-vars': 'error', 'no-var': 'error', 'prefer-const': 'error' },
  },
);
