import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  downloadPackage,
  findCommand,
  missingText,
  provideTools,
  type SystemTool,
} from './system-packages.js';
import { TEST_TOOLS } from './system-tools.js';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const PROMETHEUS_FOLDER = join(ROOT, 'build', 'prometheus');

/**
 * Finds Prometheus' promtool: an installed one, or the one that the set-up unpacked.
 * @returns its path; undefined if there is none
 */
export function promtool(): string | undefined {
  return findCommand('promtool') ?? findIn(join(PROMETHEUS_FOLDER, 'usr', 'bin'));
}

function findIn(folder: string): string | undefined {
  try {
    return readdirSync(folder).includes('promtool') ? join(folder, 'promtool') : undefined;
  } catch {
    return undefined;
  }
}

/** It is unpacked, not installed, because Debian's package starts a server. */
const PROMTOOL: SystemTool = {
  name: 'promtool',
  debianPackage: 'prometheus',
  isThere: () => promtool() !== undefined,
};

/** Unpacks Debian's Prometheus into its folder of the build. */
function unpackPrometheus(): void {
  mkdirSync(dirname(PROMETHEUS_FOLDER), { recursive: true });
  const scratch = mkdtempSync(`${PROMETHEUS_FOLDER}-`);
  try {
    downloadPackage(PROMTOOL.debianPackage, scratch);
    rmSync(PROMETHEUS_FOLDER, { recursive: true, force: true });
    renameSync(scratch, PROMETHEUS_FOLDER);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * Installs the tools that tests run, where that is allowed, and prints in one line those that are
 * still missing. Tests that need one of them are skipped with the reason.
 * @returns whether none is missing
 */
export function provideTestTools(): boolean {
  const missing = [
    ...provideTools(TEST_TOOLS, 'the tests'),
    ...provideTools([PROMTOOL], 'the tests', unpackPrometheus),
  ];
  if (missing.length > 0) {
    console.error(`Tests that need them are skipped: ${missingText(missing)}`);
  }
  return missing.length === 0;
}
