import t from 'tap';
import { Reachability } from '../../../src/directory/reachability/reachability.js';
import type { LiveRelay } from '../../../src/directory/snapshot.js';
import { WATCH_ALL, Watcher, watchShareOf } from '../../../src/registry/watched-relays.js';
import { seededRandom } from '../../setup/seeded-random.js';
import { FakeClock, liveRelay } from '../fixtures.js';

const PUBLIC_KEY = `${'A'.repeat(43)}=`;
const RELAYS = 2_000;
const SHARE = watchShareOf(RELAYS - 1);

/**
 * A directory's verdict about the first of many relays.
 * @param accuses - tells which of the others report that they do not reach it
 * @param shareOf - the share of others that a relay says it watches; undefined from an old relay
 */
function verdict(
  accuses: (relay: LiveRelay, watches: boolean) => boolean,
  shareOf: (relay: LiveRelay) => number | undefined = () => SHARE,
) {
  const clock = new FakeClock();
  const view = new Reachability({ clock, random: seededRandom(1), knows: () => true });
  const relays = Array.from({ length: RELAYS }, (_, index) =>
    liveRelay(`r${index % 9}-${index}`, index + 1, { record: { publicKey: PUBLIC_KEY } }),
  );
  const [subject, ...others] = relays as [LiveRelay, ...LiveRelay[]];
  const { id } = subject.record;
  const watcher = new Watcher(id);
  const watchers = others.filter(({ record }) => watcher.watches(record.id, SHARE));
  const watching = new Set(watchers);
  for (const relay of relays) {
    const says = relay !== subject && accuses(relay, watching.has(relay));
    const trunk = says ? [{ id, reason: 'no-answer' }] : [];
    view.report(relay.record.id, { trunk, service: [], watchShare: shareOf(relay) });
  }
  view.sweep(relays);
  clock.advance(1_000);
  view.sweep(relays);
  const { said, observers, accusers } = view.trunkOf(id).evidence;
  return { doubt: view.relayDoubt(id), watchers: watchers.length, said, observers, accusers };
}

t.test('all relays that watch one of a large registry can tell, and no other', async (t) => {
  const { doubt, watchers, observers, accusers } = verdict((_, watches) => watches);
  t.equal(doubt, 'unreachable');
  t.ok(watchers > 50 && watchers < 400, `${watchers} watchers`);
  t.same([observers, accusers], [watchers, watchers]);
});

t.test('half of those that watch it make no verdict', async (t) => {
  let isNext = true;
  const half = verdict((_, watches) => {
    if (watches) isNext = !isNext;
    return watches && isNext;
  });
  t.equal(half.doubt, 'none');
  t.equal(half.accusers, Math.floor(half.watchers / 2));
});

t.test('reports of relays that do not watch it do not count, however many', async (t) => {
  const { doubt, said, accusers } = verdict((_, watches) => !watches);
  t.equal(doubt, 'none');
  t.ok(said > RELAYS / 2);
  t.equal(accusers, 0);
});

t.test('a relay that names no share watches all others', async (t) => {
  const isOld = ({ record }: LiveRelay) => record.region === 'r1';
  const shareOf = (relay: LiveRelay) => (isOld(relay) ? undefined : SHARE);
  const old = verdict((relay, watches) => isOld(relay) || watches, shareOf);
  t.equal(old.doubt, 'unreachable');
  t.ok(old.observers > old.watchers, 'old relays can tell beside the watching ones');
  t.equal(old.accusers, old.observers);
  t.match(
    verdict(isOld, () => WATCH_ALL),
    { doubt: 'none', observers: RELAYS - 1 },
  );
});
