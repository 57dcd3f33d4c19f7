// Retransmissions of the Allocate request that made an allocation, when its response is forgotten.
import t from 'tap';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import { TURN_LIMITS } from '../../src/turn/turn-limits.js';
import {
  type Answer,
  type Content,
  family,
  relayedOf,
  TurnClient,
  TurnWorld,
  type WorldOptions,
} from './world/index.js';

const { AdditionalAddressFamily, AddressErrorCode, EvenPort, MobilityTicket, ReservationToken } =
  AttributeType;

/** Time after which no response is kept, s. */
const FORGOTTEN_S = TURN_LIMITS.responseKeptMs / 1_000 + 1;

/** Allocates, and lets the response be forgotten. */
async function scene(content: Content = () => {}, options: WorldOptions = {}, username?: string) {
  const world = new TurnWorld(options);
  const client = new TurnClient(world, username === undefined ? {} : { username });
  const transactionId = TurnClient.transactionId();
  const first = copyOf(await client.allocate(content, { transactionId }));
  await world.pass(FORGOTTEN_S);
  const again = () => client.allocate(content, { transactionId });
  return { world, client, first, again, transactionId };
}

/** Returns what an Allocate success says. */
function copyOf(answer: Answer) {
  const { message, messageClass } = answer;
  const bytes = (type: number) => Buffer.from(message.get(type) ?? []);
  return {
    messageClass,
    relayed: relayedOf(answer),
    token: bytes(ReservationToken),
    error: bytes(AddressErrorCode),
    ticket: bytes(MobilityTicket),
    seconds: message.lifetimeSeconds(),
  };
}

t.test('it is answered with the time that is left, and makes nothing', async (t) => {
  const { world, client, first, again } = await scene();
  t.same(copyOf(await again()), { ...first, seconds: 600 - FORGOTTEN_S });
  t.equal(world.plane.asked.length, 1);
  t.equal(world.turn.allocations, 1);
  t.equal(world.turn.stats.requests.retransmitted, 1);
  t.equal((await client.allocate()).code, 437, 'another transaction');
});

t.test('it has the token, and the family that failed, as the first response', async (t) => {
  const pair = await scene((writer) => void writer.bytes(EvenPort, Uint8Array.of(0x80)));
  t.equal(pair.first.token.length, 8);
  t.same(copyOf(await pair.again()).token, pair.first.token);

  const relayedAddresses = [{ address: '10.0.0.5', advertised: '203.0.113.5' }];
  const dual = await scene(family(AdditionalAddressFamily, 2), { relayedAddresses });
  t.equal(dual.first.relayed.length, 1);
  t.ok(dual.first.error.length > 0);
  t.same(copyOf(await dual.again()), { ...dual.first, seconds: 600 - FORGOTTEN_S });
});

t.test('it has a ticket that moves the allocation, until that has moved', async (t) => {
  const ask: Content = (writer) => void writer.bytes(MobilityTicket, new Uint8Array());
  const { world, client, again } = await scene(ask, { mobility: true });
  const { ticket } = copyOf(await again());
  const now = new TurnClient(world, { port: 7_000 });
  const present: Content = (writer) => void writer.bytes(MobilityTicket, ticket);
  t.equal((await now.ask(Method.Refresh, present)).messageClass, 'success');
  t.equal((await now.refresh()).messageClass, 'success', 'the allocation is there');
  const elsewhere = relayedOf(await again());
  t.equal(elsewhere.length, 1, 'the old 5-tuple gets another allocation');
  t.equal(world.turn.allocations, 2);
  t.equal((await client.refresh(0)).messageClass, 'success');
  t.equal(world.turn.allocations, 1);
});

t.test('it is only of the user, and of an allocation that has not ended', async (t) => {
  const { world, client, again, transactionId } = await scene();
  const other = await client.allocate(() => {}, { transactionId, username: 'bob' });
  t.equal(other.code, 437);
  await client.refresh(0);
  t.equal((await again()).messageClass, 'success');
  t.equal(world.plane.asked.length, 2, 'a new one');
});

t.test('it is answered also when its credential has expired since', async (t) => {
  const seconds = Math.floor(new TurnWorld().clock.now() / 1_000);
  const { again } = await scene(() => {}, {}, `${seconds + 10}:alice`);
  t.equal((await again()).messageClass, 'success');
});
