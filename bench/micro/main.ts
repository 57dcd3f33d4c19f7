/** Micro-benchmarks of one control thread: `npm run bench:micro`. */
import { scriptArguments } from '../../test/setup/script-arguments.js';
import { benchCredentials } from './credentials.js';
import { benchSelection } from './selection.js';
import { benchStun } from './stun.js';

scriptArguments({
  script: 'bench:micro',
  about: 'measures the time that one control thread needs for one message.',
});
await benchStun();
await benchCredentials();
await benchSelection();
