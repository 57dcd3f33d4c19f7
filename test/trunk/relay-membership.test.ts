import t from 'tap';
import { REGISTRATION_LIMITS } from '../../src/registry/registration-limits.js';
import type { RelayRecord } from '../../src/registry/types.js';
import { RelayMembership, VANISHED_RELAY_GRACE_MS } from '../../src/trunk/relay-membership.js';
import { FakeClock, relayRecord } from '../directory/fixtures.js';

const fra = relayRecord('fra-1', 1);
const nyc = relayRecord('nyc-1', 2);
const sin = relayRecord('sin-1', 3);

function registry(...relays: RelayRecord[]) {
  return { version: relays.map(({ id }) => id).join(), relays };
}

function ids(known: RelayMembership): string {
  return known
    .relays()
    .map(({ id }) => id)
    .join();
}

/** Advances the clock while a directory answers each beat. */
function inContact(known: RelayMembership, clock: FakeClock, ms: number): void {
  for (let passed = 0; passed < ms; passed += 1_500) {
    clock.advance(Math.min(1_500, ms - passed));
    known.contact();
  }
}

t.test('a relay that is no longer listed stays known for the grace period', async (t) => {
  const clock = new FakeClock();
  const known = new RelayMembership({ clock });
  t.equal(known.update(registry(fra, nyc)), true);
  t.equal(known.update(registry(nyc, fra)), false, 'order does not matter');
  t.equal(known.update(registry(fra)), false, 'not forgotten yet');
  inContact(known, clock, VANISHED_RELAY_GRACE_MS - 1_500);
  t.equal(ids(known), 'fra-1,nyc-1');
  clock.advance(1_500);
  t.equal(known.contact(), true);
  t.equal(ids(known), 'fra-1');
});

t.test('no relay is forgotten while no directory answers', async (t) => {
  const clock = new FakeClock();
  const known = new RelayMembership({ clock });
  known.update(registry(fra, nyc));
  known.update(registry(fra));
  clock.advance(86_400_000);
  t.equal(known.contact(), false, 'a day without contact counts as at most relayExpiryMs');
  t.equal(ids(known), 'fra-1,nyc-1');
});

t.test('relays that a restarted directory lists again are kept', async (t) => {
  const clock = new FakeClock();
  const known = new RelayMembership({ clock });
  known.update(registry(fra, nyc, sin));
  clock.advance(600_000);
  known.update(registry(fra));
  inContact(known, clock, 10_000);
  known.update(registry(fra, nyc));
  inContact(known, clock, VANISHED_RELAY_GRACE_MS);
  t.equal(ids(known), 'fra-1,nyc-1', 'nyc-1 is listed again, sin-1 is not');
});

t.test('a later start replaces a record, an earlier one does not', async (t) => {
  const known = new RelayMembership({ clock: new FakeClock() });
  known.update(registry({ ...fra, start: 20 }));
  t.equal(known.update(registry({ ...fra, start: 10 })), false);
  t.equal(known.relays()[0]?.start, 20);
  t.equal(known.update(registry({ ...fra, start: 30 })), true);
  t.equal(known.relays()[0]?.start, 30);
});

t.test(
  'a record with a start in the future is replaced by one with the present start',
  async (t) => {
    const clock = new FakeClock();
    const now = clock.now();
    const known = new RelayMembership({ clock });
    const ahead = now + 86_400_000;
    known.update(registry({ ...fra, start: ahead }));
    t.equal(known.relays()[0]?.start, ahead);
    t.equal(known.update(registry({ ...fra, start: ahead - 1 })), false, 'also in the future');
    t.equal(known.update(registry({ ...fra, start: now })), true, 'not in the future');
    t.equal(known.relays()[0]?.start, now);
    t.equal(known.update(registry({ ...fra, start: now - 1 })), false);
  },
);

t.test('a vanished relay is forgotten when a listed relay has its address', async (t) => {
  const known = new RelayMembership({ clock: new FakeClock() });
  known.update(registry(fra, nyc));
  known.update(registry(fra, { ...sin, trunkSources: nyc.trunkSources }));
  t.equal(ids(known), 'fra-1,sin-1');
});

