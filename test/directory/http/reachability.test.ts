import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { formatAddress } from '../../../src/address.js';
import { HOLD_MS } from '../../../src/directory/reachability/flap-damping.js';
import { REGISTRATION_LIMITS } from '../../../src/registry/registration-limits.js';
import type { RelayRecord } from '../../../src/registry/types.js';
import { API_KEY, IDLE, relayRecord } from '../fixtures.js';
import { DirectoryHarness } from './harness.js';

/** A little more than the directory's interval between sweeps. */
const SWEEP_MS = 260;

const fra = relayRecord('fra-1', 1);
const nyc = relayRecord('nyc-1', 2);
const sin = relayRecord('sin-1', 3);
const ALL = [fra, nyc, sin];

interface Report {
  readonly trunk?: readonly { readonly id: string; readonly reason: string }[];
  readonly service?: readonly object[];
}

const NOTHING: Report = { trunk: [], service: [] };

/** Relays that report reachability, and a directory whose log lines are kept. */
class Fleet {
  reports: Record<string, Report | undefined> = {};

  private constructor(
    readonly harness: DirectoryHarness,
    readonly lines: { readonly event?: string; readonly msg: string }[],
  ) {}

  static async open(t: Test, records: readonly RelayRecord[] = ALL): Promise<Fleet> {
    const lines: { event?: string; msg: string }[] = [];
    const logger = pino(
      { level: 'info' },
      { write: (line: string) => void lines.push(JSON.parse(line)) },
    );
    const fleet = new Fleet(await DirectoryHarness.open(t, { logger }), lines);
    await fleet.harness.addRelays(...records);
    for (const { id } of records) fleet.reports[id] = NOTHING;
    await fleet.beats();
    await fleet.beats();
    return fleet;
  }

  /** Sends a beat of each relay and waits for a sweep. @returns each relay's appointed checks */
  async beats() {
    const answers: Record<string, { id: string; address: string }[]> = {};
    for (const [id, reachability] of Object.entries(this.reports)) {
      const more = reachability === undefined ? {} : { reachability };
      const { status, body } = await this.harness.beat(id, null, more);
      if (status !== 200) throw new Error(`beat of ${id}: ${status} ${JSON.stringify(body)}`);
      answers[id] = body.check;
    }
    this.harness.clock.advance(1_000);
    await sleep(SWEEP_MS);
    return answers;
  }

  async listed(id: string) {
    const headers = { authorization: `Bearer ${API_KEY}` };
    const { body } = await this.harness.request('/v1/relays', { headers });
    return body.relays.find((relay: { id: string }) => relay.id === id).reachability;
  }

  metrics(): Promise<string> {
    return this.harness.directory.metrics();
  }

  events(event: string): string[] {
    return this.lines.filter((line) => line.event === event).map(({ msg }) => msg);
  }

  /** Returns the relays that connections without hints get. */
  async given(): Promise<string> {
    const ids = new Set<string>();
    for (let count = 0; count < 12; count += 1) {
      const { body } = await this.harness.connect({ peers: [{}, {}] });
      for (const { relay } of body.peers) ids.add(relay.id);
    }
    return [...ids].sort().join();
  }
}

t.test('checks are appointed only to relays that report reachability', async (t) => {
  const fleet = await Fleet.open(t);
  const answers = await fleet.beats();
  const address = ({ id, serviceAddresses }: RelayRecord) => ({
    id,
    address: serviceAddresses.map(formatAddress).join(),
  });
  t.same(
    answers['fra-1']?.sort((a, b) => (a.id < b.id ? -1 : 1)),
    [nyc, sin].map(address),
  );
  fleet.reports = { 'fra-1': NOTHING, 'nyc-1': NOTHING, 'sin-1': undefined };
  await fleet.beats();
  const later = await fleet.beats();
  t.same(later['sin-1'], [], 'no checks for a relay that reports nothing');
  t.equal(later['fra-1']?.length, 2);
  const registered = await fleet.harness.register(fra);
  t.ok(Array.isArray(registered.body.check));
});

t.test('a closed service port is listed, counted and logged, and so is its return', async (t) => {
  const fleet = await Fleet.open(t);
  t.equal(await fleet.given(), 'fra-1,nyc-1,sin-1');
  const service = [{ id: 'fra-1', address: '10.0.0.1:3478', reason: 'no-answer' }];
  fleet.reports = { 'fra-1': NOTHING, 'nyc-1': { service }, 'sin-1': { service, trunk: [] } };
  await fleet.beats();
  t.equal(await fleet.given(), 'nyc-1,sin-1');
  const shown = await fleet.listed('fra-1');
  t.match(shown, {
    verdict: 'unreachable',
    service: [
      {
        verdict: 'unreachable',
        address: '10.0.0.1:3478',
        unreachedBy: 2,
        observers: 2,
        since: /^2026-11-22T14:50:/,
        by: [{ reason: 'no-answer', since: /^2026-/ }, {}],
      },
    ],
  });
  t.match(await fleet.listed('nyc-1'), { verdict: /^(reachable|unchecked)$/ });
  const metrics = await fleet.metrics();
  t.match(metrics, 'turnpike_directory_relay_unreached_by{relay="fra-1",kind="service"} 2');
  t.match(metrics, 'turnpike_directory_doubts{kind="service",doubt="unreachable"} 1');
  t.match(metrics, 'turnpike_directory_doubts_raised_total{doubt="unreachable"} 1');
  t.match(metrics, 'turnpike_directory_relays{state="unreachable"} 1');
  t.match(metrics, 'turnpike_directory_relays{state="ready"} 2');
  await fleet.beats();
  const [line, more] = fleet.events('relay-unreachable');
  t.match(line, /^fra-1: UDP 3478 \(10\.0\.0\.1:3478\) answers none of its 2 checkers .*open\?$/);
  t.equal(more, undefined, 'logged once');

  fleet.reports = { 'fra-1': NOTHING, 'nyc-1': NOTHING, 'sin-1': NOTHING };
  for (let second = 0; second * 1_000 <= HOLD_MS; second += 1) await fleet.beats();
  t.equal(await fleet.given(), 'fra-1,nyc-1,sin-1');
  t.equal(fleet.events('relay-reachable').length, 1);
  t.notMatch(await fleet.metrics(), 'turnpike_directory_relay_unreached_by{relay="fra-1"');
  t.notMatch(JSON.stringify(await fleet.listed('fra-1')), 'unreachable');
});

