import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import {
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
    const registry = versions.current();
    t.equal(registry.version, createHash('sha256').update(registry.body).digest('hex'));
    t.equal(versions.current(), registry);
    t.equal(versions.published(registry.version), registry);
    const [once, again] = [registry.gzipped(), registry.gzipped()];
    t.equal(once, again);
    t.same(gunzipSync(await once), registry.body);
  },
);

t.test('changes are collected until the former version has had time to spread', async (t) => {
  const { clock, versions, put } = world(1_000);
  const seen = new Set([versions.current().version]);
  for (let ms = 0; ms < 15_000; ms += 250) {
    put(0, ms + 2);
    seen.add(versions.current().version);
    clock.advance(250);
  }
  const spreadMs = 1_000 * REGISTRY_SPREAD_MS_PER_RELAY;
  t.equal(seen.size, 1 + Math.ceil(15_000 / spreadMs) - 1);
  put(0, 1);
  clock.advance(spreadMs);
  t.match(versions.current().body.toString(), '"id":"r-0","region":"r","start":1,');
});

t.test('firstSequenceOf is the first version with the record', async (t) => {
  const { clock, versions, put } = world(1_000);
  const sequenceOf = (version: string) => versions.known(version)?.sequence ?? 0;
  const before = sequenceOf(versions.current().version);
  t.equal(versions.firstSequenceOf('r-0'), before);
  put(0, 2);
  versions.current();
  t.equal(versions.firstSequenceOf('r-0'), Number.POSITIVE_INFINITY, 'no version has it yet');
  clock.advance(1_000 * REGISTRY_SPREAD_MS_PER_RELAY);
  t.equal(
    versions.firstSequenceOf('r-0'),
    Number.POSITIVE_INFINITY,
    'a version is made only when it is read',
  );
  const after = sequenceOf(versions.current().version);
  t.ok(after > before);
  t.equal(versions.firstSequenceOf('r-0'), after);
});

t.test('the last 16 versions can be fetched, and the last 64 confirmed', async (t) => {
  const { clock, versions, put } = world(1);
  const names: string[] = [];
  for (let start = 2; start < 102; start += 1) {
    names.push(versions.current().version);
    put(0, start);
    clock.spread();
  }
  const kept = names.filter((name) => versions.published(name) !== undefined);
  t.same(kept, names.slice(-16));
  t.equal(versions.known(names[0] ?? ''), undefined, 'an older version confirms nothing');
  t.equal(versions.published('made up'), undefined);
});
