import { formatAddress, type TransportAddress } from '../address.js';
import type { PuntedDatagram } from '../native/types.js';
import { decodeTrunkDatagram, verifyTrunkTag } from './datagram.js';
import type { RemoteRelay } from './remote-relay.js';

/** Keys tried for trunk datagrams of ports that are not listed, a second: a relay's … */
const UNLISTED_TRIES_PER_SECOND = 10;

/** … and of all relays. */
const UNLISTED_TRIES_OF_ALL_PER_SECOND = 1_000;

/**
 * Finds out which relay sends from a port that it has not registered: its keys fit what comes. That
 * is no use for data, which stays dropped, but it tells the operator about a NAT. Each relay has a
 * budget: who forges the address of one hides nothing of the others.
 */
export class UnregisteredSources {
  readonly #budgets = { data: new Tries(), control: new Tries() };

  /**
   * Whether one more of a relay's keys may be tried in this second: to be asked when the source is
   * that relay's IP. Data and control have a budget each, as a flood of the one would hide the
   * other.
   */
  takeTry(of: 'data' | 'control', remote: RemoteRelay, now: number): boolean {
    return this.#budgets[of].take(remote, now);
  }

  /**
   * @param datagram - trunk data or a probe, which no registration accounts for
   * @param relays - all that are known
   * @returns the relay that has made it, if one at that IP has
   */
  find(
    { tuple, data }: PuntedDatagram,
    relays: Iterable<RemoteRelay>,
    now: number,
  ): RemoteRelay | undefined {
    if (this.#budgets.data.isSpent(now)) return undefined;
    const decoded = decodeTrunkDatagram(data);
    if (!decoded.ok) return undefined;
    const { datagram } = decoded;
    for (const remote of relays) {
      if (!remote.isUnregisteredPort(tuple.remote)) continue;
      if (!this.takeTry('data', remote, now)) continue;
      if (verifyTrunkTag(data, datagram, remote.receiveDataKey(datagram.epoch))) return remote;
    }
    return undefined;
  }
}

class Tries {
  #second = -1;
  #all = 0;
  /** In this second, by relay. */
  #counts = new WeakMap<RemoteRelay, number>();

  /** Whether no relay's keys may be tried in this second any more. */
  isSpent(now: number): boolean {
    const second = Math.floor(now / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#all = 0;
      this.#counts = new WeakMap();
    }
    return this.#all >= UNLISTED_TRIES_OF_ALL_PER_SECOND;
  }

  take(remote: RemoteRelay, now: number): boolean {
    if (this.isSpent(now)) return false;
    const count = this.#counts.get(remote) ?? 0;
    if (count >= UNLISTED_TRIES_PER_SECOND) return false;
    this.#counts.set(remote, count + 1);
    this.#all += 1;
    return true;
  }
}

/** What is wrong with a source, for the log. */
export function unregisteredSourceText(id: string, source: TransportAddress): string {
  return (
    `data of ${id} comes from ${formatAddress(source)}, which it has not registered: ` +
    'is there a NAT that changes ports?'
  );
}
