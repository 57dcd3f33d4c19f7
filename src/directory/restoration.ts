import type { Clock } from '../clock.js';
import { parsedVersion } from '../registry/parts.js';

/** Time without a relay that comes back after which a restarted directory has all of them. */
export const RESTORATION_QUIET_MS = 3_000;
/** Maximum time in which a restarted directory holds its registry back. */
export const RESTORATION_MS_MAX = 20_000;

/** Maximum versions that are waited for; relays of one cluster name few different ones. */
const VERSIONS_MAX = 16;

/**
 * Tells when a restarted directory has its relays back. Until then its registry lacks most of them,
 * and thousands of relays would each fetch several such registries, to end with the one that they
 * had. So relays that still have a large registry are told of no other one before all are back: the
 * directory's version is then the one that they named, or no relay has come for a while.
 */
export class Restoration {
  readonly #clock: Clock;
  readonly #named = new Set<string>();
  #firstAtMs: number | undefined;
  #lastAtMs = 0;
  #isOver = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes the registration of a relay that was not registered. */
  joined(): void {
    this.#lastAtMs = this.#clock.monotonic();
    this.#firstAtMs ??= this.#lastAtMs;
  }

  /** Notes a version that this process has made. */
  made(version: string): void {
    if (this.#named.has(version)) this.#isOver = true;
  }

  /** Returns whether a relay that has a version of a former process should keep it for now. */
  holdsBack(version: string): boolean {
    if (this.#isOver || parsedVersion(version).parts === 1) return false;
    if (this.#named.size < VERSIONS_MAX) this.#named.add(version);
    if (this.#firstAtMs === undefined) return true;
    const now = this.#clock.monotonic();
    this.#isOver =
      now - this.#firstAtMs >= RESTORATION_MS_MAX || now - this.#lastAtMs >= RESTORATION_QUIET_MS;
    return !this.#isOver;
  }
}
