import { readFileSync } from 'node:fs';
import t from 'tap';
import { listenerHandle } from '../../src/native/transport-handle.js';
import { Leg } from '../../src/overlay/leg.js';
import { type EndReason, LEG_ENDS } from '../../src/overlay/leg-ends.js';
import {
  LEG_TRANSITIONS,
  type LegEvent,
  type LegStateName,
  stateAfter,
} from '../../src/overlay/leg-states.js';

const DOCUMENT = readFileSync(new URL('../../docs/legs.md', import.meta.url), 'utf8');

const STATES = Object.keys(LEG_TRANSITIONS) as LegStateName[];
const ENDS = Object.keys(LEG_ENDS) as EndReason[];
const EVENTS: LegEvent[] = ['allocate', 'refresh', 'connect', 'paired', 'failed', ...ENDS];

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}

t.test('docs/legs.md has the table of transitions of leg-states.ts', async (t) => {
  const rows = EVENTS.map((event) => [
    `\`${event}\``,
    ...STATES.map((state) => LEG_TRANSITIONS[state][event] ?? '–'),
  ]);
  const expected = table(['Event', ...STATES.map((state) => `in ${state}`)], rows);
  t.ok(DOCUMENT.includes(expected), expected);
});

t.test('docs/legs.md has the table of ends of leg-ends.ts', async (t) => {
  const rows = ENDS.map((reason) => {
    const { closed, tells, ofOtherLeg, request } = LEG_ENDS[reason];
    const cause = closed?.cause === undefined ? '' : `, cause ${closed.cause}`;
    const indication = closed === undefined ? '–' : `${closed.code}${cause}, ${tells} legs`;
    const close = request === undefined ? '–' : (request.code ?? 'without a code');
    return [`\`${reason}\``, indication, String(close), `\`${ofOtherLeg}\``];
  });
  const head = ['End', 'Closed to the peer', 'Close to the other relay', 'The other leg, if here'];
  const expected = table(head, rows);
  t.ok(DOCUMENT.includes(expected), expected);
});

t.test(
  'every state but closed leads to closed, and every event is possible in a state',
  async (t) => {
    for (const state of STATES) {
      t.equal(Object.values(LEG_TRANSITIONS[state]).includes('closed'), state !== 'closed', state);
    }
    for (const event of EVENTS) {
      t.ok(
        STATES.some((state) => LEG_TRANSITIONS[state][event] !== undefined),
        event,
      );
    }
  },
);

t.test('a transition that is not in the table throws', async (t) => {
  const leg = new Leg({
    name: { tenant: 'default', connectionId: '0'.repeat(32), role: 0 },
    origin: {
      worker: 0,
      tuple: { handle: listenerHandle('client', 0), remote: { address: '192.0.2.1', port: 1 } },
    },
    tupleKey: '',
    peerRelay: 'self',
    signer: { kind: 'sha256', key: new Uint8Array(32) },
    lifetimeSeconds: 600,
    expiresAt: 0,
  });
  t.throws(() => leg.enter('paired', { type: 'closed' }), { message: /impossible/ });
  t.throws(() => leg.enter('refresh', { type: 'closed' }), { message: /impossible/ });
  t.throws(() => leg.prolong('failed', 1), { message: /impossible/ });
  leg.prolong('refresh', 1);
  t.strictSame(leg.state, { type: 'reserved', expiresAt: 1 });
  leg.enter('closed_expired', { type: 'closed' });
  t.throws(() => leg.prolong('refresh', 2), { message: /impossible/ });
  t.throws(() => stateAfter('closed', 'closed_expired'), { message: /impossible/ });
});
