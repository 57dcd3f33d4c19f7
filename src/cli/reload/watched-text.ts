import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import { readSmallFile } from '../../auth/small-file.js';
import type { Clock } from '../../clock.js';
import { givesOnce, sayReload } from './say-reload.js';
import { RELOAD_WATCH_MS } from './watch.js';

/** How one file of a command is read and put to use. */
export interface WatchedTextOptions<Value> {
  /** The item's name in the log. */
  readonly item: string;
  /** In words, such as `the API key`. */
  readonly what: string;
  /** @throws where the file is no such thing */
  readonly read: (path: string) => Promise<Value>;
  /** Puts it to use; throws when it cannot. */
  readonly take: (value: Value) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * A small file that may change while its reader runs. Changes that are seen are taken once they
 * have stood still for a moment, because a file that is being written looks whole to its reader.
 */
export class WatchedText<Value> {
  readonly #options: WatchedTextOptions<Value>;
  #path: string;
  #inUse: string;
  #candidate: { readonly value: string; readonly sinceMs: number } | undefined;
  #faultSaid: string | undefined;

  /** @param value - what was read from `path` before */
  constructor(path: string, value: Value, options: WatchedTextOptions<Value>) {
    this.#path = path;
    this.#inUse = digestOf(value);
    this.#options = options;
  }

  /**
   * Looks whether the file has changed.
   * @param asked - by an operator: what is there now is taken, and the outcome said in any case
   */
  async check(asked?: { readonly path: string }): Promise<void> {
    const { item, what, read, take, logger } = this.#options;
    const path = asked?.path ?? this.#path;
    try {
      const value = await read(path);
      this.#path = path;
      const digest = digestOf(value);
      if (digest === this.#inUse) {
        this.#candidate = undefined;
        if (asked !== undefined) sayReload(logger, item, 'unchanged', `${what} stays`);
      } else if (asked !== undefined || this.#stands(digest)) {
        take(value);
        this.#inUse = digest;
        this.#candidate = undefined;
        sayReload(logger, item, 'changed', `${what} has changed: from now on the new one counts`);
      }
      this.#faultSaid = undefined;
    } catch (error) {
      if (asked !== undefined || !givesOnce(error)) this.#note(error, asked !== undefined);
    }
  }

  /** Whether what is there has been there for a moment. */
  #stands(value: string): boolean {
    const now = this.#options.clock.monotonic();
    if (this.#candidate?.value !== value) this.#candidate = { value, sinceMs: now };
    return now - this.#candidate.sinceMs >= RELOAD_WATCH_MS;
  }

  #note(error: unknown, asked: boolean): void {
    const text = faultText(error);
    const digest = digestOf(text);
    const stands = this.#stands(digest);
    if (!asked && (this.#faultSaid === digest || !stands)) return;
    this.#faultSaid = digest;
    const { item, what, logger } = this.#options;
    sayReload(logger, item, 'kept', `${what} stays`, text);
  }
}

/** A file that is read at the start alone: at a reload it is said when it has changed. */
export class FixedFile {
  readonly #item: string;
  readonly #path: string;
  readonly #atStart: Content;

  private constructor(item: string, path: string, atStart: Content) {
    this.#item = item;
    this.#path = path;
    this.#atStart = atStart;
  }

  /** @param item - the option's key */
  static async read(item: string, path: string): Promise<FixedFile> {
    return new FixedFile(item, path, await contentOf(item, path));
  }

  async check(logger: Logger): Promise<void> {
    const now = await contentOf(this.#item, this.#path);
    if (now.digest === this.#atStart.digest) {
      // Nothing is known of the content of a pipe.
      if (givesOnce(now.fault)) sayReload(logger, this.#item, 'unchanged', faultText(now.fault));
      return;
    }
    if (now.fault !== undefined) {
      const detail = 'what was read at the start stays';
      return sayReload(logger, this.#item, 'kept', detail, now.fault);
    }
    const detail = `${this.#path} has changed, which takes a restart`;
    sayReload(logger, this.#item, 'restart-needed', detail);
  }
}

/** A file's content, as a digest, or why it has none. */
interface Content {
  readonly digest?: string;
  readonly fault?: unknown;
}

async function contentOf(item: string, path: string): Promise<Content> {
  const file = { path, source: `--${item}`, code: 'ERR_TURNPIKE_SECRET', again: true } as const;
  return readSmallFile(file).then(
    (text) => ({ digest: digestOf(text) }),
    (fault: unknown) => ({ fault }),
  );
}

function faultText(fault: unknown): string {
  return fault instanceof Error ? fault.message : String(fault);
}

/** Secrets are compared by their digests, which hold nothing of them. */
function digestOf(value: unknown): string {
  return createHash('sha256').update(String(value)).digest('hex');
}
