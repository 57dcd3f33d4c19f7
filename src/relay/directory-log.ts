import type { Logger } from 'pino';

/** Logs the state of a relay's registration with its directory, each change once. */
export class DirectoryLog {
  readonly #id: string;
  readonly #directory: string;
  readonly #logger: Logger;
  #away: string | undefined;
  /** Whether a failed fetch of the registry has been logged. */
  #unfetched = false;

  constructor(id: string, directory: string, logger: Logger) {
    this.#id = id;
    this.#directory = directory;
    this.#logger = logger;
  }

  /** The directory's present failure, in a few words; undefined while it answers. */
  get away(): string | undefined {
    return this.#away;
  }

  /** Logs each registration: operators wait for it after a start. */
  registered(): void {
    const fields = { event: 'registered', id: this.#id, directory: this.#directory };
    this.#logger.info(fields, `relay ${this.#id} is registered with the directory`);
  }

  /** Logs the first of consecutive failures of one kind. */
  failed(kind: string, detail: string | undefined): void {
    if (this.#away === kind) return;
    this.#away = kind;
    this.#logger.warn({ directory: this.#directory, reason: detail }, `directory ${kind}`);
  }

  /** Logs that the directory answers again. */
  back(): void {
    if (this.#away === undefined) return;
    this.#away = undefined;
    this.#logger.info({ directory: this.#directory }, 'directory back');
  }

  /** Logs a fetched registry after a failed fetch. */
  fetched(version: string): void {
    if (this.#unfetched) this.#logger.info({ version }, 'registry fetched');
    this.#unfetched = false;
  }

  /** Logs a failed fetch of the registry, once. */
  unfetched(reason: string): void {
    if (this.#unfetched) return;
    this.#unfetched = true;
    this.#logger.warn({ reason }, 'the registry that the directory names cannot be fetched');
  }

  /** Logs an invalid record in the registry. */
  ignored(relay: string, reason: string): void {
    this.#logger.warn({ relay, reason }, 'relay ignored');
  }
}
