import t from 'tap';
import type { ContestantContext, Pair } from '../../../bench/simulate/contestants/contestant.js';
import { CapacityPool } from '../../../bench/simulate/contestants/relay-pool.js';
import { Via } from '../../../bench/simulate/contestants/via.js';
import { Sample, topOptions } from '../../../bench/simulate/contestants/via-prediction.js';
import type { Call } from '../../../bench/simulate/world/calls.js';
import { relaysByRegion, type World } from '../../../bench/simulate/world/world.js';

/** Two clusters and three regions, with pings of 10, 20 and 30 ms and trunks of 40 ms. */
function toyWorld(): World {
  const regions = [0, 1, 2].map((index) => ({
    ...{ name: `r${index}`, provider: 'p', place: undefined, continent: undefined, pricePerGb: 0 },
  }));
  const relays = regions.map((_, region) => ({ id: `relay-${region}`, region, legsMax: 100 }));
  const cluster = { asn: 1, place: undefined, continent: undefined, technologies: [], weight: 0.5 };
  const still = () => {};
  return {
    ...{ title: 'toy', regions, relays, relaysOf: relaysByRegion(3, relays) },
    clusters: [
      { ...cluster, network: '20.0.0.0/20' },
      { ...cluster, network: '20.0.16.0/20' },
    ],
    truth: {
      legFloorMs: Float32Array.of(10, 20, 30, 10, 20, 30),
      trunkFloorMs: Float32Array.of(0, 40, 40, 40, 0, 40, 40, 40, 0),
      ...{ leg: still, trunk: still, access: still, direct: still, isUp: () => true },
    },
  };
}

function toyCall(atMs: number): Call {
  const lastMile = { technology: undefined, rttMs: 0, jitterMs: 0, loss: 0 };
  const peer = (cluster: number) => ({ cluster, lastMile });
  return { index: 0, atMs, minutes: 1, peers: [peer(0), peer(1)], momentsMs: [] };
}

const DAY_MS = 86_400_000;

/** Lets VIA learn for a day: region 2 has the shortest legs, though its pings are longest. */
function taught(via: Via): void {
  const legMs = [60, 50, 5];
  for (let round = 0; round < 50; round++) {
    const atMs = -DAY_MS + round * 1000;
    for (const region of [0, 1, 2]) {
      const leg = { rttMs: (legMs[region] ?? 0) + (round % 3), jitterMs: 0, loss: 0 };
      const whole = { ...leg, rttMs: 2 * leg.rttMs };
      const pair = { a: region, b: region };
      via.learn({ call: toyCall(atMs), atMs, pair, legs: [leg, leg], whole });
    }
  }
}

function context(): ContestantContext {
  const world = toyWorld();
  const relays = new CapacityPool(world, 1);
  return { world, seed: 1, relays, legs: new Int32Array(3), startMs: 0 };
}

t.test('top-k keeps the options whose confidence interval reaches the best one’s', async (t) => {
  const options = [
    { mean: 100, error: 1 },
    { mean: 103, error: 1 },
    { mean: 110, error: 1 },
    { mean: 120, error: 12 },
  ];
  const { top, scale } = topOptions(options, 2);
  t.strictSame(top, [options[0], options[1], options[3]]);
  t.equal(scale, (102 + 105 + 144) / 3);
});

t.test('a sample has a mean and the standard error of it', async (t) => {
  const sample = new Sample();
  sample.add(10);
  t.equal(sample.error, 5, 'half of a single value');
  sample.add(14);
  t.equal(sample.mean, 12);
  t.equal(sample.error, 2);
});

t.test('the history of the day before decides, not the nearest region', async (t) => {
  const via = new Via(context(), { explore: 0 });
  taught(via);
  const choices = Array.from({ length: 20 }, (_, at) => {
    const call = toyCall(at);
    return via.choose({ call, atMs: at, has: undefined });
  });
  t.strictSame(choices.at(-1), { a: 2, b: 2 });
});

t.test('without a budget every call takes the nearest regions', async (t) => {
  const via = new Via(context(), { explore: 0, budget: 0 });
  taught(via);
  const pair = via.choose({ call: toyCall(1), atMs: 1, has: undefined });
  t.strictSame(pair, { a: 0, b: 0 } satisfies Pair);
});
