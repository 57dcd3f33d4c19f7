import t from 'tap';
import { LIMITS } from '../../src/limits.js';
import type { RelayRecord } from '../../src/registry/types.js';
import { KnownRelays } from '../../src/relay/known-relays.js';
import { FakeClock, relayRecord } from '../directory/fixtures.js';

const fra = relayRecord('fra-1', 1);
const nyc = relayRecord('nyc-1', 2);
const sin = relayRecord('sin-1', 3);

function registry(...relays: RelayRecord[]) {
  return { version: relays.map(({ id }) => id).join(), relays };
}

function ids(known: KnownRelays): string {
  return known
    .relays()
    .map(({ id }) => id)
    .join();
}

/** Lets time pass as it does while a directory answers each beat. */
function inContact(known: KnownRelays, clock: FakeClock, ms: number): void {
  for (let passed = 0; passed < ms; passed += 1_500) {
    clock.advance(Math.min(1_500, ms - passed));
    known.contact();
  }
}

t.test(
  'a relay that vanishes stays known for the grace, in contact with a directory',
  async (t) => {
    const clock = new FakeClock();
    const known = new KnownRelays({ clock });
    t.equal(known.update(registry(fra, nyc)), true);
    t.equal(known.update(registry(nyc, fra)), false, 'order does not matter');
    t.equal(known.update(registry(fra)), false, 'nothing is forgotten yet');
    inContact(known, clock, LIMITS.knownRelayGraceMs - 1_500);
    t.equal(ids(known), 'fra-1,nyc-1');
    clock.advance(1_500);
    t.equal(known.contact(), true);
    t.equal(ids(known), 'fra-1');
  },
);

t.test('nothing is forgotten while no directory answers', async (t) => {
  const clock = new FakeClock();
  const known = new KnownRelays({ clock });
  known.update(registry(fra, nyc));
  known.update(registry(fra));
  clock.advance(86_400_000);
  t.equal(known.contact(), false, 'a day away counts as a moment');
  t.equal(ids(known), 'fra-1,nyc-1');
});

t.test('a restarted directory lists relays as they come back', async (t) => {
  const clock = new FakeClock();
  const known = new KnownRelays({ clock });
  known.update(registry(fra, nyc, sin));
  clock.advance(600_000);
  known.update(registry(fra));
  inContact(known, clock, 10_000);
  known.update(registry(fra, nyc));
  inContact(known, clock, LIMITS.knownRelayGraceMs);
  t.equal(ids(known), 'fra-1,nyc-1', 'the one that came back counts anew, the third is gone');
});

t.test('a later start replaces a record, an earlier one does not', async (t) => {
  const known = new KnownRelays({ clock: new FakeClock() });
  known.update(registry({ ...fra, start: 20 }));
  t.equal(known.update(registry({ ...fra, start: 10 })), false);
  t.equal(known.relays()[0]?.start, 20);
  t.equal(known.update(registry({ ...fra, start: 30 })), true);
  t.equal(known.relays()[0]?.start, 30);
});

t.test('a start from the future does not outlast the clock that it came from', async (t) => {
  const clock = new FakeClock();
  const now = clock.now();
  const known = new KnownRelays({ clock });
  const ahead = now + 86_400_000;
  known.update(registry({ ...fra, start: ahead }));
  t.equal(known.relays()[0]?.start, ahead);
  t.equal(known.update(registry({ ...fra, start: ahead - 1 })), false, 'no more likely');
  t.equal(known.update(registry({ ...fra, start: now })), true, 'its next process');
  t.equal(known.relays()[0]?.start, now);
  t.equal(known.update(registry({ ...fra, start: now - 1 })), false);
});

t.test('an address that a live relay has names no vanished one', async (t) => {
  const known = new KnownRelays({ clock: new FakeClock() });
  known.update(registry(fra, nyc));
  known.update(registry(fra, { ...sin, trunkSources: nyc.trunkSources }));
  t.equal(ids(known), 'fra-1,sin-1');
});

t.test('relays are bounded: the longest absent go first', async (t) => {
  const clock = new FakeClock();
  const known = new KnownRelays({ clock });
  known.update(registry(fra));
  known.update(registry(nyc));
  clock.advance(1_000);
  const many = Array.from({ length: LIMITS.relaysMax - 1 }, (_, index) => ({
    ...sin,
    id: `r-${index}`,
    serviceAddresses: [{ address: '192.0.2.1', port: index + 1 }],
    trunkAddresses: [{ address: '192.0.2.2', port: index + 1 }],
    trunkSources: [{ address: '192.0.2.2', port: index + 1 }],
  }));
  known.update(registry(...many));
  t.equal(known.relays().length, LIMITS.relaysMax);
  t.notOk(known.relays().some(({ id }) => id === 'fra-1'));
  t.ok(known.relays().some(({ id }) => id === 'nyc-1'));
});
