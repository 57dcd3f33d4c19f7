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
 * Finds Prometheus' promtool: the system's, or the one that the set-up has unpacked.
 * @returns its path; undefined where there is none
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

/** Debian's package would also start a server; of it only promtool is wanted. */
const PROMTOOL: SystemTool = {
  name: 'promtool',
  debianPackage: 'prometheus',
  isThere: () => promtool() !== undefined,
};

/** Unpacks the package, without installing it. */
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
 * Installs what tests start where that is allowed, and names in one line whatever is missing after
 * that. The tests that need a missing one say so and are skipped.
 * @returns whether all are there
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
