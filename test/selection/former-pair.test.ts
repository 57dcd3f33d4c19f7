import t from 'tap';
import { NO_DOUBTS } from '../../src/selection/doubts.js';
import type { PeerHints } from '../../src/selection/request.js';
import { select } from '../../src/selection/select.js';
import { IDLE, latencies, relay, SEEDS, stateOf, type TestRelay } from './fixtures.js';

const RELAYS = [relay('fra-1', 1), relay('fra-2', 2), relay('nyc-1', 3), relay('nyc-2', 4)];
const FORMER = ['fra-1', 'nyc-1'] as const;

/** Selects for peers whose former pair is FORMER. */
function selectAgain(
  relays: readonly TestRelay[],
  [first, second]: readonly [PeerHints, PeerHints],
  { unlessBetter = false, seed = 1, former = FORMER as readonly [string, string] } = {},
) {
  const request = {
    peers: [first, second] as const,
    former: { relays: former, unlessBetter },
  };
  const result = select(stateOf(relays).publish(0), request, seed);
  const ids = result.ok ? result.relays.map(({ facts }) => facts.id).join() : '';
  return { ids, former: result.former, choice: result.ok ? result.choice : 'none' };
}

const near = (fra: number, nyc: number) => latencies({ fra, nyc });

t.test('a former pair is kept among equals, whatever is drawn', async (t) => {
  for (const seed of SEEDS) {
    const { ids, choice, former } = selectAgain(RELAYS, [near(10, 90), near(90, 10)], { seed });
    t.equal(ids, 'fra-1,nyc-1');
    t.equal(choice, 'kept');
    t.match(former, { fate: 'kept', isBetter: false });
  }
  t.equal(selectAgain(RELAYS, [{}, {}]).ids, 'fra-1,nyc-1', 'also if nothing is known of peers');
});

t.test('another pair is better only by both bounds, and the caller decides', async (t) => {
  // The former pair costs 60 with its trunk, the best one 40.5: less than a third less.
  const far: [PeerHints, PeerHints] = [near(20, 90), near(20, 20)];
  const kept = selectAgain(RELAYS, far);
  t.match(kept, { ids: 'fra-1,nyc-1', former: { fate: 'kept', isBetter: false } });
  const worse: [PeerHints, PeerHints] = [near(20, 90), near(20, 60)];
  t.match(selectAgain(RELAYS, worse), { ids: 'fra-1,nyc-1', former: { isBetter: true } });
  const left = selectAgain(RELAYS, worse, { unlessBetter: true });
  t.match(left, { ids: /^fra-.,fra-.$/, former: { fate: 'left', isBetter: true } });
  t.equal(selectAgain(RELAYS, far, { unlessBetter: true }).ids, 'fra-1,nyc-1', 'not better now');
  // 12.5 ms and 4.5: more than a third less, but less than 10 ms.
  const small: [PeerHints, PeerHints] = [near(2, 6), near(2, 6)];
  const former = ['nyc-1', 'nyc-2'] as const;
  t.match(selectAgain(RELAYS, small, { former }), { former: { isBetter: false } });
});

t.test('a former pair that cannot serve as others can is left at once', async (t) => {
  const peers: [PeerHints, PeerHints] = [near(10, 90), near(90, 10)];
  const cases: Record<string, Parameters<typeof relay>[2]> = {
    draining: { draining: true },
    unconfirmed: { confirmed: false },
    full: { load: { ...IDLE, legs: 1_000 } },
    'under a verdict': { doubts: { ...NO_DOUBTS, trunk: 'unreachable' } },
    suspected: { doubts: { ...NO_DOUBTS, trunk: 'suspected' } },
  };
  for (const [name, change] of Object.entries(cases)) {
    const relays = [relay('fra-1', 1, change), ...RELAYS.slice(1)];
    const { ids, former } = selectAgain(relays, peers);
    t.match(ids, /^fra-2,nyc-.$/, name);
    t.strictSame(former, { fate: 'unable', isBetter: false }, name);
  }
  t.match(selectAgain(RELAYS.slice(1), peers), { ids: /^fra-2/, former: { fate: 'unable' } });
  const avoiding = { ...near(10, 90), avoid: new Set(['fra-1']) };
  t.match(selectAgain(RELAYS, [avoiding, peers[1]]), { ids: /^fra-2/, former: { fate: 'unable' } });
});

t.test('a former pair is left for none if all relays are as bad', async (t) => {
  const peers: [PeerHints, PeerHints] = [near(10, 90), near(90, 10)];
  const full = RELAYS.map(({ facts }, index) =>
    relay(facts.id, index + 1, { load: { ...IDLE, legs: 1_000 } }),
  );
  t.match(selectAgain(full, peers), { ids: 'fra-1,nyc-1', choice: 'kept' });
});

t.test('a former pair of a region that is not among the best is priced and judged', async (t) => {
  const relays = Array.from({ length: 40 }, (_, i) => relay(`r${i}-1`, i + 1));
  const all = Object.fromEntries(relays.map(({ facts }, i) => [facts.region, 5 + i]));
  const hints = latencies(Object.fromEntries(Object.entries(all).slice(0, 34)));
  const former = ['r39-1', 'r39-1'] as const;
  const kept = selectAgain(relays, [hints, hints], { former });
  t.equal(kept.ids, 'r39-1,r39-1');
  // Each leg leads over the nearest region and a trunk of 20 ms.
  t.equal(kept.former?.totalMs, 2 * (5 + 20) + 3);
  t.equal(kept.former?.isBetter, true);
});
