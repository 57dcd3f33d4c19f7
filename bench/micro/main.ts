/** Micro-benchmarks of one control thread: `npm run bench:micro`. */
import { refuseArguments, scriptArguments } from '../../test/setup/script-arguments.js';
import { benchCredentials } from './credentials.js';
import { benchHttp } from './http.js';
import { benchSelection } from './selection.js';
import { benchStun } from './stun.js';

const PARTS: Readonly<Record<string, () => Promise<unknown>>> = {
  stun: benchStun,
  credentials: benchCredentials,
  selection: benchSelection,
  http: benchHttp,
};

const script = 'bench:micro';
const { argument: only } = scriptArguments({
  script,
  about: 'measures the time that one control thread needs for one message.',
  argument: ['PART', `${Object.keys(PARTS).join(', ')}: this part alone`],
});
if (only !== undefined && PARTS[only] === undefined) {
  refuseArguments(script, `no part is called '${only}'`);
}
for (const [name, bench] of Object.entries(PARTS)) {
  if (only === undefined || only === name) await bench();
}
