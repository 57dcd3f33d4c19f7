import { networkInterfaces } from 'node:os';
import type { TransportAddress } from '../address.js';
import { sourceTo } from './relay-socket.js';
import type { Cancel, Scheduler } from './scheduler.js';

/** Delay of the periodic check beyond which the host counts as having slept. */
export const WAKE_GAP_MS = 3_000;

/** Interval of checking the host's addresses. */
export const NETWORK_LOOK_MS = 1_000;

/** Minimum interval of checks of the host's addresses. */
export const NETWORK_LOOK_MS_MIN = 100;

/** Callbacks for changes of the host's network. */
export interface NetworkListener {
  /**
   * Called after each check. `changed`: whether the host's addresses differ from the last check.
   */
  readonly onLook: (changed: boolean) => void;
  /** Called when the process or host has stood still: a laptop woke up. */
  readonly onWake: () => void;
}

/**
 * Returns the IP addresses of the host's interfaces that are up, as the system spells them.
 * Link-local ones are included with and without the interface, since a socket's address has it (RFC
 * 4007 section 11).
 */
export function hostAddresses(): ReadonlySet<string> {
  const addresses = new Set<string>();
  for (const [name, entries] of Object.entries(networkInterfaces())) {
    for (const entry of entries ?? []) {
      addresses.add(entry.address);
      if (entry.family === 'IPv6' && entry.scopeid > 0) addresses.add(`${entry.address}%${name}`);
    }
  }
  return addresses;
}

/** What a watch reads. */
export interface NetworkFacts {
  /** Returns the host's addresses now. */
  readonly addresses: () => ReadonlySet<string>;
  /** Returns the source address of packets to a destination; undefined without a route. */
  readonly source: (to: TransportAddress) => Promise<string | undefined>;
}

const HOST: NetworkFacts = { addresses: hostAddresses, source: sourceTo };

/** Maximum destinations whose routes are checked; each costs a socket. */
const ROUTES_MAX = 64;

/**
 * Checks the host's addresses once a second while there are listeners. All peers of a process share
 * one watch, as there may be thousands. (Node has no event for a change; reading costs about 50
 * µs.)
 */
export class NetworkWatch {
  readonly #scheduler: Scheduler;
  readonly #facts: NetworkFacts;
  readonly #listeners = new Set<NetworkListener>();
  #addresses: ReadonlySet<string> = new Set();
  #lookedAtMs = 0;
  #readAtMs = Number.NEGATIVE_INFINITY;
  /**
   * Wall-clock time at `#lookedAtMs`, Unix ms. It advances while the host sleeps; the monotonic
   * clock may not.
   */
  #lookedAtWallMs = 0;
  #cancel: Cancel | undefined;
  /** Results of `sourceTo` since the last check, by IP address. */
  readonly #sources = new Map<string, Promise<string | undefined>>();
  #turns = 0;

  constructor(scheduler: Scheduler, facts: NetworkFacts = HOST) {
    this.#scheduler = scheduler;
    this.#facts = facts;
  }

  /** The addresses at the last check. */
  get addresses(): ReadonlySet<string> {
    return this.#addresses;
  }

  /** Returns whether the host has an address now, even if it was added since the last check. */
  has(address: string): boolean {
    return this.#addresses.has(address) || this.#facts.addresses().has(address);
  }

  /**
   * Returns the source address of packets to a relay, looked up once per check for all peers.
   * @returns undefined without a route; `unknown` for more than `ROUTES_MAX` relays
   */
  async sourceTo(relay: TransportAddress): Promise<string | undefined> {
    const known = this.#sources.get(relay.address);
    if (known === undefined && this.#sources.size >= ROUTES_MAX) return 'unknown';
    const source = known ?? this.#facts.source(relay);
    this.#sources.set(relay.address, source);
    return source;
  }

  /**
   * Calls back: the first caller after a check at once, each further one a millisecond later, up to
   * a second, so that thousands of peers do not act at the same moment.
   */
  inTurn(callback: () => void): void {
    const delayMs = Math.min(this.#turns, NETWORK_LOOK_MS);
    this.#turns += 1;
    if (delayMs === 0) callback();
    else this.#scheduler.after(delayMs, callback);
  }

  /** Adds a listener. @returns a function that removes it */
  listen(listener: NetworkListener): Cancel {
    if (this.#listeners.size === 0) this.#begin();
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#cancel?.();
      this.#cancel = undefined;
    };
  }

  /**
   * Checks at once, unless the last check was less than `NETWORK_LOOK_MS_MIN` ago: a peer whose
   * sends fail may call this for each packet.
   */
  look(): void {
    const sinceMs = this.#scheduler.monotonic() - this.#readAtMs;
    if (this.#listeners.size > 0 && sinceMs >= NETWORK_LOOK_MS_MIN) this.#look();
  }

  #look(): void {
    this.#readAtMs = this.#scheduler.monotonic();
    const before = this.#addresses;
    this.#addresses = this.#facts.addresses();
    this.#sources.clear();
    this.#turns = 0;
    const changed =
      before.size !== this.#addresses.size ||
      [...before].some((address) => !this.#addresses.has(address));
    for (const listener of [...this.#listeners]) listener.onLook(changed);
  }

  #begin(): void {
    this.#addresses = this.#facts.addresses();
    this.#sources.clear();
    this.#arm();
  }

  #arm(): void {
    this.#lookedAtMs = this.#scheduler.monotonic();
    this.#lookedAtWallMs = this.#scheduler.now();
    this.#cancel = this.#scheduler.after(NETWORK_LOOK_MS, () => this.#onTime());
  }

  #onTime(): void {
    const passedMs = this.#scheduler.monotonic() - this.#lookedAtMs;
    const wallMs = this.#scheduler.now() - this.#lookedAtWallMs;
    this.#arm();
    // A step of the wall clock has the same effect, at the cost of one Refresh.
    if (Math.max(passedMs, wallMs) > NETWORK_LOOK_MS + WAKE_GAP_MS) {
      for (const listener of [...this.#listeners]) listener.onWake();
    }
    this.#look();
  }
}

const watches = new WeakMap<Scheduler, NetworkWatch>();

/** Returns the watch that belongs to a clock. */
export function networkWatch(scheduler: Scheduler): NetworkWatch {
  const known = watches.get(scheduler);
  if (known !== undefined) return known;
  const made = new NetworkWatch(scheduler);
  watches.set(scheduler, made);
  return made;
}
