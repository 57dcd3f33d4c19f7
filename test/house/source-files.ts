import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's root folder. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** A text file of the project. */
export interface SourceFile {
  /** Relative to the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** The text's lines, without their ends. */
  readonly lines: readonly string[];
}

/** Files that tools generate, to which no rule of style applies. */
const GENERATED = /(^|\/)(node_modules|build|dist|prebuilds|tap-snapshots)\/|\.lskel\.h$/;

/**
 * Reads every hand-written file below some folders.
 * @param folders - relative to the root; those that do not exist are empty
 * @param extensions - such as `.ts`; all when left out
 * @returns the files, sorted by path
 */
export function sourceFiles(
  folders: readonly string[],
  extensions?: readonly string[],
): SourceFile[] {
  return folders
    .filter((folder) => existsSync(join(ROOT, folder)))
    .flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => relative(ROOT, join(entry.parentPath, entry.name))),
    )
    .filter((path) => !GENERATED.test(path))
    .filter((path) => extensions === undefined || extensions.includes(extname(path)))
    .sort()
    .map(readSource);
}

/**
 * Reads one file.
 * @param path - relative to the root
 */
export function readSource(path: string): SourceFile {
  const text = readFileSync(join(ROOT, path), 'utf8');
  return { path, text, lines: text.replace(/\n$/, '').split('\n') };
}

/** Returns the documents of the project: those of its root folder and of `docs`. */
export function documents(): SourceFile[] {
  const inRoot = readdirSync(ROOT).filter((name) => name.endsWith('.md'));
  return [...inRoot.sort().map(readSource), ...sourceFiles(['docs'], ['.md'])];
}
