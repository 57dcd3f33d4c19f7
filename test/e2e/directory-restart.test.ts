import t from 'tap';
import { setPatience } from '../lab/keep-on-failure.js';
import { exchange, joinBoth, settled } from './peer-agent.js';
import { PATIENCE_MS, skipReason, World } from './world.js';

const FLOW = { packetsPerSecond: 200, payloadBytes: 200, pingIntervalMs: 100 };

setPatience(t, PATIENCE_MS);

t.test(
  'connections continue, and credentials stay valid, while the directory is down',
  { skip: skipReason() },
  async (t) => {
    const world = await World.create(t);
    const hosts = [
      world.hostBehindNat('a', 'port-restricted', [4]),
      world.hostBehindNat('b', 'symmetric', [4]),
    ] as const;
    await world.start();
    const agents = await world.peersIn(hosts);
    const [a, b] = agents;
    const pair = await joinBoth('before', agents);
    const [grants] = await a.create(1, [{ region: 'west' }, { region: 'east' }]);
    if (grants === undefined) throw new Error('a pair of grants');
    await Promise.all([a.flow([pair[0]], FLOW), b.flow([pair[1]], FLOW)]);

    await world.kill('directory');
    t.comment('relays accept valid credentials while there is no directory');
    const [[atA], [atB]] = await Promise.all([a.open([grants[0]]), b.open([grants[1]])]);
    if (atA === undefined || atB === undefined) throw new Error('one peer on each side');
    await Promise.all([a.connect([atA], [atB.mapped]), b.connect([atB], [atA.mapped])]);
    const withoutDirectory = await exchange([atA, atB], 40, FLOW);

    await world.startDirectory();
    t.comment('relays register again, and new connections are possible');
    await a.untilServing(['relay-a', 'relay-b']);
    const after = await joinBoth('after', agents);
    const afterwards = await exchange(after, 40, FLOW);

    await Promise.all([a.halt([pair[0]]), b.halt([pair[1]])]);
    const meanwhile = (await settled([pair])).flat();
    for (const { sent, received } of [...withoutDirectory, ...afterwards, ...meanwhile]) {
      t.ok(sent > 0);
      t.equal(received, sent, 'all arrived');
    }
    t.same(
      after.map(({ relayId }) => relayId),
      ['relay-a', 'relay-b'],
    );
  },
);
