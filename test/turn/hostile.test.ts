import t from 'tap';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import type { MessageWriter } from '../../src/stun/writer.js';
import { seededRandom } from '../setup/seeded-random.js';
import { TurnClient, TurnWorld } from './world/index.js';

const METHODS = [Method.Allocate, Method.Refresh, Method.CreatePermission, Method.ChannelBind];

const TYPES = [
  AttributeType.Lifetime,
  AttributeType.RequestedTransport,
  AttributeType.RequestedAddressFamily,
  AttributeType.AdditionalAddressFamily,
  AttributeType.EvenPort,
  AttributeType.DontFragment,
  AttributeType.ReservationToken,
  AttributeType.XorPeerAddress,
  AttributeType.ChannelNumber,
  AttributeType.Software,
];

/** Appends attributes with values of any length, or ones that requests usually have. */
function appendAny(writer: MessageWriter, random: () => number): void {
  const below = (end: number) => Math.floor(random() * end);
  for (let left = below(5); left > 0; left -= 1) {
    const type = TYPES[below(TYPES.length)] ?? 0;
    const bytes = Uint8Array.from({ length: below(21) }, () => below(256));
    if (below(2) === 0) writer.bytes(type, bytes);
    else if (type === AttributeType.XorPeerAddress) {
      writer.address(type, { address: `198.51.100.${below(9)}`, port: below(4) });
    } else if (type === AttributeType.ChannelNumber) writer.channelNumber(0x4000 + below(4));
    else if (type === AttributeType.RequestedTransport) writer.requestedTransport(17);
    else if (type === AttributeType.EvenPort) writer.bytes(type, Uint8Array.of(below(256)));
    else writer.u32(type, below(3) * 0x100_0000);
  }
}

t.test('whatever authenticated requests have in them, the state stays whole', async (t) => {
  t.setTimeout(120_000);
  const seed = Date.now() % 1_000_000;
  const random = seededRandom(seed);
  const world = new TurnWorld();
  const clients = [1, 2, 3].map((port) => new TurnClient(world, { port, username: `user${port}` }));
  let successes = 0;
  for (let round = 0; round < 3_000; round += 1) {
    const client = clients[Math.floor(random() * 3)] as TurnClient;
    const method = METHODS[Math.floor(random() * METHODS.length)] as number;
    const messages = await client.send(method, (writer) => appendAny(writer, random));
    if (messages.length !== 1) t.fail(`${messages.length} responses, seed ${seed}`);
    if (messages[0]?.messageClass === 'success') successes += 1;
    if (random() < 0.1) await world.pass(Math.floor(random() * 200));
  }
  t.ok(successes > 100, `${successes} successes, seed ${seed}`);
  world.turn.endUsers(() => false);
  await world.pass(3_700);
  const { plane, turn } = world;
  t.equal(turn.allocations, 0);
  t.equal(turn.relayedPorts, 0, `every port is freed, seed ${seed}`);
  for (const left of [plane.endpoints, plane.allocations, plane.clientFlows, plane.peerFlows]) {
    t.equal(left.size, 0, `seed ${seed}`);
  }
});
