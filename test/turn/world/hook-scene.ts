import t from 'tap';
import { UDP_PROTOCOL } from '../../../src/stun/attribute-types.js';
import { Method } from '../../../src/stun/methods.js';
import { FakeHook } from './fake-hook.js';
import { type Content, TurnClient } from './turn-client.js';
import { PASSWORD, TurnWorld, type WorldOptions } from './turn-world.js';

/** What an Allocate has at least. */
export const ALLOCATE: Content = (writer) => void writer.requestedTransport(UDP_PROTOCOL);

/** A server whose users a hook knows, which the test answers for. */
export function hookScene(options: WorldOptions = {}) {
  const hook = new FakeHook();
  const world = new TurnWorld({ authenticate: hook.authenticate, ...options });
  const client = (from: ConstructorParameters<typeof TurnClient>[1] = {}) =>
    new TurnClient(world, from);
  return { hook, world, client, alice: client() };
}

/** A scene in which the hook has admitted an allocation of alice. */
export async function allocatedByHook(answer: object = { password: PASSWORD }) {
  const all = hookScene();
  t.same(await all.alice.send(Method.Allocate, ALLOCATE), []);
  await all.hook.answer(answer);
  const [success] = all.world.takeFor(all.alice.address);
  t.equal(success?.messageClass, 'success');
  return all;
}
