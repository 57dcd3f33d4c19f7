import t from 'tap';
import { ClaimTable } from '../../src/directory/claims/claim-table.js';
import { RECORD_CHANGES_BURST } from '../../src/directory/record-change-limiter.js';
import { RelayTable } from '../../src/directory/relay-table.js';
import { Snapshots } from '../../src/directory/snapshot.js';
import { REGISTRATION_LIMITS } from '../../src/registry/registration-limits.js';
import { FakeClock, IDLE, publicKeyOf, relayRecord } from './fixtures.js';

const START = 1_700_000_000_000;

function world() {
  const clock = new FakeClock();
  const table = new RelayTable(clock);
  const snapshots = new Snapshots(table);
  return {
    clock,
    table,
    register(id: string, host: number, changes = {}) {
      const record = relayRecord(id, host, changes);
      const refusal = table.refusal(record);
      if (refusal === undefined) table.register(record, { load: IDLE, draining: false });
      clock.spread();
      return refusal;
    },
    /** Returns the claims of other relays to the addresses of a record. */
    rivals(id: string, host: number, changes = {}) {
      const rivals = table.claims.rivals(relayRecord(id, host, changes));
      return rivals.map(({ claim, by, silentMs }) => `${claim} ${by.id} ${silentMs ?? 'live'}`);
    },
    beat(id: string, changes = {}) {
      const beat = { start: START, registryVersion: null, load: IDLE, draining: false };
      table.beat({ id, ...beat, ...changes });
    },
    /** Sends a beat that confirms the current registry. */
    confirm(id: string) {
      this.beat(id, { registryVersion: table.registry().version });
    },
    ready() {
      const ready = snapshots.current().relays.filter(({ confirmed }) => confirmed);
      return ready.map(({ record }) => record.id).join();
    },
    /** Lets time pass, with a sweep every 250 ms. @returns the ids that expired */
    pass(ms: number) {
      const expired: string[] = [];
      for (let passed = 0; passed < ms; passed += 250) {
        clock.advance(250);
        expired.push(...table.sweep());
      }
      return expired.join();
    },
  };
}

t.test('a relay expires 5 s after its last beat', async (t) => {
  const { table, register, beat, pass } = world();
  register('fra-1', 1);
  register('nyc-1', 2);
  t.equal(pass(4_000), '');
  beat('fra-1');
  t.equal(pass(1_000), 'nyc-1');
  t.equal(table.size, 1);
  t.equal(pass(3_750), '');
  t.equal(pass(250), 'fra-1');
  t.same(table.beatRefusal('fra-1', START), { code: 'unknown-relay' });
});

t.test('a pause of the directory does not count as silence of relays', async (t) => {
  const { clock, table, register, pass } = world();
  register('fra-1', 1);
  pass(1_000);
  clock.advance(60_000);
  t.same(table.sweep(), []);
  t.equal(pass(3_750), '');
  t.equal(pass(250), 'fra-1');
});

t.test('a relay is ready once every live relay has confirmed it', async (t) => {
  const w = world();
  w.register('fra-1', 1);
  t.equal(w.ready(), '', 'not before its own confirmation');
  w.confirm('fra-1');
  t.equal(w.ready(), 'fra-1');
  const before = w.table.registry().version;
  w.register('nyc-1', 2);
  t.not(w.table.registry().version, before);
  w.confirm('nyc-1');
  t.equal(w.ready(), 'fra-1', 'fra-1 has not confirmed it');
  w.beat('fra-1', { registryVersion: before });
  t.equal(w.ready(), 'fra-1', 'an older version confirms nothing');
  w.beat('fra-1', { registryVersion: 'made up' });
  t.equal(w.ready(), 'fra-1');
  w.confirm('fra-1');
  t.equal(w.ready(), 'fra-1,nyc-1');
});

t.test('a relay is ready after 3 s without confirmations', async (t) => {
  const w = world();
  w.register('fra-1', 1);
  w.confirm('fra-1');
  w.register('nyc-1', 2);
  w.pass(2_750);
  t.equal(w.ready(), 'fra-1');
  w.pass(250);
  t.equal(w.ready(), 'fra-1,nyc-1');
});

