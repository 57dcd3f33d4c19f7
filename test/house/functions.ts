import { createRequire } from 'node:module';
import treeSitter, { type Node } from '@vscode/tree-sitter-wasm';
import ts from 'typescript';
import type { SourceFile } from './source-files.js';

const { Language, Parser } = treeSitter;
const GRAMMAR = '@vscode/tree-sitter-wasm/wasm/tree-sitter-cpp.wasm';

await Parser.init();
const parser = new Parser();
parser.setLanguage(await Language.load(createRequire(import.meta.url).resolve(GRAMMAR)));

/** The place and the length of a function. */
export interface FunctionSpan {
  readonly name: string;
  /** First line, counted from 1. */
  readonly line: number;
  readonly lines: number;
}

/**
 * Lists the functions of a TypeScript file: declarations, methods, accessors and arrows.
 * @param file - the file; it is parsed, not type-checked
 */
export function typescriptFunctions(file: SourceFile): FunctionSpan[] {
  const source = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest);
  const spans: FunctionSpan[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const first = source.getLineAndCharacterOfPosition(node.getStart(source)).line;
      const last = source.getLineAndCharacterOfPosition(node.end).line;
      const name = node.name?.getText(source) ?? 'anonymous';
      spans.push({ name, line: first + 1, lines: last - first + 1 });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return spans;
}

/** Returns a function's name, which pointers, references and parameters may enclose. */
function nameOf(node: Node): string {
  if (node.type === 'reference_declarator') return nameOf(node.lastNamedChild ?? node);
  const inner = node.childForFieldName('declarator');
  return inner === null ? node.text : nameOf(inner);
}

/**
 * Lists the functions of a C or C++ file, with those in classes.
 * @param file - the file; it is parsed, not compiled
 */
export function nativeFunctions(file: SourceFile): FunctionSpan[] {
  const tree = parser.parse(file.text);
  const definitions = tree?.rootNode.descendantsOfType('function_definition') ?? [];
  const spans = definitions
    .filter((node) => node !== null)
    .map((node) => {
      const [first, last] = [node.startPosition.row, node.endPosition.row];
      return { name: nameOf(node), line: first + 1, lines: last - first + 1 };
    });
  tree?.delete();
  return spans;
}
