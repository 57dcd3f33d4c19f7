import { parseAddress } from '../../../src/address.js';
import type { PathEvent } from '../../../src/trunk/path-event.js';
import { World } from './world.js';

/** Two relays with an IPv4 and an IPv6 trunk address each and one registry. */
export function dualStack() {
  const world = new World();
  const news: PathEvent[] = [];
  const six = (n: number) => parseAddress(`[2001:db8::${n}]:3480`);
  const fra = world.addRelay('fra-1', '192.0.2.10', {
    trunkToo: six(10),
    onTrunk: (_, each) => news.push(each),
  });
  const nyc = world.addRelay('nyc-1', '192.0.2.20', { trunkToo: six(20) });
  world.introduce();
  const remote = () => {
    const known = fra.core.context.trunk.relays.get('nyc-1');
    if (!known) throw new Error('nyc-1 is not known');
    return known;
  };
  const entry = () => fra.plane.remoteRelays.get(remote().relayIndex);
  return { world, fra, nyc, news, remote, entry };
}
