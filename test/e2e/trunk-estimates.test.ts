import t from 'tap';
import type { DelayedPath } from '../lab/delays.js';
import { delaySkipReason, roundTrip } from '../lab/delays.js';
import { setPatience } from '../lab/keep-on-failure.js';
import { until } from '../until.js';
import { type RecordedBeat, recordBeats } from './beats.js';
import {
  explained,
  type RegionRoundTrip,
  STRANGERS,
  trunkOf,
  untilEstimated,
} from './explanations.js';
import { PATIENCE_MS, skipReason, World } from './world.js';

setPatience(t, PATIENCE_MS);

const REGIONS = ['west', 'east', 'south'];
/** So long that 5 % are more than the time that relays of a busy machine need for an answer. */
const TRUNKS: readonly RegionRoundTrip[] = [
  ['west', 'east', 250],
  ['west', 'south', 400],
  ['east', 'south', 600],
];
const LOSS = 0.3;

/** Returns what a relay has reported of the trunk to another one. */
function reportsOf(beats: readonly RecordedBeat[], from: string, to: string) {
  return beats
    .filter(({ relay }) => relay === from)
    .flatMap(({ trunk }) => trunk.filter(({ relay }) => relay === to));
}

/** Returns the losses that a relay has reported of another one: shares of probes there and back. */
function lossesOf(beats: readonly RecordedBeat[], from: string, to: string) {
  const told = reportsOf(beats, from, to).filter(
    ({ loss }) => loss[0] !== null && loss[1] !== null,
  );
  const share = (direction: 0 | 1) => {
    let [sent, lost] = [0, 0];
    for (const { loss, count } of told) {
      const part = loss[direction] ?? 0;
      // Without replies there are no reports.
      sent += count / (1 - part);
      lost += (count * part) / (1 - part);
    }
    return lost / sent;
  };
  return { there: share(0), back: share(1) };
}

t.test(
  'a directory learns round trips, loss of one direction, and jitter between regions',
  { skip: skipReason() || delaySkipReason() },
  async (t) => {
    const world = await World.create(
      t,
      REGIONS.map((region) => ({ id: region, region })),
    );
    await world.lab.up();
    const delays = await world.lab.delays();
    const host = (region: string) => [world.relayHost(region)];
    const paths: DelayedPath[] = TRUNKS.flatMap(([a, b, rttMs]) =>
      roundTrip(host(a), host(b), rttMs),
    );
    await delays.set(paths);
    const beats = await recordBeats(world);
    await world.start();

    const tookMs = await untilEstimated(world, TRUNKS);
    t.pass(`within 5 % after ${Math.round(tookMs)} ms`);
    for (const [a, b, rttMs] of TRUNKS) {
      const ends = [
        [a, b],
        [b, a],
      ];
      const told = ends.flatMap(([from = '', to = '']) => reportsOf(beats, from, to));
      t.ok(told.length > 0 && told.every(({ rtt }) => rtt >= rttMs), `${a}, ${b}: no less`);
    }

    const before = beats.length;
    await delays.set(
      paths.map((path) => {
        if (path.from[0]?.name === 'west' && path.to[0]?.name === 'east') {
          return { ...path, loss: LOSS };
        }
        return path.to[0]?.name === 'south' ? { ...path, jitterMs: 20 } : path;
      }),
    );
    const [there, back] = [
      ['west', 'east'],
      ['east', 'west'],
    ].map(
      ([a = '', b = '']) =>
        () =>
          lossesOf(beats.slice(before), a, b),
    );
    if (there === undefined || back === undefined) throw new Error('two directions');
    await until('each relay reports the loss of its direction', () => {
      return there().there > LOSS / 2 && back().back > LOSS / 2;
    });
    t.comment('west to east', there(), 'east to west', back());
    t.ok(there().back < LOSS / 10, 'west reports none on the way back');
    t.ok(back().there < LOSS / 10, 'east reports none on the way there');
    await until('the estimates show loss and jitter', async () => {
      const explanation = await explained(world, STRANGERS);
      const lossMs = (a: string, b: string) => trunkOf(explanation, a, b)?.lossMs ?? 0;
      const jitterMs = trunkOf(explanation, 'east', 'south')?.jitterMs ?? 0;
      return lossMs('west', 'east') > 10 * lossMs('west', 'south') && jitterMs > 5;
    });
  },
);
