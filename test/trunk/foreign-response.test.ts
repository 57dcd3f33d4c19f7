import t from 'tap';
import { parseAddress } from '../../src/address.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { World } from '../relay/world/index.js';

const SOMEWHERE = parseAddress('192.0.2.20:3478');

t.test('a Binding response on the trunk socket goes to whoever waits for it', async (t) => {
  const world = new World();
  const seen: string[] = [];
  const { rules, trunk } = world.addRelay('fra-1', '192.0.2.10', {
    onForeignResponse: ({ transactionId }, { remote }) => {
      seen.push(`${Buffer.from(transactionId).toString('hex')} ${remote.port}`);
      return transactionId[0] === 1;
    },
  });
  const answer = (first: number) =>
    new MessageWriter('success', Method.Binding, new Uint8Array(12).fill(first))
      .address(AttributeType.XorMappedAddress, trunk)
      .finish();
  world.send({ from: SOMEWHERE, to: trunk, data: answer(1) });
  world.pump();
  t.same(seen, ['010101010101010101010101 3478']);
  t.equal(rules.context.trunk.drops.trunk_control_malformed, 0);

  world.send({ from: SOMEWHERE, to: trunk, data: answer(2) });
  world.send({
    from: SOMEWHERE,
    to: trunk,
    data: new MessageWriter('request', Method.Binding, new Uint8Array(12)).finish(),
  });
  world.pump();
  t.equal(seen.length, 2, 'a request is no response');
  t.equal(rules.context.trunk.drops.trunk_control_malformed, 2, 'nobody waited for the others');
});
