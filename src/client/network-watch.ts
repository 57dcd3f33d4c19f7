import { networkInterfaces } from 'node:os';
import type { TransportAddress } from '../address.js';
import { sourceTo } from './relay-socket.js';
import type { Cancel, Scheduler } from './scheduler.js';

/** A look that comes this much too late says that the host slept. */
export const WAKE_GAP_MS = 3_000;

/** The host's addresses are looked at this often. */
export const NETWORK_LOOK_MS = 1_000;

/** Looks at the host's addresses are at least this far apart. */
export const NETWORK_LOOK_MS_MIN = 100;

/** Told of what changed around an open peer. */
export interface NetworkListener {
  /** The host's addresses are others than before, or were just looked at because a send failed. */
  readonly onLook: (changed: boolean) => void;
  /** The process, or the host, stood still for a while: a laptop woke up. */
  readonly onWake: () => void;
}

/**
 * The IP addresses of the host's interfaces that are up, as the system spells them: link-local ones
 * with and without the interface, as a socket's own has it (RFC 4007 section 11).
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

/** What a watch looks at. */
export interface NetworkFacts {
  /** The host's addresses now. */
  readonly addresses: () => ReadonlySet<string>;
  /** The address that packets to another one leave from now; undefined without a route. */
  readonly source: (to: TransportAddress) => Promise<string | undefined>;
}

const HOST: NetworkFacts = { addresses: hostAddresses, source: sourceTo };

/** Destinations whose routes are looked at; more are rare, and would cost a socket each. */
const ROUTES_MAX = 64;

/**
 * Looks at the host's addresses once a second while anybody listens; one for all peers of a
 * process, as there may be thousands. (Node tells nobody of a change; asking costs some 50 µs.)
 */
export class NetworkWatch {
  readonly #scheduler: Scheduler;
  readonly #facts: NetworkFacts;
  readonly #listeners = new Set<NetworkListener>();
  #addresses: ReadonlySet<string> = new Set();
  #lookedAtMs = 0;
  #readAtMs = Number.NEGATIVE_INFINITY;
  /**
   * The wall clock at `#lookedAtMs`: it advances while the host sleeps, the monotonic one may not.
   */
  #lookedAtWallMs = 0;
  #cancel: Cancel | undefined;
  /** What was asked for since the last look, by IP address. */
  readonly #sources = new Map<string, Promise<string | undefined>>();
  #turns = 0;

  constructor(scheduler: Scheduler, facts: NetworkFacts = HOST) {
    this.#scheduler = scheduler;
    this.#facts = facts;
  }

  /** The addresses at the last look. */
  get addresses(): ReadonlySet<string> {
    return this.#addresses;
  }

  /** Whether the host has an address now, even if it came after the last look. */
  has(address: string): boolean {
    return this.#addresses.has(address) || this.#facts.addresses().has(address);
  }

  /**
   * The address that packets to a relay leave from, asked for once in a look for all peers.
   * @returns `unknown` where there are too many relays to look at each
   */
  async sourceTo(relay: TransportAddress): Promise<string | undefined> {
    const known = this.#sources.get(relay.address);
    if (known === undefined && this.#sources.size >= ROUTES_MAX) return 'unknown';
    const source = known ?? this.#facts.source(relay);
    this.#sources.set(relay.address, source);
    return source;
  }

  /**
   * Calls back: the first caller after a look at once, each further one a millisecond later, up to
   * a second, so that thousands of peers of a process do not act at the same moment.
   */
  inTurn(callback: () => void): void {
    const delayMs = Math.min(this.#turns, NETWORK_LOOK_MS);
    this.#turns += 1;
    if (delayMs === 0) callback();
    else this.#scheduler.after(delayMs, callback);
  }

  /** @returns ends it */
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
   * Looks at once and tells everybody, unless it has just done so: a peer whose sends fail may ask
   * for each packet.
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
    // A step of the wall clock looks the same and costs one Refresh too many.
    if (Math.max(passedMs, wallMs) > NETWORK_LOOK_MS + WAKE_GAP_MS) {
      for (const listener of [...this.#listeners]) listener.onWake();
    }
    this.#look();
  }
}

const watches = new WeakMap<Scheduler, NetworkWatch>();

/** The one watch of a clock. */
export function networkWatch(scheduler: Scheduler): NetworkWatch {
  const known = watches.get(scheduler);
  if (known !== undefined) return known;
  const made = new NetworkWatch(scheduler);
  watches.set(scheduler, made);
  return made;
}
