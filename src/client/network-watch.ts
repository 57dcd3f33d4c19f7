import { networkInterfaces } from 'node:os';
import { LIMITS } from '../limits.js';
import type { Cancel, Scheduler } from './scheduler.js';

/** Told of what changed around an open peer. */
export interface NetworkListener {
  /** The host's addresses are others than before, or were just looked at because a send failed. */
  readonly onLook: (changed: boolean) => void;
  /** The process, or the host, stood still for a while: a laptop woke up. */
  readonly onWake: () => void;
}

/** The IP addresses of the host's interfaces that are up, as the system spells them. */
export function hostAddresses(): ReadonlySet<string> {
  const addresses = new Set<string>();
  for (const entries of Object.values(networkInterfaces())) {
    for (const { address } of entries ?? []) addresses.add(address);
  }
  return addresses;
}

/**
 * Looks at the host's addresses once a second while anybody listens; one for all peers of a
 * process, as there may be thousands. (Node tells nobody of a change; asking costs some 50 µs.)
 */
export class NetworkWatch {
  readonly #scheduler: Scheduler;
  readonly #read: () => ReadonlySet<string>;
  readonly #listeners = new Set<NetworkListener>();
  #addresses: ReadonlySet<string> = new Set();
  #lookedAtMs = 0;
  #readAtMs = Number.NEGATIVE_INFINITY;
  /** The wall clock at the same moment: it goes on while the host sleeps, the other may not. */
  #lookedAtWallMs = 0;
  #cancel: Cancel | undefined;

  /** @param read - the addresses now */
  constructor(scheduler: Scheduler, read: () => ReadonlySet<string> = hostAddresses) {
    this.#scheduler = scheduler;
    this.#read = read;
  }

  /** The addresses at the last look. */
  get addresses(): ReadonlySet<string> {
    return this.#addresses;
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
    if (this.#listeners.size > 0 && sinceMs >= LIMITS.networkLookMsMin) this.#look();
  }

  #look(): void {
    this.#readAtMs = this.#scheduler.monotonic();
    const before = this.#addresses;
    this.#addresses = this.#read();
    const changed =
      before.size !== this.#addresses.size ||
      [...before].some((address) => !this.#addresses.has(address));
    for (const listener of [...this.#listeners]) listener.onLook(changed);
  }

  #begin(): void {
    this.#addresses = this.#read();
    this.#arm();
  }

  #arm(): void {
    this.#lookedAtMs = this.#scheduler.monotonic();
    this.#lookedAtWallMs = this.#scheduler.now();
    this.#cancel = this.#scheduler.after(LIMITS.networkLookMs, () => this.#onTime());
  }

  #onTime(): void {
    const passedMs = this.#scheduler.monotonic() - this.#lookedAtMs;
    const wallMs = this.#scheduler.now() - this.#lookedAtWallMs;
    this.#arm();
    // A step of the wall clock looks the same; then it is one Refresh too many.
    if (Math.max(passedMs, wallMs) > LIMITS.networkLookMs + LIMITS.wakeGapMs) {
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
