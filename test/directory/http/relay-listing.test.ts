import t from 'tap';
import { relaysPage } from '../../../src/directory/http/relay-listing.js';
import { Reachability } from '../../../src/directory/reachability/reachability.js';
import type { LiveRelay } from '../../../src/directory/snapshot.js';
import { seededRandom } from '../../setup/seeded-random.js';
import { FakeClock, liveRelay } from '../fixtures.js';

const PUBLIC_KEY = `${'A'.repeat(43)}=`;
const ANSWER_BYTES_MAX = 1_048_576;

function fleet(count: number, addresses = 1): LiveRelay[] {
  return Array.from({ length: count }, (_, index) => {
    const address = `2001:db8:1111:2222:3333:4444:${index.toString(16)}:1`;
    const service = { address, port: 3478 };
    const serviceAddresses = Array.from({ length: addresses }, () => service);
    const record = { publicKey: PUBLIC_KEY, serviceAddresses };
    return liveRelay(`r${index % 50}-${index}`, index + 1, { record });
  });
}

function lister() {
  const clock = new FakeClock();
  const options = { clock, random: seededRandom(1), knows: () => true };
  const reachability = new Reachability(options);
  const page = (relays: readonly LiveRelay[], after?: string) => {
    const text = relaysPage({ relays, reachability, clock }, after);
    const answer: { relays: { id: string; region: string }[]; next?: string } = JSON.parse(text);
    return { ...answer, bytes: Buffer.byteLength(text) };
  };
  return { page };
}

/** Follows the pages. @param changed - returns the relays of the next page */
function allPages(relays: LiveRelay[], changed = (now: LiveRelay[]) => now) {
  const { page } = lister();
  const pages = [page(relays)];
  let now = relays;
  for (let next = pages[0]?.next; next !== undefined; next = pages.at(-1)?.next) {
    now = changed(now);
    pages.push(page(now, next));
  }
  const ids = pages.flatMap((each) => each.relays.map(({ id }) => id));
  return { pages, ids };
}

t.test('up to 1,024 relays are in one answer, in their order', async (t) => {
  const relays = fleet(1_024);
  const { pages, ids } = allPages(relays);
  t.equal(pages.length, 1);
  t.strictSame(
    ids,
    relays.map(({ record }) => record.id),
  );
});

t.test(
  'more are divided, each in one page, and the first is a sample of all regions',
  async (t) => {
    const relays = fleet(2_500);
    const { pages, ids } = allPages(relays);
    t.strictSame(
      pages.map((each) => each.relays.length),
      [1_024, 1_024, 452],
    );
    t.strictSame([...ids].sort(), relays.map(({ record }) => record.id).sort());
    t.equal(new Set(pages[0]?.relays.map(({ region }) => region)).size, 50);
  },
);

t.test('relays with long descriptions are divided by their length', async (t) => {
  const relays = fleet(1_000, 16);
  const { pages, ids } = allPages(relays);
  t.ok(pages.length > 1);
  t.ok(pages.every(({ bytes }) => bytes < ANSWER_BYTES_MAX));
  t.strictSame([...ids].sort(), relays.map(({ record }) => record.id).sort());
});

t.test('a relay that stays is listed once, whichever come and go meanwhile', async (t) => {
  const relays = fleet(3_000);
  const others = fleet(4_000).slice(3_000);
  const { ids } = allPages(relays, (now) => [...now.slice(100), ...others.splice(0, 300)]);
  t.equal(new Set(ids).size, ids.length, 'none twice');
  const listed = new Set(ids);
  t.ok(relays.slice(500).every(({ record }) => listed.has(record.id)));
});
