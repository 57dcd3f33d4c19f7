import t from 'tap';
import { type AllocationEvent, TurnServer } from '../../src/index.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import { STEERING } from '../steering.js';
import { RELAY_PORTS, TurnSocket } from './turn-socket.js';

const { Lifetime } = AttributeType;

t.test(
  'an allocation lives as long as `lifetimeSecondsMax`, which an update changes',
  async (t) => {
    const events: AllocationEvent[] = [];
    const server = await TurnServer.open({
      listen: '127.0.0.1:0',
      relayAddresses: '127.0.0.1',
      users: 'alice:secret',
      relayPorts: RELAY_PORTS,
      workers: 1,
      steering: STEERING,
      lifetimeSecondsMax: 7_200,
      onEvent: (event) => events.push(event),
    });
    t.teardown(() => server.close());
    const open = async () => {
      const client = await TurnSocket.open(server.listen[0] as never, {
        ...{ username: 'alice', password: 'secret' },
      });
      t.teardown(() => client.close());
      return client;
    };
    const client = await open();
    await client.allocate((writer) => writer.u32(Lifetime, 86_400));
    const refreshed = async (seconds: number) => {
      const response = await client.request(Method.Refresh, (writer) =>
        writer.u32(Lifetime, seconds),
      );
      return response.lifetimeSeconds();
    };
    t.match(events, [{ type: 'allocated', lifetimeSeconds: 7_200 }]);
    server.update({ lifetimeSecondsMax: 900 });
    t.equal(await refreshed(86_400), 900);
    t.equal(await refreshed(700), 700);
    server.update({ userQuota: 1 });
    t.equal(await refreshed(86_400), 900, 'another bound leaves it as it is');
    await t.rejects((await open()).allocate(), /486/);
    server.update({ lifetimeSecondsMax: 86_400 });
    t.equal(await refreshed(99_999), 86_400);
    await t.rejects((await open()).allocate(), /486/, 'the quota stays');
    for (const lifetimeSecondsMax of [599, 86_401, 600.5]) {
      t.throws(() => server.update({ lifetimeSecondsMax }), { code: 'ERR_TURNPIKE_CONFIG' });
    }
  },
);
