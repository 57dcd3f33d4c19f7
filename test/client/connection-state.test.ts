import { readFileSync } from 'node:fs';
import t from 'tap';
import {
  CONNECTION_TRANSITIONS,
  type ConnectionState,
  checkTransition,
} from '../../src/client/connection-state.js';

const PAGE = new URL('../../docs/liveness.md', import.meta.url);
const STATES = Object.keys(CONNECTION_TRANSITIONS) as ConnectionState[];

t.test('docs/liveness.md has the table of transitions of connection-state.ts', async (t) => {
  const rows = STATES.flatMap((from) =>
    Object.entries(CONNECTION_TRANSITIONS[from]).map(
      ([to, why]) => `| \`${from}\` | \`${to}\` | ${why} |`,
    ),
  );
  const [, table = ''] = /\| State \| Next \| When \|\n\|---\|---\|---\|\n((?:\|.*\n)+)/.exec(
    readFileSync(PAGE, 'utf8'),
  ) ?? ['', ''];
  t.strictSame(table.trimEnd().split('\n'), rows);
});

t.test('a transition that is not in the table throws', async (t) => {
  for (const from of STATES) {
    for (const to of STATES) {
      const isAllowed = CONNECTION_TRANSITIONS[from][to] !== undefined;
      if (isAllowed) t.doesNotThrow(() => checkTransition(from, to));
      else t.throws(() => checkTransition(from, to), { message: /impossible/ });
    }
  }
  const closing = STATES.filter((from) => CONNECTION_TRANSITIONS[from].closed !== undefined);
  t.strictSame(closing, STATES.slice(0, -1), 'every state but the last leads to closed');
});
