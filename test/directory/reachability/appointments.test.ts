import t from 'tap';
import { formatAddress } from '../../../src/address.js';
import {
  Appointments,
  SERVICE_CHECKERS_MAX,
} from '../../../src/directory/reachability/appointments.js';
import { serviceKey } from '../../../src/directory/reachability/reports.js';
import type { LiveRelay } from '../../../src/directory/snapshot.js';
import { CHECK_LIMITS } from '../../../src/registry/check-limits.js';
import { seededRandom } from '../../setup/seeded-random.js';
import { liveRelay, publicKeyOf } from '../fixtures.js';

const PUBLIC_KEY = publicKeyOf('any');

function relay(id: string, host: number, addresses = 1): LiveRelay {
  const [own] = liveRelay(id, host, { record: { publicKey: PUBLIC_KEY } }).record.serviceAddresses;
  const serviceAddresses = Array.from({ length: addresses }, (_, index) => ({
    address: own?.address ?? '',
    port: 3478 + index,
  }));
  return liveRelay(id, host, { record: { publicKey: PUBLIC_KEY, serviceAddresses } });
}

function appointing(relays: LiveRelay[], reports: (id: string) => boolean = () => true) {
  const appointments = new Appointments({ random: seededRandom(7), reports });
  let now = 0;
  return {
    appointments,
    turn(seconds = 0.25) {
      for (let passed = 0; passed < seconds; passed += 0.25) {
        now += 250;
        appointments.turn(relays, now);
      }
    },
    checkers: (of: LiveRelay) =>
      of.record.serviceAddresses.flatMap((address) => [
        ...appointments.checkersOf(serviceKey(of.record.id, formatAddress(address))).keys(),
      ]),
  };
}

t.test('each address has three checkers of different regions, none of them its own', async (t) => {
  const regions = ['fra', 'nyc', 'sin', 'syd'];
  const relays = Array.from({ length: 16 }, (_, index) =>
    relay(`${regions[index % 4]}-${index}`, index + 1),
  );
  const { turn, checkers, appointments } = appointing(relays);
  turn();
  for (const each of relays) {
    const found = checkers(each);
    t.equal(found.length, SERVICE_CHECKERS_MAX);
    const seen = new Set([each.record.region, ...found.map((id) => id.split('-')[0])]);
    t.equal(seen.size, 4, found.join());
  }
  const loads = relays.map(({ record }) => appointments.checksOf(record.id).length);
  t.ok(Math.max(...loads) <= 6, 'the checks are spread over all relays');
});

t.test('the only relay of another region checks no more than its bound', async (t) => {
  const relays = Array.from({ length: 200 }, (_, index) => relay(`fra-${index}`, index + 1));
  relays.push(relay('nyc-1', 999));
  const { turn, appointments, checkers } = appointing(relays);
  turn(4);
  const checks = appointments.checksOf('nyc-1').length;
  t.ok(
    checks <= CHECK_LIMITS.serviceChecksMax && checks > CHECK_LIMITS.serviceChecksMax / 2,
    String(checks),
  );
  for (const each of relays) t.equal(checkers(each).length, SERVICE_CHECKERS_MAX);
});

t.test('at 1,024 relays no relay checks more than its bound, and all are checked', async (t) => {
  const relays = Array.from({ length: 1_024 }, (_, index) =>
    relay(`r${index % 20}-${index}`, index + 1, 2),
  );
  const { turn, appointments, checkers } = appointing(relays);
  turn(30);
  const loads = relays.map(({ record }) => appointments.checksOf(record.id).length);
  t.ok(Math.max(...loads) <= CHECK_LIMITS.serviceChecksMax);
  t.ok(relays.every((each) => checkers(each).length === 2 * SERVICE_CHECKERS_MAX));
});

t.test('with too few relays for all addresses each checks as many as its bound', async (t) => {
  const relays = Array.from({ length: 6 }, (_, index) => relay(`r${index}-1`, index + 1, 16));
  const { turn, appointments } = appointing(relays);
  turn(5);
  for (const { record } of relays) {
    t.equal(appointments.checksOf(record.id).length, CHECK_LIMITS.serviceChecksMax);
  }
});

