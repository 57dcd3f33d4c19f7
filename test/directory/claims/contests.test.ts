import t from 'tap';
import { CLAIM_LIMITS } from '../../../src/directory/claims/claim-limits.js';
import { type ClaimNews, Contests } from '../../../src/directory/claims/contests.js';
import { RelayTable } from '../../../src/directory/relay-table.js';
import { Snapshots } from '../../../src/directory/snapshot.js';
import { CHECK_LIMITS } from '../../../src/registry/check-limits.js';
import { REGISTRATION_LIMITS } from '../../../src/registry/registration-limits.js';
import type { RelayRecord } from '../../../src/registry/types.js';
import { seededRandom } from '../../setup/seeded-random.js';
import { FakeClock, IDLE, relayRecord } from '../fixtures.js';

/** A relay table with checkers of several regions, and its contests. */
function world(...checkers: string[]) {
  const clock = new FakeClock();
  const table = new RelayTable(clock);
  const snapshots = new Snapshots(table);
  const contests = new Contests({ clock, random: seededRandom(1) });
  const news: ClaimNews[] = [];
  const alive = new Set<string>();
  const w = {
    clock,
    table,
    contests,
    news,
    /** Claims a relay's addresses, and registers the relay if they are granted. */
    register(record: RelayRecord) {
      const rivals = table.claims.rivals(record);
      const answer =
        rivals.length === 0
          ? ({ state: 'granted', proved: false } as const)
          : contests.claim(record, rivals, () => snapshots.current().relays);
      if (answer.state !== 'granted') return answer;
      table.register(record, { load: IDLE, draining: false, proved: answer.proved });
      contests.taken(record.id);
      alive.add(record.id);
      return answer;
    },
    state(record: RelayRecord) {
      const answer = w.register(record);
      return answer.state === 'refused' ? answer.why : answer.state;
    },
    /** Reports the results of all checkers; `proved` has `id address` of the proved ones. */
    answer(...proved: string[]) {
      for (const id of alive) w.answerBy(id, proved);
    },
    answerBy(id: string, proved: readonly string[]) {
      const results = contests.claimChallengesOf(id).map(({ id: relay, address }) => ({
        id: relay,
        address,
        proved: proved.includes(`${relay} ${address}`),
      }));
      contests.report(id, results);
    },
    pass(ms: number) {
      for (let passed = 0; passed < ms; passed += 250) {
        clock.advance(250);
        for (const id of alive) beat(id);
        for (const id of table.sweep()) alive.delete(id);
        news.push(...contests.sweep());
      }
    },
    silent(id: string) {
      alive.delete(id);
      w.pass(REGISTRATION_LIMITS.relayExpiryMs);
    },
    results: () => news.flatMap((each) => (each.kind === 'decided' ? each.result : each.kind)),
  };
  const beat = (id: string) => {
    const { start = 0 } = table.recordOf(id) ?? {};
    table.beat({ id, start, registryVersion: null, load: IDLE, draining: false });
  };
  for (const [index, id] of checkers.entries()) {
    w.register(relayRecord(id, 100 + index));
    contests.report(id, []);
  }
  return w;
}

const TRUE = relayRecord('fra-1', 1);
const THIEF = relayRecord('evil-1', 9, {
  serviceAddresses: TRUE.serviceAddresses,
  trunkAddresses: [...TRUE.trunkAddresses, { address: '10.0.0.9', port: 3480 }],
  trunkSources: [...TRUE.trunkSources, { address: '10.0.0.9', port: 3480 }],
});
const PROVED = ['fra-1 10.0.0.1:3478', 'fra-1 10.0.0.1:3480'];

