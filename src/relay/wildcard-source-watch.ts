import type { Logger } from 'pino';
import type { Clock } from '../clock.js';

/** Interval of reading this host's addresses, ms. */
const CHECK_MS = 1_000;

/** Source IP of each trunk socket; undefined if the kernel chooses. */
export type TrunkLocals = readonly (string | undefined)[];

/** Dependencies of `WildcardSourceWatch`. */
export interface WildcardSourceWatchOptions {
  /** Returns the present ones (`wildcardSources`). */
  readonly read: () => TrunkLocals;
  /** Called with all of them after a change. */
  readonly apply: (locals: TrunkLocals) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Follows changes of the source IP of trunk sockets that are bound to a wildcard: the advertised
 * address may be added to this host, or removed, while the relay runs (DHCP, a floating address).
 */
export class WildcardSourceWatch {
  readonly #options: WildcardSourceWatchOptions;
  #locals: TrunkLocals;
  #checkedAt: number;

  constructor(options: WildcardSourceWatchOptions) {
    this.#options = options;
    this.#locals = options.read();
    this.#checkedAt = options.clock.monotonic();
  }

  /** Those last read. */
  get locals(): TrunkLocals {
    return this.#locals;
  }

  /** Reads the host's addresses if that is due. */
  check(): void {
    const { read, apply, clock, logger } = this.#options;
    const now = clock.monotonic();
    if (now - this.#checkedAt < CHECK_MS) return;
    this.#checkedAt = now;
    const locals = read();
    if (locals.every((local, index) => local === this.#locals[index])) return;
    this.#locals = locals;
    const chosen = locals.map((local) => local ?? "the kernel's choice").join(', ');
    logger.info({ event: 'trunk-sources' }, `trunk data leaves from ${chosen} now`);
    apply(locals);
  }
}
