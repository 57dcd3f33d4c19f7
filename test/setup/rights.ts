/**
 * `npm run test:rights`: installs missing tools where that is allowed. Ends with status 0 if this
 * machine can run every test; otherwise prints in one line what is missing. `.ci/run` lets skipped
 * tests fail only after status 0.
 */
import { labSupport } from '../../src/lab/index.js';
import { provideTestTools } from './test-tools.js';

const complete = provideTestTools();
const support = labSupport();
if (!support.ok) {
  console.log(`Not every test can run here: ${support.why}`);
}
process.exit(complete && support.ok ? 0 : 1);
