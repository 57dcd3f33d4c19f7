import t from 'tap';
import { setPatience } from '../lab/keep-on-failure.js';
import { until } from '../until.js';
import { PATIENCE_MS, skipReason, World } from './world.js';

setPatience(t, PATIENCE_MS);

/** Two relays in `west`, one in each other region. */
const RELAYS = [
  { id: 'west-1', region: 'west' },
  { id: 'west-2', region: 'west' },
  { id: 'east-1', region: 'east' },
  { id: 'south-1', region: 'south' },
];

const TAKEN = 'turnpike_directory_measurements_total{kind="trunk",result="taken"}';

/** Waits until one of these relays has a role, and returns its id. */
async function holderOf(world: World, role: string, ids: readonly string[]): Promise<string> {
  let holder = '';
  await until(`one of ${ids.join(', ')} is the ${role}`, async () => {
    for (const id of ids) {
      const isHeld = await world.metric(id, `turnpike_relay_measuring_role{role="${role}"}`);
      if (isHeld === 1) holder = id;
    }
    return holder !== '';
  });
  return holder;
}

/** Waits until a relay has measured another region, and returns the round trip, ms. */
async function measured(world: World, id: string, region: string): Promise<number> {
  let rtt: number | undefined;
  await until(`${id} measures ${region}`, async () => {
    rtt = await world.metric(id, `turnpike_relay_region_rtt_seconds{region="${region}"}`);
    return rtt !== undefined;
  });
  return (rtt ?? 0) * 1_000;
}

t.test(
  'regions measure each other, and a standby takes over',
  { skip: skipReason() },
  async (t) => {
    const world = await World.create(t, RELAYS);
    await world.start();
    const west = ['west-1', 'west-2'];
    let [prober, standby] = ['', ''];
    // The first relay to be confirmed is the prober, and may be another's standby later.
    await until('each of the two has a role', async () => {
      prober = await holderOf(world, 'prober', west);
      standby = await holderOf(world, 'standby', west);
      return prober !== standby;
    });
    await Promise.all(['east-1', 'south-1'].map((id) => holderOf(world, 'prober', [id])));
    for (const [id, regions] of [
      [prober, ['east', 'south']],
      ['east-1', ['west', 'south']],
      ['south-1', ['west', 'east']],
    ] as const) {
      for (const region of regions) {
        const rtt = await measured(world, id, region);
        t.ok(rtt > 0 && rtt < 1_000, `${id} to ${region}: ${rtt} ms`);
      }
    }
    await world.kill(prober);
    t.equal(await holderOf(world, 'prober', [standby]), standby, 'the standby takes over');
    const taken = async () => (await world.metric('directory', TAKEN)) ?? 0;
    const before = await taken();
    await until('reports go on', async () => (await taken()) >= before + 20);
    for (const result of ['malformed', 'excess', 'no-region']) {
      const metric = TAKEN.replace('taken', result);
      t.equal((await world.metric('directory', metric)) ?? 0, 0, result);
    }
  },
);
