/** Micro-benchmarks: what one control thread spends on one message. Run: `npm run bench:micro`. */
import { benchCredentials } from './credentials.js';
import { benchSelection } from './selection.js';
import { benchStun } from './stun.js';

await benchStun();
await benchCredentials();
await benchSelection();
