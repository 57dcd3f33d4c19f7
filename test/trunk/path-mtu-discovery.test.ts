import t from 'tap';
import { DATA_PLANE_LIMITS } from '../../src/native/interface.js';
import { PATH_MTU_RAISE_MS, PathMtuDiscovery } from '../../src/trunk/path-mtu-discovery.js';

/** Probes a path that passes `passes` bytes until the search ends. @returns the probes sent */
function search(mtu: PathMtuDiscovery, passes: number, now: number): number {
  for (let probes = 0; probes < 200; probes++) {
    if (probes > 0 && !mtu.isSearching) return probes;
    const bytes = mtu.next(now);
    if (bytes <= passes) mtu.answered(bytes, now);
    else mtu.lost(bytes, now);
  }
  throw new Error(`no end at ${mtu.bytes}`);
}

t.test('the search ends at most 8 bytes below the largest size that passes', async (t) => {
  for (const passes of [1_452, 1_451, 1_400, 1_372, 1_352, 1_280, 1_200, 1_199, 900, 508]) {
    const mtu = new PathMtuDiscovery(1_452);
    t.equal(mtu.bytes, 1_200, 'before any probe');
    t.notOk(mtu.measured);
    const probes = search(mtu, passes, 0);
    t.ok(mtu.bytes <= passes && mtu.bytes > passes - 9, `${mtu.bytes} of ${passes}`);
    t.ok(probes <= 30, `${probes} probes`);
  }
  const jumbo = new PathMtuDiscovery(8_952);
  search(jumbo, 8_000, 0);
  t.ok(jumbo.bytes <= 8_000 && jumbo.bytes > 7_991);
});

t.test('after three losses of the size a new search begins below it', async (t) => {
  const mtu = new PathMtuDiscovery(1_452);
  search(mtu, 1_452, 0);
  t.equal(mtu.bytes, 1_452);
  for (const lost of [1, 2]) {
    mtu.lost(mtu.next(1_000), 1_000);
    t.equal(mtu.bytes, 1_452, `${lost} lost`);
    t.ok(mtu.isSearching, 'probed again soon');
  }
  mtu.lost(mtu.next(1_000), 1_000);
  t.equal(mtu.bytes, 1_200);
  search(mtu, 1_372, 2_000);
  t.ok(mtu.bytes <= 1_372 && mtu.bytes > 1_363);
});

t.test('a larger size is probed again after PATH_MTU_RAISE_MS', async (t) => {
  const mtu = new PathMtuDiscovery(1_452);
  search(mtu, 1_300, 0);
  const narrow = mtu.bytes;
  t.equal(mtu.next(PATH_MTU_RAISE_MS - 1), narrow, 'not earlier');
  t.equal(mtu.next(PATH_MTU_RAISE_MS), 1_452);
  mtu.answered(1_452, PATH_MTU_RAISE_MS);
  t.equal(mtu.bytes, 1_452);
  t.notOk(mtu.isSearching);
});

t.test('fewer than three losses in a row do not change the size', async (t) => {
  const mtu = new PathMtuDiscovery(1_452);
  search(mtu, 1_452, 0);
  mtu.lost(1_452, 0);
  mtu.answered(1_452, 0);
  mtu.lost(1_452, 0);
  mtu.lost(1_452, 0);
  t.equal(mtu.bytes, 1_452);
});

t.test(
  'while nothing passes the smallest size is used, and a size that passes later is found',
  async (t) => {
    const mtu = new PathMtuDiscovery(1_452);
    const seen = new Set<number>();
    for (let probe = 0; probe < 30; probe++) {
      seen.add(mtu.bytes);
      mtu.lost(mtu.next(0), 0);
    }
    t.same([...seen], [1_200, 800, DATA_PLANE_LIMITS.trunkMtuBytesMin], 'only smaller sizes');
    t.notOk(mtu.isSearching, 'not searching');
    search(mtu, 1_000, 0);
    t.ok(mtu.bytes <= 1_000 && mtu.bytes > 991, 'the size that passes later');
  },
);

t.test('losses of larger sizes do not change the size of a narrow path', async (t) => {
  for (const passes of [1_100, 900, 700, 520]) {
    const mtu = new PathMtuDiscovery(1_452);
    search(mtu, passes, 0);
    const found = mtu.bytes;
    for (let now = 1_000; now < 30 * PATH_MTU_RAISE_MS; now += 1_000) {
      const bytes = mtu.next(now);
      if (bytes <= passes) mtu.answered(bytes, now);
      else mtu.lost(bytes, now);
      if (mtu.bytes !== found) t.fail(`${mtu.bytes} after ${now} ms on a way of ${passes}`);
    }
    t.equal(mtu.bytes, found);
  }
});

t.test('losses of different sizes do not add up', async (t) => {
  const mtu = new PathMtuDiscovery(1_452);
  search(mtu, 1_452, 0);
  mtu.lost(1_452, 0);
  mtu.lost(1_452, 0);
  mtu.lost(1_200, 0);
  t.equal(mtu.bytes, 1_452, 'the loss of a smaller size does not count');
  mtu.forgive();
  mtu.lost(1_452, 0);
  mtu.lost(1_452, 0);
  t.equal(mtu.bytes, 1_452, 'losses before forgive() do not count');
  mtu.lost(1_452, 0);
  t.equal(mtu.bytes, 1_200);
});

t.test('probes of 36 bytes do not change the size', async (t) => {
  const mtu = new PathMtuDiscovery(1_452);
  for (let probe = 0; probe < 3; probe++) mtu.lost(36, 0);
  mtu.answered(36, 0);
  t.equal(mtu.bytes, 1_200);
  t.notOk(mtu.measured);
});

t.test('a later search takes six probes if the path has not changed', async (t) => {
  const mtu = new PathMtuDiscovery(1_452);
  search(mtu, 1_372, 0);
  const later = 2 * PATH_MTU_RAISE_MS;
  let probes = 0;
  for (; probes === 0 || mtu.isSearching; probes++) {
    const bytes = mtu.next(later);
    if (bytes <= 1_372) mtu.answered(bytes, later);
    else mtu.lost(bytes, later);
  }
  t.equal(probes, 6);
});
