import t from 'tap';
import { delaySkipReason, roundTrip } from '../lab/delays.js';
import { setPatience } from '../lab/keep-on-failure.js';
import { until } from '../until.js';
import { recordBeats } from './beats.js';
import { explained } from './explanations.js';
import { PATIENCE_MS, skipReason, World } from './world.js';

setPatience(t, PATIENCE_MS);

const RELAYS = ['west', 'east'].map((region) => ({ id: region, region }));
const RTT_MS = 50;
const CLAIM = { rttMs: 0.1, jitterMs: 7, loss: 0, count: 60 };
const SKIP = { skip: skipReason() || delaySkipReason() };

t.test(
  'what a peer claims of its leg counts as no less than the relay measures',
  SKIP,
  async (t) => {
    const world = await World.create(t, RELAYS);
    // Of another network than the relays, so that the directory knows nothing else of it.
    const host = world.hostBehindNat('liar', 'port-restricted', [4]);
    await world.lab.up();
    const delays = await world.lab.delays();
    const nat = host.behind;
    if (nat === undefined) throw new Error('behind a NAT');
    await delays.set(roundTrip([nat], [world.relayHost('west')], RTT_MS));
    const beats = await recordBeats(world);
    await world.start();
    const [liar] = await world.peersIn([host] as const);
    await liar.claim(CLAIM);
    const [grants] = await liar.create(1, [{ region: 'west' }, { region: 'east' }]);
    if (grants === undefined) throw new Error('a pair of grants');
    await liar.open([grants[0]]);
    const legs = () => beats.flatMap(({ relay, legs }) => (relay === 'west' ? legs : []));
    await until('a claim arrives', () => legs().some(({ jitter }) => jitter === CLAIM.jitterMs));
    t.ok(
      legs().every(({ rtt }) => rtt >= RTT_MS),
      `the relay reports no less: ${JSON.stringify(legs())}`,
    );
    const address = nat.addresses[4] ?? '';
    const args = ['--peer', address, '--peer', '198.51.100.1'];
    const legTo = async () => {
      const { candidates } = (await explained(world, args)).peers[0];
      return candidates.find(({ region }) => region === 'west')?.leg;
    };
    await until(
      'the directory knows the network',
      async () => (await legTo())?.origin === 'network',
    );
    const leg = await legTo();
    t.ok((leg?.rttMs ?? 0) >= RTT_MS, `the directory estimates ${leg?.rttMs} ms`);
  },
);
