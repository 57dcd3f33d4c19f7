import t from 'tap';
import { CHANGES_INLINE_BYTES_MAX } from '../../src/directory/registry-versions.js';
import { RelayTable } from '../../src/directory/relay-table.js';
import { RESTORATION_QUIET_MS } from '../../src/directory/restoration.js';
import { PART_RELAYS_MAX, partOf } from '../../src/registry/parts.js';
import type { RelayRecord } from '../../src/registry/types.js';
import { RegistryCopy } from '../../src/relay/registry-copy.js';
import { FakeClock, IDLE, relayRecord } from '../directory/fixtures.js';

const PUBLIC_KEY = `${'A'.repeat(43)}=`;
/** Enough for four parts. */
const RELAYS = 2 * PART_RELAYS_MAX + 10;

/** A directory's table of relays, and a relay's copy that asks it. */
class World {
  readonly clock = new FakeClock();
  table = new RelayTable(this.clock);
  readonly records = new Map<string, RelayRecord>();
  /** Digests that were fetched. */
  readonly fetched: string[] = [];
  readonly ignored: string[] = [];
  readonly copy = new RegistryCopy({
    fetch: async (digest) => {
      this.fetched.push(digest);
      const body = this.table.registryOf(digest)?.body;
      return body === undefined
        ? { ok: true, status: 404, body: {} }
        : { ok: true, status: 200, body: JSON.parse(body.toString()) };
    },
    onIgnored: (id) => this.ignored.push(id),
  });

  put(index: number, start = 1, state: { proved?: boolean } = {}): void {
    const id = `r-${index}`;
    const record = relayRecord(id, index + 1, { start, publicKey: PUBLIC_KEY });
    this.records.set(id, record);
    this.table.register(record, { load: IDLE, draining: false, takesChanges: true, ...state });
  }

  delete(index: number): void {
    this.records.delete(`r-${index}`);
    this.table.deregister(`r-${index}`);
  }

  /** Restarts the directory, with these relays. */
  restart(records: Iterable<RelayRecord> = this.records.values()): void {
    this.table = new RelayTable(this.clock);
    for (const record of records) {
      this.table.register(record, { load: IDLE, draining: false, takesChanges: true });
    }
  }

  /** Lets the relay hear an answer once a new version can be made. @returns what came of it */
  async hear(): Promise<string> {
    this.clock.advance(10_000);
    this.fetched.length = 0;
    return (await this.copy.take(this.table.registryNews(this.copy.version))).is;
  }

  get known(): string {
    return textOf(this.copy.registry().relays);
  }

  get expected(): string {
    return textOf(this.records.values());
  }
}

function textOf(records: Iterable<RelayRecord>): string {
  return JSON.stringify([...records].sort((a, b) => (a.id < b.id ? -1 : 1)));
}

function world(relays = RELAYS): World {
  const w = new World();
  for (let index = 0; index < relays; index += 1) w.put(index);
  return w;
}

t.test('a relay fetches a small registry whole, and follows it by changes', async (t) => {
  const w = world(3);
  t.equal(await w.hear(), 'changed');
  t.same(w.fetched, [w.copy.version], 'by its name');
  t.equal(w.known, w.expected);
  t.equal(await w.hear(), 'same');
  w.put(0, 2);
  t.equal(await w.hear(), 'changed');
  t.same(w.fetched, [], 'the change was in the answer');
  t.equal(w.known, w.expected);
});

t.test('a relay fetches the parts of a large registry, then changes', async (t) => {
  const w = world();
  t.equal(await w.hear(), 'changed');
  t.equal(w.fetched.length, 1 + 4, 'the index and four parts');
  t.equal(w.known, w.expected);
  const before = new Set(w.copy.registry().relays);
  w.put(0, 2);
  w.put(RELAYS);
  w.delete(1);
  t.equal(await w.hear(), 'changed');
  t.same(w.fetched, []);
  t.equal(w.known, w.expected);
  const kept = w.copy.registry().relays.filter((record) => before.has(record));
  t.equal(kept.length, RELAYS - 2, 'unchanged relays keep their record object');
  for (let index = 2; index < 100; index += 1) w.put(index, 2);
  t.equal(await w.hear(), 'changed');
  t.equal(w.fetched.length, 1, `changes of more than ${CHANGES_INLINE_BYTES_MAX} B are fetched`);
  t.equal(w.known, w.expected);
});

t.test('random changes, missed answers and restarts end in the same registry', async (t) => {
  const w = world();
  let seed = 1;
  const random = (below: number) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  for (let round = 0; round < 150; round += 1) {
    for (let change = random(12); change > 0; change -= 1) {
      const index = random(RELAYS + 20);
      if (random(3) === 0) w.delete(index);
      else w.put(index, round + 2, { proved: random(4) === 0 });
    }
    // A version that the relay does not hear of.
    if (random(3) === 0) w.clock.advance(10_000);
    if (random(3) === 0) w.table.registryNews(null);
    if (random(20) === 0) w.restart();
    if (random(2) === 0) continue;
    await w.hear();
    w.clock.advance(RESTORATION_QUIET_MS);
    await w.hear();
    t.equal(w.known, w.expected, `round ${round}`);
    const proved = new Set(w.copy.registry().proved);
    for (const id of w.records.keys()) {
      if (proved.has(id) !== w.table.isProved(w.records.get(id) as RelayRecord)) {
        t.fail(`${id} is proved: ${proved.has(id)}`);
      }
    }
  }
});

