import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { documents, ROOT, readSource, type SourceFile } from './source-files.js';

/** Written by programs that the documents describe. */
const MADE = /^(bench\/results|build)\//;

/** Returns the text without its code blocks. */
function prose({ text }: SourceFile): string {
  return text.replace(/^```[\s\S]*?^```$/gm, '');
}

/** Returns the anchors that code hosts make of a document's headings. */
function anchors(document: SourceFile): Set<string> {
  const found = new Set<string>();
  for (const [, heading = ''] of prose(document).matchAll(/^#+ (.+)$/gm)) {
    const anchor = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-');
    let name = anchor;
    for (let count = 1; found.has(name); count++) name = `${anchor}-${count}`;
    found.add(name);
  }
  return found;
}

t.test('relative links of documents have a target', async (t) => {
  const broken = documents().flatMap((document) =>
    [...prose(document).matchAll(/\]\((?![a-z]+:)([^)\s]+)\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => {
        const [path = '', anchor] = target.split('#');
        const file = path === '' ? document.path : join(dirname(document.path), path);
        if (!existsSync(join(ROOT, file))) return true;
        return anchor !== undefined && !anchors(readSource(file)).has(anchor);
      })
      .map((target) => `${document.path}: ${target}`),
  );
  t.strictSame(broken, []);
});

t.test('files and folders that documents name exist', async (t) => {
  const paths = /`((?:src|native|test|bench|docs)\/[\w./-]+)`/g;
  const missing = documents()
    .filter(({ path }) => path !== 'CHANGELOG.md')
    .flatMap((document) =>
      [...document.text.matchAll(paths)]
        .map(([, path = '']) => path)
        .filter((path) => !MADE.test(path))
        .filter(
          (path) => !['', '.h', '.cc', '.ts'].some((end) => existsSync(join(ROOT, path + end))),
        )
        .map((path) => `${document.path}: ${path}`),
    );
  t.strictSame(missing, []);
});

t.test('docs/lab.md lists the end-to-end tests', async (t) => {
  const [, table = ''] = /\| Test \(`test\/e2e`\).*\n.*\n((?:\|.*\n)+)/.exec(
    readSource('docs/lab.md').text,
  ) ?? ['', ''];
  const listed = [...table.matchAll(/^\| `([\w-]+)`/gm)].map(([, name = '']) => name);
  const tests = readdirSync(join(ROOT, 'test/e2e'))
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => name.replace('.test.ts', ''));
  t.strictSame(listed.sort(), tests.sort());
});