t.test(
  'a claimant that proves its addresses replaces the relay that registered them first',
  async (t) => {
    const w = world('nyc-1', 'sin-1', 'syd-1');
    t.equal(w.state(THIEF), 'granted');
    const answer = w.register(TRUE);
    t.equal(answer.state, 'contested');
    t.same(answer.state === 'contested' && answer.checkers.map(({ id }) => id).sort(), [
      'nyc-1',
      'sin-1',
      'syd-1',
    ]);
    t.same(
      w.contests.claimChallengesOf('nyc-1').map(({ id, address }) => `${id} ${address}`),
      PROVED,
    );
    t.same(w.contests.claimChallengesOf('evil-1'), [], 'a party of the contest is not a checker');
    w.answerBy('nyc-1', PROVED);
    t.equal(w.state(TRUE), 'contested', 'one region is not enough');
    w.answerBy('sin-1', PROVED);
    const granted = w.register(TRUE);
    t.same(granted, { state: 'granted', proved: true });
    t.equal(w.table.recordOf('evil-1'), undefined);
    t.same(w.contests.claimChallengesOf('nyc-1'), []);

    t.equal(w.state(THIEF), 'contested', 'the evicted relay claims again');
    w.answer();
    t.equal(w.state(THIEF), 'unproved');
    t.ok(w.table.recordOf('fra-1'), 'the incumbent stays');
    w.pass(1_000);
    t.same(w.results(), ['contested', 'proved', 'contested', 'unproved']);
    t.same(w.contests.counts, { proved: 1, unproved: 1, unchecked: 0 });
  },
);

t.test(
  'waiting claimants are checkers, so a relay that registered all addresses can be replaced',
  async (t) => {
    const w = world();
    const all = ['fra-1', 'nyc-1', 'sin-1'].map((id, index) => relayRecord(id, index + 1));
    const [fra = TRUE, nyc = TRUE, sin = TRUE] = all;
    const thief = relayRecord('evil-1', 9, {
      serviceAddresses: all.flatMap(({ serviceAddresses }) => serviceAddresses),
      trunkAddresses: all.flatMap(({ trunkAddresses }) => trunkAddresses),
      trunkSources: all.flatMap(({ trunkSources }) => trunkSources),
    });
    t.equal(w.state(thief), 'granted');
    for (const { id } of all) w.contests.report(id, []);
    t.equal(w.state(fra), 'unchecked');
    t.equal(w.state(nyc), 'unchecked');
    t.equal(w.state(sin), 'contested');
    const proved = ['sin-1 10.0.0.3:3478', 'sin-1 10.0.0.3:3480'];
    for (const id of ['fra-1', 'nyc-1']) w.answerBy(id, proved);
    t.equal(w.state(sin), 'granted');
    t.equal(w.table.recordOf('evil-1'), undefined);
    t.equal(w.state(fra), 'granted', 'the first relay has no addresses left');
    t.equal(w.state(nyc), 'granted');
    w.silent('sin-1');
    t.equal(w.state(relayRecord('sin-2', 3)), 'contested');
    w.pass(CLAIM_LIMITS.waitingMs);
    t.notOk(
      w.contests.claimChallengesOf('sin-2').length,
      'a claimant that no longer waits gets no challenges',
    );
  },
);

t.test('a silent relay keeps its addresses while no claimant proves them', async (t) => {
  const w = world('nyc-1', 'sin-1');
  w.register(TRUE);
  w.silent('fra-1');
  t.equal(w.table.recordOf('fra-1'), undefined);
  t.equal(w.state(THIEF), 'contested');
  w.answer();
  t.equal(w.state(THIEF), 'unproved');
  w.pass(24 * 3_600_000);
  t.equal(w.state(THIEF), 'contested', 'also after a day, while there are checkers');
  w.pass(CLAIM_LIMITS.contestMs);
  t.equal(w.state(THIEF), 'unproved', 'checkers that report nothing prove nothing');
  t.equal(w.state(TRUE), 'granted', 'the silent relay may register again');
});

t.test('a relay that proves the addresses of a silent one gets them', async (t) => {
  const w = world('nyc-1', 'sin-1');
  w.register(TRUE);
  w.silent('fra-1');
  const heir = relayRecord('fra-2', 1);
  t.equal(w.state(heir), 'contested');
  w.answer('fra-2 10.0.0.1:3478', 'fra-2 10.0.0.1:3480');
  t.same(w.register(heir), { state: 'granted', proved: true });
  t.equal(w.state(TRUE), 'contested', 'now the former relay must prove them');
});

