import t from 'tap';
import {
  BEATS_PER_SECOND_MAX,
  beatMsOf,
  beatSecondsOf,
  expiryMsOf,
} from '../../src/directory/beat-pace.js';
import { RelayTable } from '../../src/directory/relay-table.js';
import { versionName } from '../../src/registry/parts.js';
import { REGISTRATION_LIMITS } from '../../src/registry/registration-limits.js';
import { FakeClock, IDLE, relayRecord } from './fixtures.js';

const { beatMsMax, beatSecondsMax, relayExpiryMs, relaysMax } = REGISTRATION_LIMITS;
const PUBLIC_KEY = `${'A'.repeat(43)}=`;
/** The most relays that are told no interval: at 0.75 of 2 s on average, 2,000 beats a second. */
const UNPACED = 3_000;

t.test('relays that beat as seldom as usual are told nothing', async (t) => {
  for (const relays of [0, 1, 1_000, UNPACED]) {
    t.equal(beatSecondsOf(relays, null), undefined);
    t.equal(beatMsOf(relays), beatMsMax);
  }
  t.equal(beatSecondsOf(UNPACED + 1, null), 3);
});

t.test('no number of relays beats more often than the directory takes', async (t) => {
  for (let relays = 1; relays <= relaysMax; relays += 1) {
    const meanMs = 0.75 * beatMsOf(relays);
    if ((1_000 * relays) / meanMs > BEATS_PER_SECOND_MAX) t.fail(`${relays} relays`);
  }
  t.equal(beatSecondsOf(relaysMax, null), beatSecondsMax);
});

t.test('the version that a relay has tells how many are to come back', async (t) => {
  const has = (parts: number) => versionName(parts, 'a'.repeat(64));
  t.equal(beatSecondsOf(1, has(1)), undefined);
  t.equal(beatSecondsOf(1, has(64)), Math.ceil((64 * 128) / 1_500));
  t.equal(beatSecondsOf(9_500, has(64)), 7, 'whichever is more');
  t.equal(beatSecondsOf(1, '99999-x'), beatSecondsMax, 'a relay cannot name any number');
  t.equal(beatSecondsOf(1, '0-x'), undefined);
});

t.test('a relay expires after 2.5 of the intervals that it is told', async (t) => {
  t.equal(expiryMsOf(undefined), relayExpiryMs);
  t.equal(expiryMsOf(1), relayExpiryMs);
  t.equal(expiryMsOf(7), 17_500);
});

t.test('the table keeps a relay for as long as it told that relay to be silent', async (t) => {
  const clock = new FakeClock();
  const table = new RelayTable(clock);
  for (const [index, id] of ['told-1', 'old-1'].entries()) {
    const record = relayRecord(id, index + 1, { publicKey: PUBLIC_KEY });
    table.register(record, { load: IDLE, draining: false, takesChanges: id === 'told-1' });
  }
  t.equal(table.beatSecondsFor('told-1', versionName(64, 'a'.repeat(64))), 6);
  const expired = () => {
    clock.advance(250);
    return table.sweep();
  };
  const goneAt = new Map<string, number>();
  for (let passedMs = 250; passedMs <= 20_000; passedMs += 250) {
    for (const id of expired()) goneAt.set(id, passedMs);
  }
  t.equal(goneAt.get('old-1'), 5_000, 'a relay that is told nothing');
  t.equal(goneAt.get('told-1'), 15_000);
});
