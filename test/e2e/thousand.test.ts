import t from 'tap';
import { setPatience } from '../lab/keep-on-failure.js';
import { settled } from './peer-agent.js';
import { PATIENCE_MS, skipReason, World } from './world.js';

const CONNECTIONS = 1_000;
const PACKETS = 3;

/** Two packets and two pings a second on each, which two processors carry for a thousand. */
const FLOW = { packetsPerSecond: 2, payloadBytes: 100, pingIntervalMs: 500 };

setPatience(t, PATIENCE_MS);

t.test(`${CONNECTIONS} connections carry data at once`, { skip: skipReason() }, async (t) => {
  const world = await World.create(t);
  const hosts = [
    world.hostBehindNat('a', 'symmetric', [4]),
    world.hostBehindNat('b', 'port-restricted', [4]),
  ] as const;
  await world.start();
  const [a, b] = await world.peersIn(hosts);
  const grants = await a.create(CONNECTIONS, [{ region: 'west' }, { region: 'east' }]);
  const [atA, atB] = await Promise.all([
    a.open(grants.map(([first]) => first)),
    b.open(grants.map(([, second]) => second)),
  ]);
  await Promise.all([
    a.connect(
      atA,
      atB.map(({ mapped }) => mapped),
    ),
    b.connect(
      atB,
      atA.map(({ mapped }) => mapped),
    ),
  ]);
  t.equal(
    new Set(atA.map(({ mapped }) => mapped.port)).size,
    CONNECTIONS,
    'each has its own mapped port',
  );

  await Promise.all([a.flow(atA, FLOW), b.flow(atB, FLOW)]);
  await Promise.all([a.sendOut(atA, PACKETS), b.sendOut(atB, PACKETS)]);
  const pairs = atA.map((peer, index) => [peer, atB[index] ?? peer] as const);
  const deliveries = (await settled(pairs)).flat();
  t.equal(deliveries.length, 2 * CONNECTIONS);
  const complete = deliveries.filter(({ sent, received }) => sent >= PACKETS && received === sent);
  t.equal(complete.length, 2 * CONNECTIONS, 'each carries data both ways');
});
