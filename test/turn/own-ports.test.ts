// Ports of the server's own sockets among those of relayed transport addresses.
import t from 'tap';
import { parseAddress } from '../../src/address.js';
import { AttributeType, UDP_PROTOCOL } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { ownPorts } from '../../src/turn/own-ports.js';
import { PEER, RELAY_V4, relayedOf, TurnClient, TurnWorld, tupleOf } from './world/index.js';

const { EvenPort } = AttributeType;

/** A range of eight ports, of which the server has some. */
const PORTS = { min: 50_000, max: 50_007 };
const LEFT = [50_001, 50_002, 50_003, 50_007];

const OWN = {
  clientAddresses: ['0.0.0.0:50000', '10.0.0.5:50004', '10.0.0.6:50002'].map(parseAddress),
  trunkAddresses: ['10.0.0.5:50005', '[::]:50003'].map(parseAddress),
  trunkLanePorts: [[50_006, 40_000], [50_001]],
};

function scene() {
  const alternateServers = [parseAddress('203.0.113.9:3478')];
  const relayedAddresses = [RELAY_V4];
  const world = new TurnWorld({ ports: PORTS, relayedAddresses, alternateServers, sockets: OWN });
  const client = (port: number) => new TurnClient(world, { port });
  return { world, client };
}

t.test('own ports are those at the address, and at the wildcard of its family', async (t) => {
  const at = (address: string) => [...ownPorts(OWN, address)].sort();
  t.same(at('10.0.0.5'), [40_000, 50_000, 50_004, 50_005, 50_006]);
  t.same(at('10.0.0.6'), [50_000, 50_002]);
  t.same(at('2001:db8::5'), [50_001, 50_003]);
});

t.test('no allocation gets one of them', async (t) => {
  const { world, client } = scene();
  const given: number[] = [];
  for (const [index] of LEFT.entries()) {
    const [relayed] = relayedOf(await client(index + 1).allocate());
    given.push(relayed?.port ?? 0);
  }
  t.same(given.sort(), LEFT);
  t.equal((await client(99).allocate()).code, 508, 'no other is left');
  t.equal(world.plane.asked.length, LEFT.length, 'no other was tried');
});

t.test('nor as the second of a pair', async (t) => {
  const { client } = scene();
  const pair = await client(1).allocate((w) => void w.bytes(EvenPort, Uint8Array.of(0x80)));
  t.equal(relayedOf(pair)[0]?.port, 50_002, 'the only even port whose next one is free');
  const another = await client(2).allocate((w) => void w.bytes(EvenPort, Uint8Array.of(0x80)));
  t.equal(another.code, 508);
});

t.test('none is a peer on a channel, at the bound or the advertised address', async (t) => {
  const { client } = scene();
  const one = client(1);
  await one.allocate();
  for (const address of [RELAY_V4.address, RELAY_V4.advertised]) {
    t.equal((await one.bind(0x4000, { address, port: 50_004 })).code, 403, address);
    const other = await one.bind(0x4001, { address, port: 50_007 });
    t.equal(other.messageClass, 'success');
    await one.refresh(0);
    await one.allocate();
  }
  t.equal((await one.bind(0x4000, { ...PEER, port: 50_004 })).messageClass, 'success');
});

t.test('new clients are sent to another server when all ports are held', async (t) => {
  const { world, client } = scene();
  const ask = async () => {
    const writer = new MessageWriter('request', Method.Allocate, TurnClient.transactionId());
    const from = parseAddress('192.0.2.1:9');
    await world.receive(writer.requestedTransport(UDP_PROTOCOL).finish(), tupleOf(from), 1);
    return world.takeFor(from)[0]?.errorCode()?.code;
  };
  t.equal(await ask(), 401);
  for (const [index] of LEFT.entries()) await client(index + 1).allocate();
  t.equal(await ask(), 300);
});
