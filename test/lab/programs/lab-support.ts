/** Prints whether an ordinary user may make labs. */
import { labSupport } from '../../../src/lab/index.js';

process.setuid?.('nobody');
process.stdout.write(JSON.stringify(labSupport()));
