import t from 'tap';
import { parseAddress } from '../../src/address.js';
import { World } from './world/index.js';

/** A relay of four workers, and as many other relays as a registry can have. */
function fullRegistry() {
  const world = new World();
  const fra = world.addRelay('fra-1', '192.0.2.10', { lanePorts: [4001, 4002, 4003, 4004] });
  const template = world.addRelay('nyc-1', '192.0.2.20').record;
  const others = Array.from({ length: 1_023 }, (_, n) => {
    const address = parseAddress(`10.0.${n >> 8}.${n & 255}:3480`);
    return { ...template, id: `r-${n}`, trunkAddresses: [address], trunkSources: [address] };
  });
  fra.core.updateRelays([fra.record, ...others]);
  /** Lets a second pass. @returns the number of probes in it */
  const second = () => {
    const before = fra.plane.probes.length;
    world.pass(1_000);
    return fra.plane.probes.length - before;
  };
  return { world, fra, others, second };
}

t.test('probes stay within their budget at any size of the registry', async (t) => {
  const { fra, second } = fullRegistry();
  // No relay answers, so every probe is urgent.
  for (let n = 0; n < 120; n++) {
    const probes = second();
    t.ok(probes > 40 && probes <= 105, `${probes} in second ${n}`);
  }
  const asked = new Set(fra.plane.probes.map(({ relayIndex }) => relayIndex));
  t.equal(asked.size, 1_023, 'every relay is probed');
});

t.test(
  'probes stay within their budget while the ports to 1,023 relays are measured',
  async (t) => {
    const { world, fra, second } = fullRegistry();
    world.answersAll = true;
    for (let n = 0; n < 240; n++) {
      const probes = second();
      t.ok(probes > 40 && probes <= 105, `${probes} in second ${n}`);
    }
    const open = [...fra.plane.remoteRelays.values()].filter(
      ({ lanesClosed }) => lanesClosed?.length === 0,
    );
    t.ok(open.length > 1_000, `${open.length} relays have all lanes open`);
  },
);

t.test('probes stay within their budget when peers name relays that do not answer', async (t) => {
  const { fra, others, second } = fullRegistry();
  for (let n = 0; n < 20; n++) second();
  const { trunk } = fra.core.context;
  for (let n = 0; n < 20; n++) {
    for (const { id } of others) {
      const remote = trunk.relays.get(id);
      remote?.expectConnection();
    }
    const probes = second();
    t.ok(probes > 40 && probes <= 105, `${probes} in second ${n}`);
  }
});

t.test('the ports to a relay with connections are probed first', async (t) => {
  const { world, fra, others, second } = fullRegistry();
  world.answersAll = true;
  for (let n = 0; n < 20; n++) second();
  // One after the other, because the ports to a relay with connections are soon probed again.
  for (const { id } of others.slice(-3)) {
    const remote = fra.core.context.trunk.relays.get(id);
    if (!remote) throw new Error(`${id} is not known`);
    remote.connections = 1;
    world.pass(700);
    t.same(fra.plane.remoteRelays.get(remote.relayIndex)?.lanesClosed, [], id);
  }
});

t.test('a relay that joins is probed within a second', async (t) => {
  const { world, fra, others, second } = fullRegistry();
  world.answersAll = true;
  // Answers end the first measurement of each relay; those of ports and sizes go on.
  for (let n = 0; n < 30; n++) second();
  const [template] = others;
  const address = parseAddress('10.1.0.0:3480');
  const joining = { id: 'joined', trunkAddresses: [address], trunkSources: [address] };
  fra.core.updateRelays([
    fra.record,
    ...others.slice(1),
    { ...fra.record, ...template, ...joining },
  ]);
  const relayIndex = fra.core.context.trunk.relays.get('joined')?.relayIndex;
  const before = fra.plane.probes.length;
  world.pass(1_000);
  t.ok(fra.plane.probes.slice(before).some((probe) => probe.relayIndex === relayIndex));
});