t.test('a changed record must be confirmed again, an unchanged one need not', async (t) => {
  const w = world();
  w.register('fra-1', 1);
  w.confirm('fra-1');
  w.register('fra-1', 1);
  t.equal(w.ready(), 'fra-1');
  w.register('fra-1', 1, { start: START + 1 });
  t.equal(w.ready(), '');
  w.beat('fra-1', { start: START + 1, registryVersion: w.table.registry().version });
  t.equal(w.ready(), 'fra-1');
});

t.test('the version is a digest of the records', async (t) => {
  const [one, other] = [world(), world()];
  one.register('fra-1', 1);
  one.register('nyc-1', 2);
  other.register('nyc-1', 2);
  other.register('fra-1', 1);
  t.equal(one.table.registry().version, other.table.registry().version);
  t.match(JSON.parse(one.table.registry().body.toString()), {
    relays: [{ id: 'fra-1' }, { id: 'nyc-1' }],
  });
  one.table.deregister('nyc-1');
  one.clock.spread();
  t.not(one.table.registry().version, other.table.registry().version);
});

t.test(
  'a version of a former directory process with the same records counts as a confirmation',
  async (t) => {
    const [before, after] = [world(), world()];
    before.register('fra-1', 1);
    const { version } = before.table.registry();
    after.register('fra-1', 1);
    after.beat('fra-1', { registryVersion: version });
    t.equal(after.ready(), 'fra-1');
  },
);

t.test('a start lower than the last one is refused', async (t) => {
  const w = world();
  w.register('fra-1', 1);
  t.same(w.register('fra-1', 1, { start: START - 1 }), {
    code: 'start-too-low',
    lastStart: START,
  });
  t.equal(w.register('fra-1', 1, { start: START + 5 }), undefined);
  t.same(w.table.beatRefusal('fra-1', START), { code: 'superseded', lastStart: START + 5 });
  t.equal(w.table.beatRefusal('fra-1', START + 5), undefined);
  t.same(w.table.beatRefusal('fra-1', START + 6), { code: 'unknown-relay' });
  w.table.deregister('fra-1');
  t.match(w.register('fra-1', 1), { code: 'start-too-low' }, 'starts outlive a registration');
});

t.test('two relays cannot have one address', async (t) => {
  const w = world();
  w.register('fra-1', 1);
  const { serviceAddresses, trunkSources } = relayRecord('fra-1', 1);
  const rivals = (changes = {}) => w.rivals('nyc-1', 2, changes);
  t.same(rivals(), []);
  t.same(rivals({ serviceAddresses }), ['service 10.0.0.1:3478 fra-1 live']);
  t.same(rivals({ trunkSources }), ['trunk 10.0.0.1:3480 fra-1 live']);
  t.same(rivals({ trunkAddresses: trunkSources }), ['trunk 10.0.0.1:3480 fra-1 live']);
  w.table.deregister('fra-1');
  t.same(rivals({ trunkSources }), [], 'a relay that deregistered has no claim');
  w.register('fra-1', 3);
  t.same(rivals({ trunkSources }), [], 'a relay that moved has none to its former address');
});

t.test('a silent relay keeps its claims until another relay takes them', async (t) => {
  const w = world();
  w.register('fra-1', 1);
  w.pass(6_000);
  const { serviceAddresses } = relayRecord('fra-1', 1);
  const rivals = (id: string) => w.rivals(id, 9, { serviceAddresses });
  t.same(rivals('nyc-1'), ['service 10.0.0.1:3478 fra-1 1000']);
  t.same(rivals('fra-1'), [], 'it may register again');
  w.register('fra-1', 1);
  t.same(rivals('nyc-1'), ['service 10.0.0.1:3478 fra-1 live']);
  w.pass(6_000);
  w.register('nyc-1', 2, { serviceAddresses });
  t.same(rivals('fra-1'), ['service 10.0.0.1:3478 nyc-1 live']);
  t.same(w.rivals('sin-1', 1), [
    'service 10.0.0.1:3478 nyc-1 live',
    'trunk 10.0.0.1:3480 fra-1 1010',
  ]);
  w.table.deregister('fra-1');
  t.same(
    w.rivals('sin-1', 1),
    ['service 10.0.0.1:3478 nyc-1 live'],
    'a late deregistration removes the claim',
  );
});