t.test('a relay that deregisters frees its addresses at once', async (t) => {
  const w = world('nyc-1', 'sin-1');
  w.register(TRUE);
  w.table.deregister('fra-1');
  t.same(w.register(relayRecord('fra-2', 1)), { state: 'granted', proved: false });
});

t.test('a claim needs a proof of every contested address', async (t) => {
  const w = world('nyc-1', 'sin-1');
  w.register(TRUE);
  w.state(THIEF);
  w.answer('evil-1 10.0.0.1:3478', 'evil-1 10.0.0.9:3480');
  t.equal(w.state(THIEF), 'unproved');
});

t.test('checkers of one region alone prove nothing, however many they are', async (t) => {
  const w = world('nyc-1', 'nyc-2', 'nyc-3', 'sin-1');
  w.register(TRUE);
  w.state(THIEF);
  const lie = w.contests.claimChallengesOf('nyc-1').map(({ id, address }) => `${id} ${address}`);
  for (const liar of ['nyc-1', 'nyc-2', 'nyc-3']) w.answerBy(liar, lie);
  w.answerBy('sin-1', []);
  t.equal(w.state(THIEF), 'unproved');
});

t.test(
  'without checkers a live incumbent stays for good, and a silent one for `holdMs`',
  async (t) => {
    for (const checkers of [[], ['nyc-1'], ['nyc-1', 'nyc-2']]) {
      const w = world(...checkers);
      w.register(TRUE);
      t.equal(w.state(THIEF), 'unchecked');
      t.equal(w.state(THIEF), 'unchecked');
      w.pass(CLAIM_LIMITS.holdMs + 60_000);
      t.equal(w.state(THIEF), 'unchecked', 'a live incumbent stays');
      t.ok(w.results().length <= 2, 'reported at intervals');
      w.silent('fra-1');
      w.pass(CLAIM_LIMITS.holdMs - 1_000);
      t.equal(w.state(relayRecord('fra-2', 1)), 'unchecked');
      w.pass(1_000);
      t.same(w.register(relayRecord('fra-2', 1)), { state: 'granted', proved: false });
    }
    const old = world('nyc-1', 'sin-1');
    for (const id of ['nyc-1', 'sin-1']) old.contests.report(id, undefined);
    old.register(TRUE);
    t.equal(old.state(THIEF), 'unchecked', 'relays that do not report claims are not checkers');
  },
);

t.test('a port that only sends is proved by a trunk address of the same host', async (t) => {
  const lane = { address: '10.0.0.1', port: 50_000 };
  const withLane = relayRecord('fra-1', 1, { trunkSources: [...TRUE.trunkSources, lane] });
  const thief = relayRecord('evil-1', 9, { trunkSources: [lane] });
  const first = world('nyc-1', 'sin-1');
  first.register(thief);
  t.equal(first.state(withLane), 'contested');
  first.answer('fra-1 10.0.0.1:3480');
  t.equal(first.state(withLane), 'granted');
  t.equal(first.state(thief), 'unproved', 'it has no trunk address on that host');
  const taken = relayRecord('evil-1', 9, { trunkSources: TRUE.trunkAddresses });
  t.equal(
    first.state(taken),
    'unproved',
    'a source port does not prove another relay’s trunk address',
  );

  // A relay that registers another relay's source port as its trunk address is challenged there.
  const reached = relayRecord('evil-1', 9, { trunkAddresses: [lane], trunkSources: [lane] });
  const restarted = world('nyc-1', 'sin-1');
  restarted.register(reached);
  t.equal(restarted.state(withLane), 'contested');
  restarted.answer('fra-1 10.0.0.1:3480');
  t.equal(restarted.state(withLane), 'granted');
  const honest = world('nyc-1', 'sin-1');
  honest.register(reached);
  t.equal(honest.state(withLane), 'contested');
  honest.answer('fra-1 10.0.0.1:3480', 'evil-1 10.0.0.1:50000');
  t.equal(honest.state(withLane), 'unproved', 'an incumbent that answers there stays');

  const same = world('nyc-1', 'sin-1');
  same.register(withLane);
  const neighbour = relayRecord('evil-1', 9, {
    trunkAddresses: [{ address: '10.0.0.1', port: 4_000 }],
    trunkSources: [lane],
  });
  t.equal(same.state(neighbour), 'contested');
  same.answer('evil-1 10.0.0.1:4000', 'fra-1 10.0.0.1:3480');
  t.equal(same.state(neighbour), 'unproved', 'both are on that host, so the incumbent stays');
});