t.test('a restarted directory sends nothing of an unchanged registry', async (t) => {
  const w = world();
  await w.hear();
  const { version } = w.copy;
  const all = [...w.records.values()];
  w.restart(all.slice(0, 100));
  t.same(w.table.registryNews(version), {}, 'relays are still missing: it keeps its own');
  for (const record of all.slice(100)) {
    w.table.register(record, { load: IDLE, draining: false, takesChanges: true });
    w.clock.advance(10);
  }
  w.clock.advance(1_000);
  t.same(w.table.registryNews(version), { registryVersion: version });
  w.put(0, 2);
  t.equal(await w.hear(), 'changed');
  t.same(w.fetched, [], 'from then on it gets changes');
});

t.test('a relay fetches the parts that a restarted directory has otherwise', async (t) => {
  const w = world();
  await w.hear();
  const kept = [...w.copy.registry().relays].filter(({ id }) => id !== 'r-5');
  w.records.delete('r-5');
  w.restart(kept);
  t.same(w.table.registryNews(w.copy.version), {});
  w.clock.advance(RESTORATION_QUIET_MS);
  t.equal(await w.hear(), 'changed');
  t.equal(w.fetched.length, 2, 'the index and one part');
  t.equal(w.known, w.expected);
  t.equal(await w.hear(), 'same');
});

t.test('from a directory without changes a relay fetches each version whole', async (t) => {
  const w = world();
  const hear = async () => {
    w.clock.advance(10_000);
    w.fetched.length = 0;
    return (await w.copy.take({ registryVersion: w.table.registry().version })).is;
  };
  t.equal(await hear(), 'changed');
  t.same(w.fetched, [w.copy.version], 'by its name');
  t.equal(w.known, w.expected);
  w.put(0, 2);
  w.delete(1);
  t.equal(await hear(), 'changed');
  t.same(w.fetched, [w.copy.version]);
  t.equal(w.known, w.expected);
  t.equal(await hear(), 'same');

  await t.test('and from its successor only what is new', async (t) => {
    w.put(2, 2);
    t.equal(await w.hear(), 'changed');
    t.equal(w.known, w.expected);
    t.ok(w.fetched.length <= 2, 'the index, and the part with the change');
  });
});

t.test('a relay that takes no changes confirms a version by the digest of the whole', async (t) => {
  const w = world();
  const record = relayRecord('old-1', RELAYS + 1, { publicKey: PUBLIC_KEY });
  w.table.register(record, { load: IDLE, draining: false });
  w.clock.advance(10_000);
  const { version, body } = w.table.registry();
  t.equal(JSON.parse(body.toString()).relays.length, RELAYS + 1);
  t.equal(w.table.registryOf(version)?.body, body, 'fetched by its name');
  t.not(w.table.registryNews(null).registryVersion, version, 'others name it by its parts');
  t.notOk(w.table.knows('old-1', 'r-0'));
  const state = { load: IDLE, draining: false, start: record.start };
  w.table.beat({ id: 'old-1', registryVersion: version, ...state });
  t.ok(w.table.knows('old-1', 'r-0'));
});

t.test('what is not found leaves the registry as it is', async (t) => {
  const w = world();
  await w.hear();
  const before = w.known;
  const { version } = w.copy;
  const news = { registryVersion: `4-${'0'.repeat(64)}` };
  t.same(await w.copy.take(news), { is: 'outdated' });
  t.same(await w.copy.take({ ...news, registryChangesDigest: '1'.repeat(64) }), {
    is: 'outdated',
  });
  const since = 'another';
  const registryChanges = { since, removed: ['r-1'], relays: [], proved: [] };
  await w.copy.take({ ...news, registryChanges });
  t.equal(w.known, before, 'changes to another version are not applied');
  t.equal(w.copy.version, version);
});

t.test('invalid records are left out, the others are taken', async (t) => {
  const w = new World();
  const [good, bad] = [1, 2].map((host) =>
    relayRecord(`r-${host}`, host, { publicKey: PUBLIC_KEY }),
  ) as [RelayRecord, RelayRecord];
  const trunkAddresses = [{ address: '224.0.0.1', port: 1 }];
  await w.copy.take({ registry: { version: 'v', relays: [good, { ...bad, trunkAddresses }] } });
  t.same(w.ignored, ['r-2']);
  t.same(
    w.copy.registry().relays.map(({ id }) => id),
    ['r-1'],
  );
});

t.test('relays divide about evenly among parts', async (t) => {
  const counts = new Array(64).fill(0);
  for (let index = 0; index < 10_000; index += 1) {
    counts[partOf(`region-${index % 1_000}-${Math.floor(index / 1_000)}`, 64)] += 1;
  }
  t.ok(Math.max(...counts) < (2 * 10_000) / 64, `at most ${Math.max(...counts)} in one`);
  t.ok(Math.min(...counts) > 0);
  // The algorithm's published test vectors.
  t.equal(partOf('', 2 ** 32), 0x811c9dc5);
  t.equal(partOf('a', 2 ** 32), 0xe40c292c);
  t.equal(partOf('foobar', 2 ** 32), 0xbf9cf968);
});
