import type { Logger } from 'pino';
import type { Clock } from '../clock.js';

/** How often this host's addresses are looked at. */
const CHECK_MS = 1_000;

/** One IP for each trunk socket, undefined where the kernel chooses. */
export type TrunkLocals = readonly (string | undefined)[];

export interface WildcardSourceWatchOptions {
  /** What they are now; `wildcardSources`. */
  readonly read: () => TrunkLocals;
  /** Called with what has changed. */
  readonly apply: (locals: TrunkLocals) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Follows which addresses trunk data must leave from where sockets are bound to a wildcard: the
 * announced one may come to this host after the relay has started (DHCP, a floating address), or
 * leave it.
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

  /** Those last seen. */
  get locals(): TrunkLocals {
    return this.#locals;
  }

  /** Looks, if it is time to. */
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