t.test('a claimant that lost waits for a growing time, which is reset after a while', async (t) => {
  const w = world('nyc-1', 'sin-1');
  w.register(TRUE);
  const waits: number[] = [];
  for (let n = 0; n < 8; n += 1) {
    let waited = 0;
    while (w.state(THIEF) !== 'contested') {
      w.pass(1_000);
      waited += 1_000;
    }
    waits.push(waited);
    w.answer();
  }
  t.same(waits, [0, 5_000, 10_000, 20_000, 40_000, 80_000, 120_000, 120_000]);
  w.pass(3 * CLAIM_LIMITS.retryMsMax);
  t.equal(w.state(THIEF), 'contested');
  w.answer();
  w.pass(CLAIM_LIMITS.retryMsMin);
  t.equal(w.state(THIEF), 'contested');
});

t.test('contests are limited in total, and the addresses of one claim in number', async (t) => {
  const w = world('nyc-1', 'sin-1', 'syd-1', 'lhr-1');
  const thief = (n: number, address: string) =>
    relayRecord(`evil-${n}`, 1_000 + n, { serviceAddresses: [{ address, port: 3478 }] });
  w.register(TRUE);
  for (let n = 0; n < CLAIM_LIMITS.contestsMax; n += 1) {
    t.equal(w.state(thief(n, '10.0.0.1')), 'contested');
  }
  t.equal(w.contests.size, CLAIM_LIMITS.contestsMax);
  t.equal(w.state(thief(999, '10.0.0.1')), 'busy');
  t.ok(w.contests.claimChallengesOf('nyc-1').length <= CHECK_LIMITS.claimChallengesMax);
  w.pass(CLAIM_LIMITS.contestMs);
  t.equal(w.contests.size, 0);

  const many = Array.from({ length: 33 }, (_, n) => ({ address: '10.9.0.1', port: n + 1 }));
  const greedy = { serviceAddresses: many.slice(0, 16), trunkAddresses: many.slice(16) };
  w.register(relayRecord('big-1', 50, greedy));
  t.equal(
    w.state(relayRecord('evil-999', 1_999, greedy)),
    'unproved',
    'more addresses than can be challenged',
  );
});

t.test('a claim beyond the checkers’ capacity gets `busy`', async (t) => {
  const w = world('nyc-1', 'sin-1');
  const ports = (from: number) =>
    Array.from({ length: 16 }, (_, n) => ({ address: '10.0.0.1', port: from + n }));
  const rich = { serviceAddresses: ports(100), trunkAddresses: ports(200) };
  w.register(relayRecord('fra-1', 1, rich));
  w.register(relayRecord('fra-3', 3));
  t.equal(w.state(relayRecord('evil-1', 9, rich)), 'contested');
  t.equal(w.state(relayRecord('fra-4', 3)), 'contested');
  t.equal(w.state(relayRecord('evil-2', 8, rich)), 'busy');
});

t.test(
  'a grant applies only to the addresses that were proved, and for a limited time',
  async (t) => {
    const w = world('nyc-1', 'sin-1');
    w.register(THIEF);
    w.state(TRUE);
    w.answer(...PROVED);
    w.register(relayRecord('fra-3', 3));
    const more = {
      serviceAddresses: [...TRUE.serviceAddresses, { address: '10.0.0.3', port: 3478 }],
    };
    t.not(w.state(relayRecord('fra-1', 1, more)), 'granted');
    w.pass(CLAIM_LIMITS.grantMs);
    t.equal(w.state(TRUE), 'contested');
  },
);
