import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type { Clock } from '../../clock.js';
import { messageOf } from '../../errors.js';
import { readSmallFile } from '../../files/small-file.js';
import type { ReloadedFile } from './reload.js';
import { givesOnce, sayReload, sayRestart } from './say-reload.js';

/** Interval of checks of files that may change. */
export const RELOAD_WATCH_MS = 2_000;

/** How a file, or several that belong together, is read and used. */
export interface WatchedFileOptions<Paths, Value> {
  /** The item's name in the log. */
  readonly item: string;
  /** Reads the file; rejects if it is unusable. */
  readonly read: (paths: Paths) => Promise<Value>;
  /** Uses a new value; throws if it is unusable. */
  readonly take: (value: Value) => void;
  /** Log texts: the value in use stays, or is a new one. */
  readonly stays: () => string;
  readonly changed: () => string;
  /** Without a reload a change is taken when it is this old, so that it is complete. */
  readonly settleMs: number;
  /** Without a reload a fault is logged when it is this old. */
  readonly faultMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * A small file that may change while the program runs. It is read again by its name at each check,
 * which also finds files renamed into place and changed links. A new value is taken completely, or
 * the value before stays.
 */
export class WatchedFile<Paths, Value> {
  readonly #options: WatchedFileOptions<Paths, Value>;
  #paths: Paths;
  #inUse: string;
  /** The last value that was read, and its digest. */
  #last: { readonly value: Value; readonly digest: string };
  /** The last change or fault, and when it was first seen. */
  #seen: { readonly digest: string; readonly sinceMs: number } | undefined;
  #faultSaid: string | undefined;

  /** @param value - the value read from `paths` before */
  constructor(paths: Paths, value: Value, options: WatchedFileOptions<Paths, Value>) {
    this.#paths = paths;
    this.#inUse = digestOf(value);
    this.#last = { value, digest: this.#inUse };
    this.#options = options;
  }

  /**
   * Checks whether the file has changed.
   * @param asked - the paths at a reload, which takes a change at once and logs every result
   */
  async check(asked?: Paths): Promise<void> {
    const { item, read, take, stays, changed, settleMs, logger } = this.#options;
    const paths = asked ?? this.#paths;
    try {
      const value = await read(paths);
      // A reload has changed the paths during this read.
      if (asked === undefined && paths !== this.#paths) return;
      this.#paths = paths;
      const digest = this.#digestOf(value);
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

  /** Returns the digest of a value, which is computed once where `read` returns the same one. */
  #digestOf(value: Value): string {
    if (value !== this.#last.value) this.#last = { value, digest: digestOf(value) };
    return this.#last.digest;
  }

  /** Returns whether the change or fault is `ms` old: a new file may be incomplete. */
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

/** Digests are compared, so that no copy of a secret is kept. */
function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
