import t from 'tap';
import { Reachability } from '../../../src/directory/reachability/reachability.js';
import type { LiveRelay } from '../../../src/directory/snapshot.js';
import { seededRandom } from '../../setup/seeded-random.js';
import { FakeClock, liveRelay } from '../fixtures.js';

const PUBLIC_KEY = `${'A'.repeat(43)}=`;
const SWEEP_MS = 250;

function world(count: number) {
  const clock = new FakeClock();
  const view = new Reachability({ clock, random: seededRandom(1), knows: () => true });
  const relays = Array.from({ length: count }, (_, index) =>
    liveRelay(`r${index % 9}-${index}`, index + 1, { record: { publicKey: PUBLIC_KEY } }),
  );
  for (const { record } of relays) view.report(record.id, { trunk: [], service: [] });
  return { clock, view, relays };
}

/** Returns the time from the first appointments until one of the checkers counts, ms. */
function settledAfterMs(count: number): number {
  const { clock, view, relays } = world(count);
  view.sweep(relays);
  const isAppointed = (relay: LiveRelay) => {
    const [address] = relay.record.serviceAddresses;
    return relays.some(({ record }) =>
      view.checksOf(record.id).some((check) => check.address === `${address?.address}:3478`),
    );
  };
  const target = relays.find(isAppointed)?.record;
  const [address] = target?.serviceAddresses ?? [];
  if (target === undefined || address === undefined) throw new Error('nobody was appointed');
  const since = clock.monotonicMs;
  while (!view.serviceOf(target.id, address).checked) {
    clock.advance(SWEEP_MS);
    if (clock.monotonicMs - since > 60_000) throw new Error('never');
  }
  return clock.monotonicMs - since;
}

t.test('a checker that beats less often has longer for its first result', async (t) => {
  t.equal(settledAfterMs(9), 4_000 + 2_000 + 500);
  t.equal(settledAfterMs(3_001), 4_000 + 3_000 + 500);
});
