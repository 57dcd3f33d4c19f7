import { missingText, provideTools } from './system-packages.js';
import { TEST_TOOLS } from './system-tools.js';

/**
 * Installs what tests start where that is allowed, and names in one line whatever is missing after
 * that. The tests that need a missing one say so and are skipped.
 * @returns whether all are there
 */
export function provideTestTools(): boolean {
  const missing = provideTools(TEST_TOOLS, 'the tests');
  if (missing.length > 0) {
    console.error(`Tests that need them are skipped: ${missingText(missing)}`);
  }
  return missing.length === 0;
}
