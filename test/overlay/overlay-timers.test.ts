import t from 'tap';
import { OVERLAY_LIMITS } from '../../src/overlay/overlay-limits.js';
import { LEG_LIMITS } from '../../src/stun/leg-limits.js';
import { FakePeer, twoRelays, type World, type WorldRelay } from '../relay/world/index.js';

const LEGS = 2 * OVERLAY_LIMITS.endedAtOnce + 50;

function reserve(world: World, fra: WorldRelay, nyc: WorldRelay): void {
  for (let n = 0; n < LEGS; n += 1) {
    const connectionId = n.toString(16).padStart(32, '0');
    const address = `203.0.113.7:${n + 1}`;
    new FakePeer(world, { address, relay: fra, role: 0, connectionId }).allocate(nyc.service);
  }
}

t.test(
  'legs that expire at once end in batches, and requests are served between them',
  async (t) => {
    const { world, fra, nyc, a } = twoRelays();
    reserve(world, fra, nyc);
    const { legs } = fra.core.context;
    t.equal(legs.size, LEGS);
    world.clock.advance(LEG_LIMITS.reservedMs + 100);
    t.ok(fra.core.tick(), 'more legs are due');
    t.equal(legs.size, LEGS - OVERLAY_LIMITS.endedAtOnce);
    t.equal(a.allocate(nyc.service)?.messageClass, 'success', 'a request between two batches');
    t.ok(fra.core.goOn());
    t.notOk(fra.core.goOn());
    t.equal(legs.size, 1);
    t.notOk(fra.core.tick());
  },
);

t.test('a Refresh extends a leg that is due but not yet ended', async (t) => {
  const { world, fra, nyc, a } = twoRelays();
  reserve(world, fra, nyc);
  a.allocate(nyc.service);
  world.clock.advance(LEG_LIMITS.reservedMs + 100);
  t.ok(fra.core.tick());
  t.equal(a.refresh(600)?.messageClass, 'success');
  for (let more = true; more; ) more = fra.core.goOn();
  t.equal(fra.core.context.legs.size, 1);
});
