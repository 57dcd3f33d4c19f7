/** Micro-benchmarks: what one control thread spends on one message. Run: `npm run bench:micro`. */
import { scriptArguments } from '../../test/setup/script-arguments.js';
import { benchCredentials } from './credentials.js';
import { benchSelection } from './selection.js';
import { benchStun } from './stun.js';

scriptArguments({
  script: 'bench:micro',
  about: 'measures what one control thread spends on one message.',
});
await benchStun();
await benchCredentials();
await benchSelection();
