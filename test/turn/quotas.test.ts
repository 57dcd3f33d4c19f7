import t from 'tap';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { type Content, TurnClient, TurnWorld } from './world/index.js';

const LIMITS = { allocationsMax: 100, userQuota: 2, permissionsMax: 9, channelsMax: 9 };

const pair: Content = (writer) => {
  writer.bytes(AttributeType.EvenPort, Uint8Array.of(0x80));
};

function scene(limits: Partial<typeof LIMITS> = {}) {
  const world = new TurnWorld({ limits: { ...LIMITS, ...limits } });
  const client = (port: number, username = 'alice') => new TurnClient(world, { port, username });
  return { world, client };
}

t.test('a user has a quota, whatever the expiry in the username', async (t) => {
  const { client } = scene();
  t.equal((await client(1, '9999999999:alice').allocate()).messageClass, 'success');
  t.equal((await client(2, '9999999998:alice').allocate()).messageClass, 'success');
  t.equal((await client(3, '9999999997:alice').allocate()).code, 486);
  t.equal((await client(4, '9999999997:bob').allocate()).messageClass, 'success');
  await client(1, '9999999999:alice').refresh(0);
  t.equal((await client(5, '9999999997:alice').allocate()).messageClass, 'success');
});

t.test(
  'a tenant gets half of all and as many as are left, whatever users it makes up',
  async (t) => {
    const { world, client } = scene({ allocationsMax: 8 });
    let port = 0;
    const allocate = (tenant: string, content?: Content) => {
      port += 1;
      const username = tenant === '' ? `user${port}` : `${tenant}/turn/user${port}`;
      return client(port, username).allocate(content);
    };
    const many = async (tenant: string) => {
      for (let count = 0; ; count += 1) {
        const { messageClass, code } = await allocate(tenant);
        if (messageClass === 'success') continue;
        t.equal(code, 486);
        return count;
      }
    };
    t.equal((await allocate('acme', pair)).messageClass, 'success');
    t.equal(await many('acme'), 2, 'half, with the reserved port');
    t.equal(await many('zeta'), 2, 'as many as are left');
    t.equal(world.turn.stats.refusals.of('tenant-quota'), 2);
    await world.pass(32);
    t.equal(await many('acme'), 0, 'three, and three are left');
    for (const expected of [undefined, undefined, undefined, 508]) {
      t.equal((await allocate('')).code, expected);
    }
    await client(1, 'acme/turn/user1').refresh(0);
    t.equal((await allocate('acme')).code, 486);
    t.equal((await allocate('')).code, undefined);
  },
);

t.test('an Allocate in progress counts for its user', async (t) => {
  const { world, client } = scene({ userQuota: 1 });
  world.plane.holdsOpens = true;
  await client(1).send(3, (writer) => void writer.requestedTransport(17));
  t.equal((await client(2).allocate()).code, 486);
});

t.test('a reservation counts for its user until it is used or expires', async (t) => {
  const { world, client } = scene();
  t.equal((await client(1).allocate(pair)).messageClass, 'success');
  t.equal((await client(2).allocate()).code, 486);
  await world.pass(32);
  t.equal((await client(2).allocate()).messageClass, 'success');
  t.equal((await client(3, 'bob').allocate()).messageClass, 'success');
  t.equal((await client(4, 'bob').allocate(pair)).code, 486, 'no room for both');
});

t.test('a token is used within the quota', async (t) => {
  const { client } = scene({ userQuota: 3 });
  const { message } = await client(1).allocate(pair);
  const token = message.get(AttributeType.ReservationToken) ?? new Uint8Array();
  const answer = await client(2).allocate((writer) => {
    writer.bytes(AttributeType.ReservationToken, token);
  });
  t.equal(answer.messageClass, 'success');
  t.equal((await client(3).allocate()).messageClass, 'success', 'the token counts once');
  t.equal((await client(4).allocate()).code, 486);
});

t.test('a refused Allocate stays refused, though there is room when it is repeated', async (t) => {
  const { client } = scene({ userQuota: 1 });
  await client(1).allocate();
  const transactionId = TurnClient.transactionId();
  t.equal((await client(2).allocate(() => {}, { transactionId })).code, 486);
  await client(1).refresh(0);
  t.equal((await client(2).allocate(() => {}, { transactionId })).code, 486);
  t.equal((await client(2).allocate()).messageClass, 'success');
});

t.test('a failed Allocate does not count', async (t) => {
  const { world, client } = scene({ userQuota: 1 });
  world.plane.putErrors.set('allocation', 'ERR_TURNPIKE_LIMIT');
  t.equal((await client(1).allocate()).code, 508);
  world.plane.putErrors.clear();
  t.equal((await client(1).allocate()).messageClass, 'success');
});

t.test('all relayed addresses are bounded, reserved ones included', async (t) => {
  const { world, client } = scene({ allocationsMax: 3, userQuota: 9 });
  t.equal((await client(1).allocate(pair)).messageClass, 'success');
  t.equal((await client(2).allocate()).messageClass, 'success');
  t.equal((await client(3).allocate()).code, 508);
  t.equal(world.turn.stats.refusals.of('allocations-used-up'), 1);
  t.equal(world.turn.relayedPorts, 3);
  world.turn.setLimits({ ...LIMITS, allocationsMax: 4, userQuota: 9 });
  t.equal((await client(4).allocate()).messageClass, 'success');
});

t.test('when all ports are used, the next one to end makes room', async (t) => {
  const world = new TurnWorld({ ports: { min: 50_000, max: 50_002 } });
  const client = (port: number) => new TurnClient(world, { port });
  for (const port of [1, 2, 3]) t.equal((await client(port).allocate()).messageClass, 'success');
  t.equal((await client(4).allocate()).code, 508);
  t.equal(world.turn.stats.refusals.of('ports-used-up'), 1);
  await client(2).refresh(0);
  t.equal((await client(4).allocate()).messageClass, 'success', 'though the port has not rested');
  t.equal(new Set([...world.plane.endpoints.values()].map((each) => each.address.port)).size, 3);
});
