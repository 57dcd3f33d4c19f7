/** Micro-benchmarks: what one control thread spends on one message. Run: `npm run bench:micro`. */
import { benchCredentials } from './credentials.js';
import { benchStun } from './stun.js';

await benchStun();
await benchCredentials();
