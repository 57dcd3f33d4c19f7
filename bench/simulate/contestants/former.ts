import { NO_DOUBTS } from '../../../src/selection/doubts.js';
import type { LiveRelay } from '../../former-selection/live-relay.js';
import { LocalLoad } from '../../former-selection/load.js';
import { selectRelays } from '../../former-selection/select.js';
import { Random } from '../random.js';
import type { World } from '../world/world.js';
import type { ContestantEntry } from './contestant.js';
import { spreadRegions } from './turnpike/pinged-regions.js';
import { pingedLatencies } from './turnpike/pings.js';

/** Interval at which relays report their load, ms. */
const REPORT_MS = 10_000;

/**
 * The selection before this one: the peers' own latencies, which their application had to measure,
 * to as many regions as today, a constant between regions, and load.
 */
export const former: ContestantEntry = {
  name: 'former',
  title: 'the selection of version 0.1, with the peers’ own latencies',
  make: ({ world, seed, relays, legs }) => {
    const random = new Random(seed);
    let nowMs = 0;
    let reportedMs = Number.NEGATIVE_INFINITY;
    let rows: readonly LiveRelay[] = [];
    const load = new LocalLoad({ monotonic: () => nowMs, now: () => nowMs });
    for (const { id } of world.relays) load.add(id);
    const numbers = new Map(world.relays.map(({ id }, index) => [id, index]));
    return {
      asksAgain: false,
      advance: (atMs) => {
        nowMs = atMs;
        if (atMs < reportedMs + REPORT_MS) return;
        reportedMs = atMs;
        const live = [...world.relays.keys()].filter((relay) => relays.isKnown(relay, atMs));
        rows = live.map((relay) => rowOf(world, relay, legs[relay] as number));
        for (const relay of live) load.reported(world.relays[relay]?.id ?? '');
      },
      choose: ({ call, atMs }) => {
        const peers = ([0, 1] as const).map((end) => {
          const regions = spreadRegions(world, call, end, seed);
          return { latencies: pingedLatencies(world, { call, end, atMs }, regions, seed) };
        });
        const [first = {}, second = {}] = peers;
        const selection = selectRelays({
          snapshot: { number: 1, relays: rows },
          load: load.estimate(rows),
          peers: [first, second],
          random: random.next,
        });
        if (!selection.ok) return undefined;
        const [a, b] = selection.relays.map(({ record }) => numbers.get(record.id) ?? 0);
        for (const { record } of selection.relays) load.assign(record.id);
        return { a: a ?? 0, b: b ?? 0 };
      },
    };
  },
};

function rowOf(world: World, index: number, legs: number): LiveRelay {
  const { id = '', region = 0, legsMax = 0 } = world.relays[index] ?? {};
  const address = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
  return {
    record: {
      ...{ id, region: world.regions[region]?.name ?? '', start: 1, publicKey: '', recordsMax: 64 },
      serviceAddresses: [{ address, port: 3478 }],
      trunkAddresses: [{ address, port: 3480 }],
      trunkSources: [{ address, port: 3480 }],
    },
    load: { legs, legsMax, cpu: 0 },
    ...{ draining: false, confirmed: true, doubts: NO_DOUBTS },
    registry: { holds: () => true },
  };
}
