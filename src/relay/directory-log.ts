import type { Logger } from 'pino';

/** Says in the log how a relay stands with its directory, each change once. */
export class DirectoryLog {
  readonly #id: string;
  readonly #directory: string;
  readonly #logger: Logger;
  #away: string | undefined;
  /** Whether a registry that was named could not be fetched, which has been said. */
  #unfetched = false;

  constructor(id: string, directory: string, logger: Logger) {
    this.#id = id;
    this.#directory = directory;
    this.#logger = logger;
  }

  /** What is wrong with the directory now, as a word or two; undefined while it answers. */
  get away(): string | undefined {
    return this.#away;
  }

  /** Each time it has become so, which an operator who starts a relay waits for. */
  registered(): void {
    const fields = { event: 'registered', id: this.#id, directory: this.#directory };
    this.#logger.info(fields, `relay ${this.#id} is registered with the directory`);
  }

  /** Logs the first of a row of failures of one kind. */
  failed(kind: string, detail: string | undefined): void {
    if (this.#away === kind) return;
    this.#away = kind;
    this.#logger.warn({ directory: this.#directory, reason: detail }, `directory ${kind}`);
  }

  /** It has answered. */
  back(): void {
    if (this.#away === undefined) return;
    this.#away = undefined;
    this.#logger.info({ directory: this.#directory }, 'directory back');
  }

  fetched(version: string): void {
    if (this.#unfetched) this.#logger.info({ version }, 'registry fetched');
    this.#unfetched = false;
  }

  unfetched(reason: string): void {
    if (this.#unfetched) return;
    this.#unfetched = true;
    this.#logger.warn({ reason }, 'the registry that the directory names cannot be fetched');
  }

  /** A record of the registry that is none. */
  ignored(relay: string, reason: string): void {
    this.#logger.warn({ relay, reason }, 'relay ignored');
  }
}