t.test(
  'the checkers of an address change one at a time, and at least eight take part in 10 minutes',
  async (t) => {
    const relays = Array.from({ length: 12 }, (_, index) => relay(`r${index}-1`, index + 1));
    const { turn, checkers } = appointing(relays);
    turn();
    const [first] = relays;
    if (first === undefined) throw new Error('no relays');
    const begun = checkers(first);
    const seen = new Set(begun);
    let before = begun;
    for (let seconds = 0; seconds < 600; seconds += 1) {
      turn(1);
      const now = checkers(first);
      t.equal(now.length, SERVICE_CHECKERS_MAX);
      const kept = now.filter((id) => before.includes(id)).length;
      if (kept < SERVICE_CHECKERS_MAX - 1) t.fail(`${before.join()} -> ${now.join()}`);
      for (const id of now) seen.add(id);
      before = now;
    }
    t.ok(seen.size >= 8, `${seen.size} checkers in 10 minutes`);
  },
);

t.test('a relay that does not report, or lacks the address family, is not a checker', async (t) => {
  const six = liveRelay('syd-1', 9, {
    record: {
      publicKey: PUBLIC_KEY,
      serviceAddresses: [{ address: '2001:db8::9', port: 3478 }],
      trunkAddresses: [{ address: '2001:db8::9', port: 3480 }],
    },
  });
  const relays = [relay('fra-1', 1), relay('nyc-1', 2), relay('sin-1', 3), six];
  const { turn, checkers } = appointing(relays, (id) => id !== 'sin-1');
  turn();
  t.same(
    relays.map((each) => checkers(each)),
    [
      ['nyc-1'],
      ['fra-1'],
      ['fra-1', 'nyc-1'].filter((id) => checkers(relays[2] as LiveRelay).includes(id)),
      [],
    ],
  );
  t.equal(checkers(relays[2] as LiveRelay).length, 2);
});

t.test('a relay that left neither checks nor is checked', async (t) => {
  const relays = ['fra-1', 'nyc-1', 'sin-1'].map((id, index) => relay(id, index + 1));
  const { turn, checkers, appointments } = appointing(relays);
  turn();
  const [first] = relays;
  relays.splice(1, 1);
  turn();
  t.same(checkers(first as LiveRelay), ['sin-1']);
  t.same(appointments.checksOf('nyc-1'), []);
  t.same(
    appointments.checksOf('sin-1').map(({ id }) => id),
    ['fra-1'],
  );
});

t.test(
  'in a large fleet a sample of the relays is looked at, and vacancies are filled',
  async (t) => {
    const relays = Array.from({ length: 3_000 }, (_, index) =>
      relay(`r${index % 300}-${index}`, index + 1),
    );
    let looks = 0;
    const reports = () => {
      looks += 1;
      return true;
    };
    const { turn, checkers } = appointing(relays, reports);
    turn(9);
    for (const each of relays.slice(0, 500)) {
      const regions = new Set([
        each.record.region,
        ...checkers(each).map((id) => id.split('-')[0]),
      ]);
      t.equal(regions.size, 1 + SERVICE_CHECKERS_MAX, 'of different regions');
    }
    looks = 0;
    turn();
    // One for each checker, and samples for the checkers that are replaced.
    t.ok(looks < 2 * relays.length, `${looks} looks in a turn without changes`);
    const gone = relays.splice(0, 100);
    turn();
    turn();
    const ids = new Set(gone.map(({ record }) => record.id));
    for (const each of relays.slice(0, 500)) {
      t.equal(checkers(each).filter((id) => ids.has(id)).length, 0);
      t.equal(checkers(each).length, SERVICE_CHECKERS_MAX, 'their places are filled');
    }
    for (const each of gone) t.same(checkers(each), [], 'what is gone is not checked');
  },
);
