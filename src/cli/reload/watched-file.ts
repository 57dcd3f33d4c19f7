import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type { Clock } from '../../clock.js';
import { messageOf } from '../../errors.js';
import { readSmallFile } from '../../files/small-file.js';
import type { ReloadedFile } from './reload.js';
import { givesOnce, sayReload, sayRestart } from './say-reload.js';

/** Files that may change are looked at this often. */
export const RELOAD_WATCH_MS = 2_000;

/** How a file of a program, or a few that belong together, is read and put to use. */
export interface WatchedFileOptions<Paths, Value> {
  /** The item's name in the log. */
  readonly item: string;
  /** @throws where the file is no such thing */
  readonly read: (paths: Paths) => Promise<Value>;
  /** Puts it to use; throws when it cannot. */
  readonly take: (value: Value) => void;
  /** What the log says when what is in use stays, and when a new one is. */
  readonly stays: () => string;
  readonly changed: () => string;
  /** A change that nobody asked for is taken when it has stood still for so long, milliseconds. */
  readonly settleMs: number;
  /** A fault that nobody asked for is said when it has lasted for so long, milliseconds. */
  readonly faultMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * A small file that may change while its reader runs. It is looked at by its name, so that files
 * renamed into place and links that point elsewhere are seen alike. A new one is taken whole, or
 * the one before stays.
 */
export class WatchedFile<Paths, Value> {
  readonly #options: WatchedFileOptions<Paths, Value>;
  #paths: Paths;
  #inUse: string;
  /** The change, or the fault, that was seen last. */
  #seen: { readonly digest: string; readonly sinceMs: number } | undefined;
  #faultSaid: string | undefined;

  /** @param value - what was read from `paths` before */
  constructor(paths: Paths, value: Value, options: WatchedFileOptions<Paths, Value>) {
    this.#paths = paths;
    this.#inUse = digestOf(value);
    this.#options = options;
  }

  /**
   * Looks whether the file has changed.
   * @param asked - by an operator, and where: what is there is taken, and the outcome said anyway
   */
  async check(asked?: Paths): Promise<void> {
    const { item, read, take, stays, changed, settleMs, logger } = this.#options;
    const paths = asked ?? this.#paths;
    try {
      const value = await read(paths);
      // An operator has named other paths while the timer's read of the old ones was under way.
      if (asked === undefined && paths !== this.#paths) return;
      this.#paths = paths;
      const digest = digestOf(value);
      if (digest === this.#inUse) {
        this.#seen = undefined;
        if (asked !== undefined) sayReload(logger, item, 'unchanged', stays());
      } else if (asked !== undefined || settleMs === 0 || this.#stands(digest, settleMs)) {
        take(value);
        this.#inUse = digest;
        this.#seen = undefined;
        sayReload(logger, item, 'changed', changed());
      }
      this.#faultSaid = undefined;
    } catch (error) {
      if (asked !== undefined || !givesOnce(error)) this.#note(error, asked !== undefined);
    }
  }

  /** Whether what is there has been there for a moment: half a file looks whole to its reader. */
  #stands(digest: string, ms: number): boolean {
    const now = this.#options.clock.monotonic();
    if (this.#seen?.digest !== digest) this.#seen = { digest, sinceMs: now };
    return now - this.#seen.sinceMs >= ms;
  }

  #note(error: unknown, asked: boolean): void {
    const { item, stays, faultMs, logger } = this.#options;
    const digest = digestOf(messageOf(error));
    const lasts = this.#stands(digest, faultMs);
    if (!asked && (this.#faultSaid === digest || !lasts)) return;
    this.#faultSaid = digest;
    sayReload(logger, item, 'kept', stays(), error);
  }
}

/**
 * A file that is read only at the start. A reload logs whether it has changed.
 * @param item - the option's key
 */
export async function fixedFile(item: string, path: string, logger: Logger): Promise<ReloadedFile> {
  const file = { path, source: `--${item}`, code: 'ERR_TURNPIKE_SECRET', again: true } as const;
  const read = () =>
    readSmallFile(file).then(
      (text) => ({ digest: digestOf(text), fault: undefined }),
      (fault: unknown) => ({ digest: undefined, fault }),
    );
  const atStart = await read();
  const check = async () => {
    const { digest, fault } = await read();
    if (digest !== atStart.digest) {
      if (fault === undefined) return sayRestart(logger, item, path);
      sayReload(logger, item, 'kept', 'what was read at the start stays', fault);
    } else if (givesOnce(fault)) {
      // The content of a pipe is not known.
      sayReload(logger, item, 'unchanged', messageOf(fault));
    }
  };
  return { check };
}

/** Secrets are compared by their digests, which hold nothing of them. */
function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
