import t from 'tap';
import { World } from '../relay/world/index.js';

t.test('the alternate is a relay that can be reached if there is one', async (t) => {
  const world = new World();
  const fra = world.addRelay('fra-1', '192.0.2.10');
  world.addRelay('apart-1', '192.0.2.20', { trunkIp: '[2001:db8::20]' });
  world.introduce();
  t.equal(
    fra.core.context.trunk.relays.alternate(4)?.address,
    '192.0.2.20',
    'the only one, which cannot be reached',
  );
  world.addRelay('nyc-1', '192.0.2.30');
  world.introduce();
  t.equal(fra.core.context.trunk.relays.alternate(4)?.address, '192.0.2.30');
  t.equal(fra.core.context.trunk.relays.alternate(6), undefined);
});
