import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { TRANSACTION_ID_BYTES } from '../../src/stun/message.js';
import { twoRelays, type WorldRelay } from '../relay/world/index.js';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** Returns the transaction id of the only leg's pending Connect. */
function pendingTransaction({ core }: WorldRelay): Uint8Array {
  const [leg] = core.context.legs.all();
  if (leg?.state.type !== 'connecting') throw new Error('no Connect is pending');
  return leg.state.attempt.transactionId;
}

t.test(
  'a pending Connect and a remembered offer keep only the transaction id of their datagrams',
  async (t) => {
    const { a, b, fra, nyc } = twoRelays();
    a.allocate(nyc.service);
    for (const port of [1, b.address.port]) {
      a.connect({ ...b.address, port });
      t.equal(pendingTransaction(fra).buffer.byteLength, TRANSACTION_ID_BYTES);
    }
    const { clock, offers } = nyc.core.context;
    const [leg] = fra.core.context.legs.all();
    const offer = leg && offers.get(fra.id, leg, clock.monotonic());
    t.equal(offer?.transactionId.buffer.byteLength, TRANSACTION_ID_BYTES);
  },
);

t.test('a relay keeps no reference to a batch of received datagrams', async (t) => {
  const { world, a, b, fra, nyc } = twoRelays();
  const held = async () => {
    // In the next turn of the event loop: values of this one may still be on the stack.
    await nextTurn();
    collectGarbage();
    return world.batches.filter((batch) => batch.deref() !== undefined).length;
  };
  a.allocate(nyc.service);
  a.connect({ ...b.address, port: 1 });
  a.connect(b.address);
  world.pass(1_000);
  t.ok(world.batches.length > 5);
  t.equal(await held(), 0, 'while the Connect and the offer are pending');
  b.allocate(fra.service);
  b.connect(a.address);
  t.equal(a.connectAnswer?.messageClass, 'success');
  t.equal(b.connectAnswer?.messageClass, 'success');
  t.equal(await held(), 0, 'with the legs established');
  t.equal(fra.core.context.legs.size + nyc.core.context.legs.size, 2);
});