t.test('beyond the bound the relay that is absent longest is forgotten', async (t) => {
  const clock = new FakeClock();
  const known = new RelayMembership({ clock });
  known.update(registry(fra));
  known.update(registry(nyc));
  clock.advance(1_000);
  const many = Array.from({ length: REGISTRATION_LIMITS.relaysMax - 1 }, (_, index) => ({
    ...sin,
    id: `r-${index}`,
    serviceAddresses: [{ address: '192.0.2.1', port: index + 1 }],
    trunkAddresses: [{ address: '192.0.2.2', port: index + 1 }],
    trunkSources: [{ address: '192.0.2.2', port: index + 1 }],
  }));
  known.update(registry(...many));
  t.equal(known.relays().length, REGISTRATION_LIMITS.relaysMax);
  t.notOk(known.relays().some(({ id }) => id === 'fra-1'));
  t.ok(known.relays().some(({ id }) => id === 'nyc-1'));
});

/** Makes a membership with fra-1 and nyc-1, in which relays answer at the addresses given. */
function contested(options: { readonly answering: Set<string> }) {
  const clock = new FakeClock();
  const known = new RelayMembership({
    clock,
    answersAt: (id, { address, port }) =>
      [...options.answering].some((at) =>
        port === undefined ? at.startsWith(`${id} ${address}:`) : at === `${id} ${address}:${port}`,
      ),
  });
  known.update(registry(fra, nyc));
  return { clock, known };
}

const THIEF = relayRecord('evil-1', 9, {
  serviceAddresses: fra.serviceAddresses,
  trunkAddresses: [...fra.trunkAddresses, { address: '10.0.0.9', port: 3480 }],
  trunkSources: [...fra.trunkSources, { address: '10.0.0.9', port: 3480 }],
});

t.test(
  'a relay that answers at its address stays when another registers the address',
  async (t) => {
    const answering = new Set(['fra-1 10.0.0.1:3480', 'evil-1 10.0.0.9:3480']);
    const { clock, known } = contested({ answering });
    t.equal(known.update(registry(THIEF, nyc)), false);
    t.equal(ids(known), 'fra-1,nyc-1', 'the other one is not used');
    inContact(known, clock, 10 * VANISHED_RELAY_GRACE_MS);
    t.equal(ids(known), 'fra-1,nyc-1', 'as long as it answers');
    answering.delete('fra-1 10.0.0.1:3480');
    t.equal(known.contact(), true);
    t.equal(ids(known), 'evil-1,nyc-1', 'then it is replaced');
    known.update(registry(fra, nyc));
    t.equal(ids(known), 'fra-1,nyc-1', 'evil-1 does not answer at an address of fra-1');
  },
);

t.test('a relay that has proved its addresses takes them at once', async (t) => {
  const answering = new Set(['fra-1 10.0.0.1:3480']);
  const { known } = contested({ answering });
  const heir = relayRecord('fra-2', 1);
  known.update({ ...registry(heir, nyc), proved: ['fra-2'] });
  t.equal(ids(known), 'fra-2,nyc-1');
});

t.test(
  'a relay keeps its service address if it answers at a trunk address of that IP',
  async (t) => {
    const stolen = relayRecord('evil-1', 9, { serviceAddresses: fra.serviceAddresses });
    const { known } = contested({ answering: new Set(['fra-1 10.0.0.1:3480']) });
    known.update(registry(stolen, nyc));
    t.equal(ids(known), 'fra-1,nyc-1');
    const elsewhere = contested({ answering: new Set(['fra-1 10.0.0.7:3480']) });
    elsewhere.known.update(registry(stolen, nyc));
    t.equal(ids(elsewhere.known), 'evil-1,nyc-1');
  },
);

t.test('a waiting relay is used when the other one is listed with other addresses', async (t) => {
  const { known } = contested({ answering: new Set(['fra-1 10.0.0.1:3480']) });
  known.update(registry(THIEF, nyc));
  known.update(registry(THIEF, nyc, relayRecord('fra-1', 4, { start: fra.start + 1 })));
  t.equal(ids(known), 'evil-1,fra-1,nyc-1');
});

t.test('at most relaysMax relays are kept, even if all answer', async (t) => {
  const clock = new FakeClock();
  const known = new RelayMembership({ clock, answersAt: () => true });
  const { publicKey } = fra;
  const many = Array.from({ length: REGISTRATION_LIMITS.relaysMax }, (_, host) =>
    relayRecord(`r-${host}`, host + 1, { publicKey }),
  );
  known.update(registry(...many));
  known.update(registry(...many.map((each) => ({ ...each, id: `x${each.id}` }))));
  t.ok(known.relays().length <= REGISTRATION_LIMITS.relaysMax);
});
