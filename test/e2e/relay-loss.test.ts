import t from 'tap';
import { setPatience } from '../lab/keep-on-failure.js';
import { exchange, joinBoth } from './peer-agent.js';
import { PATIENCE_MS, skipReason, World } from './world.js';

setPatience(t, PATIENCE_MS);

t.test(
  'one relay or two serve a pair, and the loss of a relay ends it',
  { skip: skipReason() },
  async (t) => {
    const world = await World.create(t);
    const hosts = [
      world.hostBehindNat('a', 'full-cone', [4]),
      world.hostBehindNat('b', 'address-restricted', [4]),
    ] as const;
    await world.start();
    const agents = await world.peersIn(hosts);

    for (const regions of [
      ['west', 'west'],
      ['west', 'east'],
    ] as const) {
      t.test(`regions ${regions.join(' and ')}`, async (t) => {
        const hints = [{ region: regions[0] }, { region: regions[1] }] as const;
        const pair = await joinBoth(t.name, agents, hints);
        t.same(
          pair.map(({ relayId }) => relayId),
          regions.map((region) => (region === 'west' ? 'relay-a' : 'relay-b')),
        );
        for (const { sent, received } of await exchange(pair, 40, { payloadBytes: 200 })) {
          t.equal(received, sent, 'all arrived');
        }
        await agents[0].close([pair[0]]);
        t.match(await pair[1].closed, { code: 'ERR_TURNPIKE_CLOSED', stunCode: 437 });
      });
    }

    t.test('both peers close when a relay is killed under traffic', async (t) => {
      const pair = await joinBoth('killed', agents);
      const [a, b] = pair;
      await exchange(pair, 10);
      await Promise.all([agents[0].flow([a]), agents[1].flow([b])]);
      await world.kill('relay-a');
      t.match(
        await a.closed,
        { code: 'ERR_TURNPIKE_RELAY_UNREACHABLE' },
        'the peer of the killed relay gets no answers',
      );
      t.match(
        await b.closed,
        { code: 'ERR_TURNPIKE_CLOSED', stunCode: 447 },
        'the peer of the other relay gets Closed 447',
      );
    });

    t.test('a relay that was killed serves again after a restart', async (t) => {
      await world.startRelay('relay-a');
      await agents[0].untilServing(['relay-a', 'relay-b']);
      const pair = await joinBoth('back', agents);
      t.equal(pair[0].relayId, 'relay-a');
      for (const { sent, received } of await exchange(pair, 40, { payloadBytes: 200 })) {
        t.equal(received, sent, 'all arrived');
      }
    });
  },
);
