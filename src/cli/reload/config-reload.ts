import type { Logger } from 'pino';
import type { CommandDefinition } from '../command.js';
import { optionKey } from '../config/option.js';
import { type ConfigInput, type ResolvedConfig, resolveConfig } from '../config/resolve.js';
import { sayReload } from './say-reload.js';

/** Called with the options as they are now. */
export type ReloadListener = (options: ResolvedConfig['values']) => Promise<void> | void;

/**
 * What SIGHUP does to a command: reads its configuration again, takes the log's level, names what
 * has changed and cannot be taken, and lets the command do the rest. One reload at a time; signals
 * that come meanwhile are one more.
 */
export class ConfigReload {
  readonly #input: ConfigInput;
  readonly #reloadable: readonly string[];
  readonly #logger: Logger;
  readonly #atStart: ResolvedConfig['values'];
  #now: ResolvedConfig['values'];
  #listener: ReloadListener | undefined;
  #running = false;
  #wanted = false;

  constructor(options: {
    readonly input: ConfigInput;
    readonly command: CommandDefinition;
    readonly config: ResolvedConfig;
    readonly logger: Logger;
  }) {
    this.#input = options.input;
    this.#reloadable = ['logLevel', ...(options.command.reloadable ?? [])];
    this.#logger = options.logger;
    this.#atStart = options.config.values;
    this.#now = options.config.values;
  }

  /** The command is up: reloads that were asked for meanwhile are made now. */
  listen(listener: ReloadListener): void {
    this.#listener = listener;
    if (this.#wanted) this.request();
  }

  /** Asks for a reload. */
  request(): void {
    this.#wanted = true;
    if (!this.#running && this.#listener !== undefined) void this.#run(this.#listener);
  }

  async #run(listener: ReloadListener): Promise<void> {
    this.#running = true;
    while (this.#wanted) {
      this.#wanted = false;
      await this.#readConfig();
      try {
        await listener(this.#now);
      } catch (error) {
        sayReload(this.#logger, 'reload', 'kept', 'the rest was not reloaded', error);
      }
    }
    this.#running = false;
  }

  async #readConfig(): Promise<void> {
    let next: ResolvedConfig;
    try {
      next = await resolveConfig({ ...this.#input, again: true });
    } catch (error) {
      const detail = 'the options before stay: the configuration cannot be used';
      return sayReload(this.#logger, 'config', 'kept', detail, error);
    }
    for (const [name, value] of Object.entries(next.values)) {
      if (this.#reloadable.includes(name) || same(value, this.#atStart[name])) continue;
      const source = next.sources.get(name) ?? `--${optionKey(name)}, which is gone`;
      const detail = `${source} has changed, which takes a restart`;
      sayReload(this.#logger, optionKey(name), 'restart-needed', detail);
    }
    const taken = this.#reloadable.map((name) => [name, next.values[name]] as const);
    this.#now = { ...this.#atStart, ...Object.fromEntries(taken) };
    this.#setLogLevel(String(next.values.logLevel));
  }

  #setLogLevel(level: string): void {
    const before = this.#logger.level;
    if (level === before) {
      return sayReload(this.#logger, 'log-level', 'unchanged', `the log's level stays ${level}`);
    }
    const say = () =>
      sayReload(this.#logger, 'log-level', 'changed', `the log's level is ${level}, was ${before}`);
    // Under the one of the two levels that lets it through.
    const { values } = this.#logger.levels;
    const quieter = (values[level] ?? Number.POSITIVE_INFINITY) > (values.info ?? 0);
    if (quieter) say();
    this.#logger.level = level;
    if (!quieter) say();
  }
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
