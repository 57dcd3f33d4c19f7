import { dirname, join } from 'node:path';
import t from 'tap';
import ts from 'typescript';
import { type SourceFile, sourceFiles } from './source-files.js';

/** Entry points for users, whose exports need no importer in this project. */
const ENTRY_POINTS = ['src/index.ts', 'src/native/index.ts'];

interface Export {
  readonly file: string;
  readonly name: string;
  /** A type may be exported without an importer if its own file uses it. */
  readonly isType: boolean;
  readonly usedInFile: boolean;
}

interface Module {
  readonly exports: readonly Export[];
  /** `path name`, or `path *` for all exports. */
  readonly imports: readonly string[];
}

function parse(file: SourceFile): Module {
  const source = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true);
  const uses = new Map<string, number>();
  const imports: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) uses.set(node.text, (uses.get(node.text) ?? 0) + 1);
    imports.push(...importsOf(file.path, node));
    ts.forEachChild(node, visit);
  };
  visit(source);
  const exports = source.statements.flatMap((statement) =>
    exportedNames(statement).map((name) => ({
      file: file.path,
      name,
      isType: ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement),
      usedInFile: (uses.get(name) ?? 0) > 1,
    })),
  );
  return { exports, imports };
}

function exportedNames(statement: ts.Statement): string[] {
  const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined;
  if (!modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return [];
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  }
  const { name } = statement as ts.DeclarationStatement;
  return name === undefined ? [] : [name.getText()];
}

/** Returns what an import or export node imports; empty for another node. */
function importsOf(path: string, node: ts.Node): string[] {
  const from = (specifier: ts.Node | undefined, names: readonly string[]) => {
    if (specifier === undefined || !ts.isStringLiteral(specifier)) return [];
    if (!specifier.text.startsWith('.')) return [];
    const target = join(dirname(path), specifier.text.replace(/\.js$/, '.ts'));
    return names.map((name) => `${target} ${name}`);
  };
  const named = (elements: ts.NodeArray<ts.ImportSpecifier | ts.ExportSpecifier>) =>
    elements.map(({ propertyName, name }) => (propertyName ?? name).getText());
  if (ts.isImportDeclaration(node)) {
    const bindings = node.importClause?.namedBindings;
    if (bindings === undefined) return [];
    return from(
      node.moduleSpecifier,
      ts.isNamedImports(bindings) ? named(bindings.elements) : ['*'],
    );
  }
  if (ts.isExportDeclaration(node)) {
    const { exportClause, moduleSpecifier } = node;
    const some = exportClause !== undefined && ts.isNamedExports(exportClause);
    return from(moduleSpecifier, some ? named(exportClause.elements) : ['*']);
  }
  if (ts.isImportTypeNode(node)) {
    return ts.isLiteralTypeNode(node.argument) ? from(node.argument.literal, ['*']) : [];
  }
  const isDynamic =
    ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
  return isDynamic ? from(node.arguments[0], ['*']) : [];
}

t.setTimeout(300_000);

const files = sourceFiles(['src', 'test', 'bench', 'native'], ['.ts', '.mjs', '.cjs']);
const modules = new Map(files.map((file) => [file.path, parse(file)]));
const importedBy = (belongs: (path: string) => boolean) =>
  new Set([...modules].filter(([path]) => belongs(path)).flatMap(([, { imports }]) => imports));
const anywhere = importedBy(() => true);
const inSources = importedBy((path) => path.startsWith('src/'));

const isIn = (imports: ReadonlySet<string>, { file, name }: Export) =>
  imports.has(`${file} ${name}`) || imports.has(`${file} *`);
const all = [...modules.values()]
  .flatMap(({ exports }) => exports)
  .filter(({ file }) => file.endsWith('.ts') && !ENTRY_POINTS.includes(file));
const show = ({ file, name }: Export) => `${file}: ${name}`;

/** Bounds are exported for docs/limits.md. */
const isBound = ({ file, name }: Export) =>
  file.startsWith('src/') && /^[A-Z][A-Z0-9_]+$/.test(name);

t.test('every export is imported somewhere', async (t) => {
  const unused = all
    .filter((one) => !isIn(anywhere, one))
    .filter((one) => !(one.usedInFile && (one.isType || isBound(one))));
  t.strictSame(
    unused.map(show),
    [],
    'exports without an importer: remove `export` or the declaration',
  );
});

t.test('every export of src is used in src', async (t) => {
  const foreign = all
    .filter(({ file, usedInFile }) => file.startsWith('src/') && !usedInFile)
    .filter((one) => !isIn(inSources, one));
  t.strictSame(foreign.map(show), [], 'exports that only test or bench use: move them there');
});
