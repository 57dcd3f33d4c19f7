import t from 'tap';
import { delaySkipReason, roundTrip } from '../lab/delays.js';
import { setPatience } from '../lab/keep-on-failure.js';
import { until } from '../until.js';
import { type RegionRoundTrip, untilEstimated } from './explanations.js';
import { joinBoth, settled } from './peer-agent.js';
import { PATIENCE_MS, skipReason, World } from './world.js';

setPatience(t, PATIENCE_MS);

const FLOW = { packetsPerSecond: 100, payloadBytes: 200, pingIntervalMs: 100 };

/** Two relays in `west`, one in each other region. */
const RELAYS = [
  { id: 'west-1', region: 'west' },
  { id: 'west-2', region: 'west' },
  { id: 'east-1', region: 'east' },
  { id: 'south-1', region: 'south' },
];
const TRUNKS: readonly RegionRoundTrip[] = [
  ['west', 'east', 250],
  ['west', 'south', 400],
  ['east', 'south', 300],
];
/** A peer near `west`; next best is `south`. */
const NEAR_WEST = { latencies: { west: 5, south: 20, east: 900 } };
const NEAR_EAST = { latencies: { east: 5 } };

t.test(
  'estimates return after a restart of the directory, and a dead region is left',
  { skip: skipReason() || delaySkipReason() },
  async (t) => {
    const world = await World.create(t, RELAYS);
    const hosts = [
      world.lab.host('a', { families: [4] }),
      world.lab.host('b', { families: [4] }),
    ] as const;
    await world.lab.up();
    const relaysIn = (wanted: string) =>
      RELAYS.filter(({ region }) => region === wanted).map(({ id }) => world.relayHost(id));
    const delays = await world.lab.delays();
    await delays.set(TRUNKS.flatMap(([a, b, rttMs]) => roundTrip(relaysIn(a), relaysIn(b), rttMs)));
    await world.start();
    const agents = await world.peersIn(hosts);
    const [a, b] = agents;
    await untilEstimated(world, TRUNKS);
    const pair = await joinBoth('flow', agents, [{ region: 'south' }, { region: 'east' }]);
    t.same(
      pair.map(({ relayId }) => relayId),
      ['south-1', 'east-1'],
    );
    await Promise.all([a.flow([pair[0]], FLOW), b.flow([pair[1]], FLOW)]);

    await world.kill('directory');
    await world.startDirectory();
    await a.untilServing(RELAYS.map(({ id }) => id));
    const tookMs = await untilEstimated(world, TRUNKS);
    t.pass(`estimates are back ${Math.round(tookMs)} ms after the relays`);
    const relayOf = async () => {
      const [grants] = await a.create(1, [NEAR_WEST, NEAR_EAST]);
      return grants?.[0].relay.id ?? '';
    };
    t.match(await relayOf(), /^west-/, 'the near region');

    await Promise.all([world.kill('west-1'), world.kill('west-2')]);
    await until('the dead region is left', async () => (await relayOf()) === 'south-1');
    for (let i = 0; i < 5; i++) t.equal(await relayOf(), 'south-1', 'and stays left');

    await Promise.all([a.halt([pair[0]]), b.halt([pair[1]])]);
    for (const { sent, received } of (await settled([pair])).flat()) {
      t.ok(sent > 0);
      t.equal(received, sent, 'all packets have arrived meanwhile');
    }
  },
);
