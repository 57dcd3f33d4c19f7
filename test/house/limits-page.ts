/**
 * Makes docs/limits.md from the bounds in src and in native's headers:
 * `node --import tsx test/house/limits-page.ts`.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import { ROOT, type SourceFile, sourceFiles } from './source-files.js';

export const LIMITS_PAGE = 'docs/limits.md';
export const LIMITS_COMMAND = 'node --import tsx test/house/limits-page.ts';

const BOUND = /^[A-Z][A-Z0-9_]*$/;
/** Generated from files of src, which have the bounds. */
const NATIVE_COPIES = ['native/base/interface.h', 'native/base/counter_names.h'];
const NATIVE_BOUND = /((?:^\/\/.*\n)*)^inline constexpr \w+ (k\w+) = ([^;]+);/gm;

/** Units at the end of a name, before `Min` or `Max`. */
const UNITS: readonly (readonly [RegExp, string])[] = [
  [/PER_?SECOND$/i, ' a second'],
  [/(_|[a-z])MS$/i, ' ms'],
  [/(_|[a-z])SECONDS?$/i, ' s'],
  [/(_|[a-z])BYTES$/i, ' bytes'],
  [/(_|[a-z])BITS$/i, ' bits'],
];

interface Bound {
  readonly name: string;
  readonly value: string;
  readonly about: string;
}

/** @returns the page's text */
export async function limitsPage(): Promise<string> {
  const sections = new Map<string, string[]>();
  for (const file of sourceFiles(['src'], ['.ts'])) {
    const bounds = await boundsOf(file);
    if (bounds.length === 0) continue;
    const folder = file.path.split('/').slice(0, -1).join('/');
    const table = ['', `\`${file.path}\``, '', ...rows(bounds)];
    sections.set(folder, [...(sections.get(folder) ?? []), ...table]);
  }
  return [
    '# Bounds and defaults',
    '',
    'Each constant stands in the file of what it bounds. This page is made of their declarations',
    `and comments by \`${LIMITS_COMMAND}\`; a test compares it.`,
    'What happens at a bound is in [ARCHITECTURE.md](../ARCHITECTURE.md#bounds).',
    ...[...sections].flatMap(([folder, lines]) => ['', `## ${folder}`, ...lines]),
    '',
    '## native',
    ...nativeSections(),
    '',
  ].join('\n');
}

function rows(bounds: readonly Bound[]): string[] {
  return [
    '| Constant | Value | Comment |',
    '|---|---|---|',
    ...bounds.map(({ name, value, about }) => `| \`${name}\` | ${value} | ${about} |`),
  ];
}

async function boundsOf(file: SourceFile): Promise<Bound[]> {
  const source = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true);
  const declarations = source.statements
    .filter(ts.isVariableStatement)
    .filter((statement) => statement.modifiers?.[0]?.kind === ts.SyntaxKind.ExportKeyword)
    .flatMap((statement) => [...statement.declarationList.declarations])
    .filter(({ name }) => BOUND.test(name.getText()));
  if (declarations.length === 0) return [];
  const values: Record<string, unknown> = await import(pathToFileURL(join(ROOT, file.path)).href);
  return declarations.flatMap((declaration) => {
    const name = declaration.name.getText();
    const value = values[name];
    if (typeof value === 'number') {
      return [bound(name, value, comment(declaration.parent.parent))];
    }
    return name.endsWith('LIMITS') ? members(name, declaration, value) : [];
  });
}

/** Returns the numbers of an object; one without a comment gets "See above." */
function members(name: string, { initializer }: ts.VariableDeclaration, value: unknown): Bound[] {
  const inner =
    initializer !== undefined &&
    (ts.isAsExpression(initializer) || ts.isSatisfiesExpression(initializer))
      ? initializer.expression
      : initializer;
  if (inner === undefined || !ts.isObjectLiteralExpression(inner)) return [];
  return inner.properties.filter(ts.isPropertyAssignment).flatMap((property) => {
    const key = property.name.getText();
    const number = (value as Record<string, unknown>)[key];
    const about = comment(property) || 'See above.';
    return typeof number === 'number' ? [bound(`${name}.${key}`, number, about)] : [];
  });
}

function bound(name: string, value: number, about: string): Bound {
  const measured = name.replace(/(_?(MIN|MAX)|Min|Max)$/, '');
  const unit = UNITS.find(([ending]) => ending.test(measured))?.[1] ?? '';
  return {
    name,
    value: `${value.toLocaleString('en-US', { maximumFractionDigits: 6 })}${unit}`,
    about,
  };
}

function comment(node: ts.Node): string {
  const text = ts
    .getJSDocCommentsAndTags(node)
    .filter(ts.isJSDoc)
    .map((doc) => ts.getTextOfJSDocComment(doc.comment) ?? '')
    .join(' ');
  return cell(text);
}

/** Returns a table for each header with bounds. */
function nativeSections(): string[] {
  return sourceFiles(['native'], ['.h'])
    .filter(({ path }) => !NATIVE_COPIES.includes(path) && !path.includes('/generated/'))
    .flatMap((file) => {
      const bounds = nativeBounds(file.text);
      return bounds.length === 0 ? [] : ['', `\`${file.path}\``, '', ...rows(bounds)];
    });
}

function nativeBounds(text: string): Bound[] {
  return [...text.matchAll(NATIVE_BOUND)].map(([, about = '', name = '', value = '']) => ({
    name,
    value: `\`${cell(value)}\``,
    about: cell(about.replace(/^\/\/ ?/gm, '')),
  }));
}

/** Escapes text for a cell of a table. */
function cell(text: string): string {
  return text.replace(/\s+/g, ' ').replaceAll('|', '\\|').trim();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(join(ROOT, LIMITS_PAGE), await limitsPage());
}
