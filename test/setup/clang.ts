import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { SystemTool } from './system-packages.js';

/** The clang to use: the environment variable CXX, by default `clang++`. */
export const CLANG = process.env.CXX ?? 'clang++';

/**
 * Returns the folder that a build under sanitizers goes to, relative to the project's root.
 * @param sanitizers - as -fsanitize takes them
 * @param compiler - the compiler that builds them; the system's by default
 */
export function sanitizedFolder(sanitizers: string, compiler?: string): string {
  const suffix = compiler === undefined ? '' : `-${basename(compiler)}`;
  return join('build', `sanitize-${sanitizers.replaceAll(',', '-')}${suffix}`);
}

/** Returns the CMake variables that make clang the compiler. */
export function clangDefinitions(): string[] {
  return [`CMAKE_CXX_COMPILER=${CLANG}`, `CMAKE_C_COMPILER=${CLANG.replace('clang++', 'clang')}`];
}

function clangOutput(option: string): string {
  return spawnSync(CLANG, [option], { encoding: 'utf8' }).stdout?.trim() ?? '';
}

/** Returns libFuzzer's package, which is named after clang's version and has its sanitizers too. */
export function fuzzerRuntime(): SystemTool {
  const folder = clangOutput('--print-runtime-dir');
  return {
    name: "clang's libFuzzer",
    debianPackage: `libclang-rt-${clangOutput('-dumpversion').split('.')[0]}-dev`,
    isThere: () =>
      existsSync(folder) &&
      readdirSync(folder).some((file) => file.startsWith('libclang_rt.fuzzer')),
  };
}
