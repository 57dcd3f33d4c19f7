import { formatAddress, type TransportAddress } from '../address.js';
import type { PuntedDatagram } from '../native/types.js';
import { decodeTrunkDatagram, verifyTrunkTag } from './datagram.js';
import type { RemoteRelay } from './remote-relay.js';
import type { TrunkKeys } from './trunk-key-rotation.js';

/** Keys tried per second for trunk datagrams of unregistered ports, per relay. */
const UNREGISTERED_TRIES_PER_SECOND = 10;

/** Keys tried per second for trunk datagrams of unregistered ports, of all relays. */
const UNREGISTERED_TRIES_OF_ALL_PER_SECOND = 1_000;

/**
 * Identifies the relay that sends from an unregistered port, by its keys. The data plane drops the
 * data (kTrunkUnknownSource); here the operator learns of a NAT. Each relay has a budget, so that
 * forged packets from one relay's address do not hide another relay.
 */
export class UnregisteredSources {
  readonly #budgets = { data: new Tries(), control: new Tries() };

  /**
   * Returns whether another key of a relay may be tried this second. To be called if the source has
   * that relay's IP. Data and control have separate budgets, so that a flood of one does not hide
   * the other.
   */
  takeTry(of: 'data' | 'control', remote: RemoteRelay, now: number): boolean {
    return this.#budgets[of].take(remote, now);
  }

  /**
   * Returns the relay with the datagram's source IP whose key verifies the datagram.
   * @param datagram - trunk data or a probe from an unregistered port
   * @param relays - all known relays
   * @param now - monotonic ms
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
  /** Tries in this second, by relay. */
  #counts = new WeakMap<RemoteRelay, number>();

  /** Returns whether the budget of all relays is used up for this second. */
  isSpent(now: number): boolean {
    const second = Math.floor(now / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#all = 0;
      this.#counts = new WeakMap();
    }
    return this.#all >= UNREGISTERED_TRIES_OF_ALL_PER_SECOND;
  }

  take(remote: RemoteRelay, now: number): boolean {
    if (this.isSpent(now)) return false;
    const count = this.#counts.get(remote) ?? 0;
    if (count >= UNREGISTERED_TRIES_PER_SECOND) return false;
    this.#counts.set(remote, count + 1);
    this.#all += 1;
    return true;
  }
}

/** Describes an unregistered source, for the log. */
export function unregisteredSourceText(id: string, source: TransportAddress): string {
  return (
    `data of ${id} comes from ${formatAddress(source)}, which it has not registered: ` +
    'is there a NAT that changes ports?'
  );
}

/** Returns whether a trunk datagram carries the tag of another relay's keys. */
export function isSealed(data: Uint8Array, keys: TrunkKeys): boolean {
  const decoded = decodeTrunkDatagram(data);
  if (!decoded.ok) return false;
  const { datagram } = decoded;
  return verifyTrunkTag(data, datagram, keys.receiveDataKey(datagram.epoch).key);
}