t.test('a proved registration of an address evicts the relay that had it', async (t) => {
  const w = world();
  w.register('fra-1', 1);
  w.register('nyc-1', 2);
  const evicted = w.table.register(relayRecord('sin-1', 1), {
    load: IDLE,
    draining: false,
    proved: true,
  });
  t.same(evicted, ['fra-1']);
  t.same(w.table.beatRefusal('fra-1', START), { code: 'unknown-relay' });
  w.clock.spread();
  t.match(JSON.parse(w.table.registry().body.toString()), {
    relays: [{ id: 'nyc-1' }, { id: 'sin-1' }],
    proved: ['sin-1'],
  });
  t.ok(w.table.isProved(relayRecord('sin-1', 1, { start: START + 1 })));
  t.notOk(w.table.isProved(relayRecord('sin-1', 3)));
  t.notOk(w.table.isProved(relayRecord('nyc-1', 2)));
});

t.test('claims of silent relays are limited in number, and the oldest is forgotten', async (t) => {
  const claims = new ClaimTable(new FakeClock());
  const publicKey = publicKeyOf('any');
  for (let host = 1; host <= REGISTRATION_LIMITS.relaysRememberedMax + 1; host += 1) {
    claims.take(relayRecord(`r-${host}`, host, { publicKey }));
    claims.lapse(`r-${host}`);
  }
  t.equal(claims.lapsed, REGISTRATION_LIMITS.relaysRememberedMax);
  t.same(claims.rivals(relayRecord('late', 1, { publicKey })), []);
  t.equal(claims.rivals(relayRecord('late', 2, { publicKey })).length, 2);
});

t.test('a silent relay’s source port may be taken by a relay of the same host', async (t) => {
  const claims = new ClaimTable(new FakeClock());
  const host = (id: string, port: number) =>
    relayRecord(id, 1, {
      serviceAddresses: [{ address: '10.0.0.1', port: port + 1 }],
      trunkAddresses: [{ address: '10.0.0.1', port }],
      trunkSources: [
        { address: '10.0.0.1', port },
        { address: '10.0.0.1', port: 50_000 },
      ],
    });
  claims.take(host('fra-1', 1_000));
  t.equal(claims.rivals(host('fra-2', 2_000)).length, 1);
  claims.lapse('fra-1');
  t.same(claims.rivals(host('fra-2', 2_000)), []);
  const elsewhere = relayRecord('nyc-1', 2, { trunkSources: host('x', 1).trunkSources });
  t.equal(claims.rivals(elsewhere).length, 1, 'not by a relay of another host');
});

t.test('the table holds 10,240 relays and refuses the next', async (t) => {
  const w = world();
  const publicKey = publicKeyOf('any');
  for (let host = 1; host <= REGISTRATION_LIMITS.relaysMax; host += 1) {
    w.register(`r-${host}`, host, { publicKey });
  }
  t.equal(w.table.size, REGISTRATION_LIMITS.relaysMax);
  t.same(w.register('late', 20_000, { publicKey }), { code: 'registry-full' });
  t.equal(
    w.register('r-7', 7, { publicKey, start: START + 1 }),
    undefined,
    'a registered relay may register again',
  );
  w.table.deregister('r-8');
  t.equal(w.register('late', 2_000, { publicKey }), undefined);
});

t.test('a relay does not expire while requests that may be its beat wait', async (t) => {
  const { clock, table, register } = world();
  register('fra-1', 1);
  const came = clock.monotonic();
  for (let passed = 0; passed < 20_000; passed += 250) {
    clock.advance(250);
    t.same(table.sweep(came), [], 'no relay expires for the time after `came`');
  }
  t.same(table.sweep(came + REGISTRATION_LIMITS.relayExpiryMs), ['fra-1']);
});

t.test('changes of a record are limited in rate, also across a deregistration', async (t) => {
  const { clock, table, register } = world();
  let start = START;
  const change = () => register('fra-1', 1, { start: ++start });
  for (let n = 0; n < RECORD_CHANGES_BURST; n += 1) t.equal(change(), undefined);
  t.match(change(), { code: 'too-many-changes' });
  table.deregister('fra-1');
  t.match(
    change(),
    { code: 'too-many-changes' },
    'a registration after a deregistration is a change',
  );
  t.equal(register('nyc-1', 2), undefined, 'the limit is per relay');
  const { retryAfterMs = 0 } = change() as { retryAfterMs?: number };
  clock.advance(retryAfterMs);
  t.equal(change(), undefined);
  t.match(change(), { code: 'too-many-changes' });
  t.equal(register('fra-1', 1, { start: start - 1 }), undefined, 'the same record is not a change');
});
