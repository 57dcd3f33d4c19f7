import { readdirSync } from 'node:fs';
import t from 'tap';
import { ROOT, readSource, type SourceFile, sourceFiles } from './source-files.js';

/** Each pattern is written so that it does not match this file. */
const FORBIDDEN: readonly { readonly word: RegExp; readonly because: string }[] = [
  { word: /\b(TO[D]O|FIX[M]E|XX[X]|HAC[K])\b/, because: 'unfinished work belongs in an issue' },
  { word: /\b(t|tap|test)\.(on[l]y|to[d]o)\b/, because: 'a focused or empty test hides others' },
  { word: /(^|["'`\s=])\/(home|root|Users)\/\w/, because: 'a path of one machine' },
  { word: /\b(blazin[g]|lightning-fas[t]|cutting-edg[e]|world-clas[s])/i, because: 'a boast' },
];

const ROOT_TEXT = /(\.(md|json|gyp|gypi|cmake)|^CMakeLists\.txt)$/;

function violations(file: SourceFile): string[] {
  return file.lines.flatMap((line, index) =>
    FORBIDDEN.filter(({ word }) => word.test(line)).map(
      ({ because }) => `${file.path}:${index + 1} ${because}: ${line.trim()}`,
    ),
  );
}

t.test('no forbidden words', async (t) => {
  const rootFiles = readdirSync(ROOT).filter(
    (name) => ROOT_TEXT.test(name) && name !== 'package-lock.json',
  );
  const files = [
    ...rootFiles.map(readSource),
    ...sourceFiles(['src', 'native', 'test', 'bench', 'docs', '.ci']),
  ];
  t.strictSame(files.flatMap(violations), []);
});

t.test('README.md has at most 150 lines', async (t) => {
  t.ok(readSource('README.md').lines.length <= 150);
});
