import { FakePeer, type PeerOptions } from './peer.js';
import { World } from './world.js';

export { dualStack } from './dual-stack.js';
export { FakePlane } from './fake-plane.js';
export { CONNECTION_ID, FakePeer } from './peer.js';
export { type Content, StandardClient } from './standard-client.js';
export {
  CLUSTER_SECRET,
  type Flight,
  ManualClock,
  type ProbeFlight,
  World,
  type WorldRelay,
} from './world.js';

type More = Partial<PeerOptions>;

/** Two relays with one registry, and a peer at each. */
export function twoRelays(options: { a?: More; b?: More } = {}) {
  const world = new World();
  const fra = world.addRelay('fra-1', '192.0.2.10');
  const nyc = world.addRelay('nyc-1', '192.0.2.20');
  world.introduce();
  const a = new FakePeer(world, {
    address: '203.0.113.7:40000',
    relay: fra,
    role: 0,
    ...options.a,
  });
  const b = new FakePeer(world, {
    address: '198.51.100.9:50000',
    relay: nyc,
    role: 1,
    ...options.b,
  });
  return { world, fra, nyc, a, b };
}

/** As `twoRelays`, with the peers connected. */
export function established(options: { a?: More; b?: More } = {}) {
  const system = twoRelays(options);
  join(system);
  return system;
}

/** Allocates and connects the legs of both peers, also again after they were closed. */
export function join({ a, b, fra, nyc }: ReturnType<typeof twoRelays>): void {
  a.allocate(nyc.service);
  b.allocate(fra.service);
  a.connect(b.address);
  b.connect(a.address);
}
