import t from 'tap';
import { textHash } from '../../src/collections/hash.js';
import type { RelayRecord } from '../../src/registry/types.js';
import {
  isWatched,
  RELAYS_WATCHED_MAX,
  RELAYS_WATCHED_OF_MANY,
  WATCH_ALL,
  watchShareOf,
} from '../../src/registry/watched-relays.js';
import { TRUNK_IDLE_MS, TRUNK_RELAYS_MAX } from '../../src/trunk/needed-relays.js';
import { relayRecord } from '../directory/fixtures.js';
import { join, twoRelays } from '../relay/world/index.js';

const OTHERS = RELAYS_WATCHED_MAX + 100;
/** The base point of X25519: usable as a public key. */
const PUBLIC_KEY = Buffer.from([9, ...new Uint8Array(31)]).toString('base64');

t.setTimeout(120_000);

/** Returns records of relays that do not exist. */
function fleet(count = OTHERS): RelayRecord[] {
  return Array.from({ length: count }, (_, index) =>
    relayRecord(`r${index % 500}-${index}`, index + 1, { publicKey: PUBLIC_KEY }),
  );
}

/** Two relays, not watching each other, of a registry with many. */
function largeWorld(others = OTHERS) {
  const system = twoRelays();
  const { fra, nyc } = system;
  const records = fleet(others);
  for (const relay of [fra, nyc]) {
    // They forget each other first, so that nothing is left of the small registry.
    relay.core.updateRelays([relay.record]);
    relay.core.updateRelays([...records, fra.record, nyc.record]);
  }
  const paths = (of: typeof fra) => of.core.context.trunk.relays;
  return { ...system, records, of: { fra: paths(fra), nyc: paths(nyc) } };
}

t.test('of a large registry a relay has paths to those that it watches only', async (t) => {
  const { of, records, world } = largeWorld();
  const share = watchShareOf(OTHERS + 1);
  const watched = records.filter(({ id }) => isWatched(textHash('fra-1'), textHash(id), share));
  t.same([...of.fra.all()].map(({ id }) => id).sort(), watched.map(({ id }) => id).sort());
  t.ok(watched.length < RELAYS_WATCHED_OF_MANY);
  t.equal(of.fra.get('nyc-1'), undefined);
  t.equal(of.fra.recordOf('nyc-1')?.id, 'nyc-1', 'it knows its record');
  t.equal(of.fra.watchShare, share);
  world.pass(1_000);
});

t.test('two relays that do not watch each other connect peers', async (t) => {
  const system = largeWorld();
  const { world, a, b, of } = system;
  join(system);
  world.pass(2_000);
  t.type(of.fra.get('nyc-1')?.rttNs, 'number', 'the trunk is probed meanwhile');
  t.equal(of.fra.get('nyc-1')?.connections, 1);
  t.equal(a.closed.length + b.closed.length, 0);
});

t.test('a relay answers one that it hears, and does not probe it', async (t) => {
  const { world, a, b, fra, nyc, of } = largeWorld();
  a.allocate(nyc.service);
  t.equal(of.fra.get('nyc-1')?.isProbed, true, 'a peer has asked for it');
  t.equal(of.nyc.get('fra-1'), undefined);
  a.connect(b.address);
  t.equal(of.nyc.get('fra-1')?.isProbed, false, 'its offer was heard');
  world.pass(1_000);
  t.equal(of.nyc.get('fra-1')?.rttNs, undefined);
  b.allocate(fra.service);
  world.pass(10_000);
  t.type(of.nyc.get('fra-1')?.rttNs, 'number', 'it is probed once it is needed');
});

t.test('paths that nothing needs are given up', async (t) => {
  const { world, of } = largeWorld();
  of.fra.need('nyc-1');
  world.pass(TRUNK_IDLE_MS - 20_000, 5_000);
  t.ok(of.fra.get('nyc-1'));
  world.pass(40_000, 5_000);
  t.equal(of.fra.get('nyc-1'), undefined);
  t.ok([...of.fra.all()].length > 0, 'those that it watches stay');
});

t.test('at the bound of paths those needed longest ago make room', async (t) => {
  const { world, records, of } = largeWorld(TRUNK_RELAYS_MAX + 500);
  const watched = new Set([...of.fra.all()].map(({ id }) => id));
  const others = records.filter(({ id }) => !watched.has(id));
  const room = TRUNK_RELAYS_MAX - watched.size;
  for (const { id } of others.slice(0, room)) of.fra.need(id);
  t.equal([...of.fra.all()].length, TRUNK_RELAYS_MAX);
  world.clock.advance(1_000);
  const [first, second] = others as [RelayRecord, RelayRecord];
  of.fra.need(first.id);
  t.equal(of.fra.need('nyc-1')?.id, 'nyc-1');
  t.equal([...of.fra.all()].length, TRUNK_RELAYS_MAX);
  t.ok(of.fra.get(first.id), 'needed again');
  t.equal(of.fra.get(second.id), undefined);
});

t.test('a key that is not usable makes no paths, and no error', async (t) => {
  const { fra, records, of } = largeWorld();
  const bad = { ...(records[0] as RelayRecord), publicKey: Buffer.alloc(32).toString('base64') };
  const share = watchShareOf(OTHERS + 1);
  t.notOk(isWatched(textHash('fra-1'), textHash(bad.id), share));
  fra.core.updateRelays([bad, ...records.slice(1), fra.record]);
  t.equal(of.fra.need(bad.id), undefined);
});

t.test('watching is mutual, and of about as many as is said', async (t) => {
  t.equal(watchShareOf(RELAYS_WATCHED_MAX), WATCH_ALL);
  for (const relays of [RELAYS_WATCHED_MAX + 1, 2_048, 5_000, 10_239]) {
    const share = watchShareOf(relays);
    const ids = fleet(relays).map(({ id }) => textHash(id));
    const own = textHash('fra-1');
    const count = ids.filter((id) => isWatched(own, id, share)).length;
    t.ok(count > RELAYS_WATCHED_OF_MANY / 3 && count < 1.5 * RELAYS_WATCHED_OF_MANY, `${count}`);
    for (const id of ids) {
      if (isWatched(own, id, share) !== isWatched(id, own, share)) t.fail('one side only');
    }
  }
});
