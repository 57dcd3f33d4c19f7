import t from 'tap';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import { SOFTWARE } from '../../src/turn/responses.js';
import { type Answer, PEER, TurnClient, TurnWorld } from './world/index.js';

/** Returns the responses to requests of every method, refused ones among them. */
async function answersOf(world: TurnWorld) {
  const client = new TurnClient(world);
  const named: [name: string, Answer][] = [
    ['Refresh 437', await client.refresh(600)],
    ['Allocate', await client.allocate()],
    ['Allocate 437', await client.allocate()],
    ['Refresh', await client.refresh(600)],
    ['CreatePermission', await client.permit(PEER)],
    ['ChannelBind 400', await client.ask(Method.ChannelBind, () => {})],
  ];
  return named.map(([name, { message }]) => [name, message.text(AttributeType.Software)]);
}

t.test('responses to Allocate and Refresh have SOFTWARE where it is asked for', async (t) => {
  t.strictSame(await answersOf(new TurnWorld({ softwareAttribute: true })), [
    ['Refresh 437', SOFTWARE],
    ['Allocate', SOFTWARE],
    ['Allocate 437', SOFTWARE],
    ['Refresh', SOFTWARE],
    ['CreatePermission', undefined],
    ['ChannelBind 400', undefined],
  ]);
  const without = await answersOf(new TurnWorld());
  t.strictSame(
    without.map(([, software]) => software),
    Array(6).fill(undefined),
  );
});

t.test('a challenge does not name the software, so that it is no longer', async (t) => {
  const client = new TurnClient(new TurnWorld({ softwareAttribute: true }));
  const { code, message } = await client.refresh(600, { password: 'wrong' });
  t.strictSame([code, message.has(AttributeType.Software)], [401, false]);
});
