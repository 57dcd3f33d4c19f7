import ts from 'typescript';
import type { SourceFile } from './source-files.js';

/** Where a function stands and how long it is. */
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

/** Comments and literals may hold braces; they become blanks so that lines still count. */
function withoutCommentsAndLiterals(text: string): string {
  const tokens =
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])'|^[ \t]*#[^\n]*/gm;
  return text.replace(tokens, (token) => token.replace(/[^\n]/g, ' '));
}

const TYPE_OR_SCOPE = /\b(namespace|class|struct|union|enum)\b|extern\s*$/;

/** The head of a brace block is a function's when it has parameters and names no type or scope. */
function isFunctionHead(head: string): boolean {
  return head.includes(')') && !TYPE_OR_SCOPE.test(head.replace(/\([^()]*\)/g, ''));
}

/**
 * Lists the outermost functions of a C or C++ file by matching braces.
 * @param file - the file, formatted with the project's .clang-format
 */
export function nativeFunctions(file: SourceFile): FunctionSpan[] {
  const code = withoutCommentsAndLiterals(file.text);
  const spans: FunctionSpan[] = [];
  const open: { head: string; line: number; isFunction: boolean }[] = [];
  let head = '';
  let line = 1;
  for (const character of code) {
    if (character === '{') {
      const inside = open.some((block) => block.isFunction);
      const trimmed = head.trim();
      const headLines = trimmed.split('\n').length - 1;
      const isFunction = !inside && isFunctionHead(trimmed);
      open.push({ head: trimmed, line: line - headLines, isFunction });
    } else if (character === '}') {
      const block = open.pop();
      if (block?.isFunction === true) {
        const name = /([\w:~]+)\s*\(/.exec(block.head)?.[1] ?? 'operator';
        spans.push({ name, line: block.line, lines: line - block.line + 1 });
      }
    }
    head = '{};'.includes(character) ? '' : head + character;
    line += character === '\n' ? 1 : 0;
  }
  return spans;
}
