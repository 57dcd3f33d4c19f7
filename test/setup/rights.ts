/**
 * Ends with status 0 where this machine can run every test, after installing what it may: a check
 * that wants no test skipped asks first. Otherwise it says in one line what is missing.
 */
import { labSupport } from '../../src/lab/index.js';
import { provideTestTools } from './test-tools.js';

const complete = provideTestTools();
const support = labSupport();
if (!support.ok) {
  console.log(`Not every test can run here: ${support.why}`);
}
process.exit(complete && support.ok ? 0 : 1);
