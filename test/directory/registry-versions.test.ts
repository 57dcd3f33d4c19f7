import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import {
  CHANGES_SPREAD_MS_PER_RELAY,
  REGISTRY_SPREAD_MS_PER_RELAY,
  RegistryVersions,
} from '../../src/directory/registry-versions.js';
import { FakeClock, relayRecord } from './fixtures.js';

function world(relays: number) {
  const clock = new FakeClock();
  const versions = new RegistryVersions(clock);
  const put = (index: number, start = 1) =>
    versions.put(relayRecord(`r-${index}`, index + 1, { start, publicKey: 'any' }));
  for (let index = 0; index < relays; index += 1) put(index);
  return { clock, versions, put };
}

t.test(
  'a version is the digest of its body, which is serialized and compressed once',
  async (t) => {
    const { versions } = world(3);
    const registry = versions.whole();
    t.equal(registry.version, createHash('sha256').update(registry.body).digest('hex'));
    t.equal(versions.whole(), registry);
    t.equal(versions.current(), registry.version, 'one name where all are one part');
    t.equal(versions.published(registry.version), registry);
    const [once, again] = [registry.gzipped(), registry.gzipped()];
    t.equal(once, again);
    t.same(gunzipSync(await once), registry.body);
  },
);

t.test('changes are collected until the former version has had time to spread', async (t) => {
  const { clock, versions, put } = world(1_000);
  const seen = new Set([versions.current()]);
  for (let ms = 0; ms < 15_000; ms += 250) {
    put(0, ms + 2);
    seen.add(versions.current());
    clock.advance(250);
  }
  const spreadMs = 1_000 * CHANGES_SPREAD_MS_PER_RELAY;
  t.equal(seen.size, 1 + Math.ceil(15_000 / spreadMs) - 1);
  put(0, 1);
  clock.advance(spreadMs);
  t.match(versions.whole().body.toString(), '"id":"r-0","region":"r","start":1,');
});

t.test('firstSequenceOf is the first version with the record', async (t) => {
  const { clock, versions, put } = world(1_000);
  const sequenceOf = (version: string) => versions.known(version)?.sequence ?? 0;
  const before = sequenceOf(versions.current());
  t.equal(versions.firstSequenceOf('r-0'), before);
  put(0, 2);
  versions.current();
  t.equal(versions.firstSequenceOf('r-0'), Number.POSITIVE_INFINITY, 'no version has it yet');
  clock.advance(1_000 * CHANGES_SPREAD_MS_PER_RELAY);
  t.equal(
    versions.firstSequenceOf('r-0'),
    Number.POSITIVE_INFINITY,
    'a version is made only when it is read',
  );
  const after = sequenceOf(versions.current());
  t.ok(after > before);
  t.equal(versions.firstSequenceOf('r-0'), after);
});

t.test('the last 16 versions can be fetched, and the last 64 confirmed', async (t) => {
  const { clock, versions, put } = world(1);
  const names: string[] = [];
  for (let start = 2; start < 102; start += 1) {
    names.push(versions.current());
    put(0, start);
    clock.spread();
  }
  const kept = names.filter((name) => versions.published(name) !== undefined);
  t.same(kept, names.slice(-16));
  t.equal(versions.known(names[0] ?? ''), undefined, 'an older version confirms nothing');
  t.equal(versions.published('made up'), undefined);
});

t.test('a large registry is named by its parts, equal contents by an equal name', async (t) => {
  const [one, other] = [world(600), world(600)];
  const name = one.versions.current();
  t.match(name, /^4-[0-9a-f]{64}$/);
  t.equal(other.versions.current(), name);
  const index = JSON.parse(one.versions.published(name.slice(2))?.body.toString() ?? '');
  const parts = index.parts.map((digest: string) =>
    JSON.parse(one.versions.published(digest)?.body.toString() ?? ''),
  );
  t.equal(parts.length, 4);
  t.equal(parts.flatMap(({ relays }: { relays: unknown[] }) => relays).length, 600);
  one.put(0, 2);
  one.clock.advance(1_000);
  const next = one.versions.current();
  t.not(next, name);
  const nextIndex = JSON.parse(one.versions.published(next.slice(2))?.body.toString() ?? '');
  const changed = nextIndex.parts.filter((digest: string) => !index.parts.includes(digest));
  t.equal(changed.length, 1, 'a change of one relay changes one part');
});

t.test('changes lead from each of the last 64 versions to the newest', async (t) => {
  const { clock, versions, put } = world(600);
  const names: string[] = [];
  for (let start = 2; start < 102; start += 1) {
    names.push(versions.current());
    put(start % 7, start);
    clock.advance(1_000);
  }
  const newest = versions.current();
  t.equal(versions.changesSince(newest), undefined);
  t.equal(versions.changesSince(null), undefined);
  t.equal(versions.changesSince('made up'), undefined);
  t.equal(versions.changesSince(names[30] ?? ''), undefined, 'too old');
  const last = versions.changesSince(names[99] ?? '');
  t.match(last?.inline, { since: names[99], removed: [], relays: [{ id: 'r-3', start: 101 }] });
  t.equal(versions.changesSince(names[99] ?? ''), last, 'serialized once for all relays');
  const older = versions.changesSince(names[60] ?? '');
  t.same(older?.inline?.relays.map(({ id }) => id).sort(), [0, 1, 2, 3, 4, 5, 6].map(idOf));
});

t.test('changes name relays that are gone, and those that are proved', async (t) => {
  const { clock, versions } = world(600);
  const before = versions.current();
  versions.delete('r-0');
  versions.put(relayRecord('r-1', 2, { publicKey: 'any' }), true);
  clock.advance(1_000);
  versions.current();
  t.match(versions.changesSince(before)?.inline, {
    removed: ['r-0'],
    relays: [{ id: 'r-1' }],
    proved: ['r-1'],
  });
  // Not in this version yet.
  versions.delete('r-2');
  t.same(versions.changesSince(before)?.inline?.removed, ['r-0']);
});

t.test('changes of more than half of the relays are no cheaper than the registry', async (t) => {
  const { clock, versions, put } = world(100);
  const before = versions.current();
  for (let index = 0; index < 60; index += 1) put(index, 2);
  clock.advance(1_000);
  t.equal(versions.changesSince(before), undefined);
});

t.test('relays that fetch the whole registry have more time for it', async (t) => {
  const clock = new FakeClock();
  const versions = new RegistryVersions(clock, () => 100);
  for (let index = 0; index < 100; index += 1) {
    versions.put(relayRecord(idOf(index), index + 1, { publicKey: 'any' }));
  }
  const before = versions.current();
  versions.delete('r-0');
  clock.advance(100 * CHANGES_SPREAD_MS_PER_RELAY);
  t.equal(versions.current(), before);
  clock.advance(100 * REGISTRY_SPREAD_MS_PER_RELAY);
  t.not(versions.current(), before);
});

function idOf(index: number): string {
  return `r-${index}`;
}