t.test(
  'two relays are not paired if one of them reports that it does not reach the other',
  async (t) => {
    const fleet = await Fleet.open(t, [fra, nyc]);
    const apart = { peers: [{ region: 'fra' }, { region: 'nyc' }] };
    const ids = async () =>
      (await fleet.harness.connect(apart)).body.peers
        .map(({ relay }: { relay: { id: string } }) => relay.id)
        .join();
    t.equal(await ids(), 'fra-1,nyc-1');
    fleet.reports['nyc-1'] = { trunk: [{ id: 'fra-1', reason: 'not-heard' }] };
    await fleet.beats();
    t.match(await ids(), /^(fra-1,fra-1|nyc-1,nyc-1)$/);
    t.match(await fleet.listed('fra-1'), {
      trunk: { unreachedBy: 1, by: [{ id: 'nyc-1', reason: 'not-heard' }] },
    });
    t.match(await fleet.metrics(), 'turnpike_directory_pairs_apart 1');
    t.equal(fleet.events('relay-cut-off').length, 1);
  },
);

t.test('unknown members of a report are accepted, and so is a beat without a report', async (t) => {
  const fleet = await Fleet.open(t);
  const h = fleet.harness;
  const future = {
    reachability: {
      trunk: [{ id: 'nyc-1', reason: 'a-reason-of-the-future', ways: [{ family: 6 }] }],
      service: [{ id: 'sin-1', address: '10.0.0.3:3478', reason: 'no-answer', sinceMs: 3 }],
      lanes: { 'nyc-1': 3 },
    },
    moods: ['good'],
  };
  t.equal((await h.beat('fra-1', null, future)).status, 200, 'unknown members');
  t.equal((await h.beat('fra-1', null, { reachability: {} })).status, 200);
  t.equal((await h.beat('fra-1', null)).status, 200, 'no report');
  const body = { record: fra, load: IDLE, draining: false, ...future };
  t.equal((await h.signed('fra-1', 'PUT', 'registration', body)).status, 200);
});

t.test('a reason that is not a plain word is accepted and shown as unknown', async (t) => {
  const fleet = await Fleet.open(t, [fra, nyc]);
  const strange = ['', 'No answer', 'no answer\n', 'x'.repeat(33), 'e'.repeat(5_000), '\u001b[2J'];
  for (const reason of [...strange, 'unlisted-source']) {
    fleet.reports['nyc-1'] = {
      trunk: [{ id: 'fra-1', reason }],
      service: [{ id: 'fra-1', address: '10.0.0.1:3478', reason }],
    };
    await fleet.beats();
    const by = [{ id: 'nyc-1', reason: strange.includes(reason) ? 'unknown' : reason }];
    t.match(await fleet.listed('fra-1'), { trunk: { unreachedBy: 1, by } }, reason);
  }
});

t.test('a malformed report is refused, and selection is not affected', async (t) => {
  const fleet = await Fleet.open(t);
  const h = fleet.harness;
  const entry = { id: 'nyc-1', reason: 'no-answer' };
  const wrong: unknown[] = [
    null,
    [],
    'all',
    { trunk: {} },
    { trunk: [{ id: 'nyc-1' }] },
    { trunk: [{ ...entry, id: 'NYC' }] },
    { trunk: [{ ...entry, reason: 5 }] },
    { service: [entry] },
    { service: [{ ...entry, address: 3478 }] },
    { service: [{ ...entry, address: 'x'.repeat(54) }] },
    { trunk: Array(REGISTRATION_LIMITS.reportEntriesMax + 1).fill(entry) },
  ];
  for (const reachability of wrong) {
    const answer = await h.beat('fra-1', null, { reachability });
    const what = JSON.stringify(reachability).slice(0, 60);
    t.match(answer, { status: 400, genuine: true, body: { code: 'invalid-request' } }, what);
  }
  const many = Array.from({ length: REGISTRATION_LIMITS.reportEntriesMax }, (_, index) => ({
    id: `a-relay-with-a-rather-long-name-in-a-region-far-away-${index}`,
    reason: 'a-reason-as-long-as-they-can-be',
  }));
  t.equal((await h.beat('fra-1', null, { reachability: { trunk: many } })).status, 200);
  const strange = { service: [{ ...entry, address: 'not an address' }] };
  t.equal((await h.beat('fra-1', null, { reachability: strange })).status, 200);
  await fleet.beats();
  t.equal(await fleet.given(), 'fra-1,nyc-1,sin-1');
});
