import type { Logger } from 'pino';
import { COMMON_OPTIONS, type OptionTable, optionKey } from '../config/option.js';
import { type ConfigInput, type ResolvedConfig, resolveConfig } from '../config/resolve.js';
import { sayReload, sayRestart } from './say-reload.js';

type Values = ResolvedConfig['values'];

/** What a program gives to be reloaded. */
export interface Reloaded {
  /** Changes settings: all that are given, or none; it throws then. */
  update(settings: Values): void;
  /** Files that options name: each takes what is new, and says what became of it. */
  readonly files: readonly { readonly check: (options: Values) => Promise<void> }[];
  /** What the log says of an item of options, where the values alone do not say it. */
  readonly words?: Readonly<Record<string, (options: Values) => string>>;
}

/**
 * What SIGHUP does to a program, by the table of its options: those that change while it runs are
 * taken, together or not at all; those that change at a start are named; then come the files. One
 * reload at a time; signals that come meanwhile are one more.
 */
export class Reload {
  readonly #input: ConfigInput;
  readonly #table: OptionTable;
  readonly #logger: Logger;
  readonly #atStart: Values;
  #now: Values;
  #target: Reloaded | undefined;
  #running = false;
  #wanted = false;

  /** @param values - the options at the start */
  constructor(input: ConfigInput, values: Values, logger: Logger) {
    this.#input = input;
    this.#table = { ...input.options, ...COMMON_OPTIONS };
    this.#logger = logger;
    this.#atStart = values;
    this.#now = values;
  }

  /** The program is up: a reload that was asked for meanwhile is made now. */
  of(target: Reloaded): void {
    this.#target = target;
    if (this.#wanted) this.request();
  }

  /** Asks for a reload. */
  request(): void {
    this.#wanted = true;
    if (!this.#running && this.#target !== undefined) void this.#run(this.#target);
  }

  async #run(target: Reloaded): Promise<void> {
    this.#running = true;
    while (this.#wanted) {
      this.#wanted = false;
      try {
        this.#take(target, await resolveConfig({ ...this.#input, again: true }));
      } catch (error) {
        const detail = 'the options before stay: the configuration cannot be used';
        sayReload(this.#logger, 'config', 'kept', detail, error);
      }
      for (const file of target.files) await file.check(this.#now);
    }
    this.#running = false;
  }

  /** @throws where the program cannot take them; nothing has changed then */
  #take(target: Reloaded, { values, sources }: ResolvedConfig): void {
    const names = Object.keys(this.#table).filter((name) => name !== 'config');
    const isRunning = (name: string) => this.#table[name]?.changes === 'while running';
    const running = names.filter(isRunning);
    const changed = new Set(running.filter((name) => !same(values[name], this.#now[name])));
    const settings = [...changed].flatMap((name) => {
      const setting = this.#table[name]?.setting;
      return setting === undefined ? [] : [[setting, values[name]]];
    });
    if (settings.length > 0) target.update(Object.fromEntries(settings));
    this.#now = { ...this.#atStart, ...pick(values, running) };
    for (const name of names) {
      if (isRunning(name) || same(values[name], this.#atStart[name])) continue;
      sayRestart(this.#logger, optionKey(name), sources.get(name) ?? `--${optionKey(name)}, gone,`);
    }
    for (const [item, of] of this.#items(running)) {
      const result = of.some((name) => changed.has(name)) ? 'changed' : 'unchanged';
      const detail = target.words?.[item]?.(this.#now) ?? valuesText(this.#now, of);
      sayReload(this.#logger, item, result, detail);
    }
    this.#setLogLevel(String(values.logLevel));
  }

  /** The options of each item; files have theirs, and so has the log's level. */
  #items(running: readonly string[]): Map<string, string[]> {
    const items = new Map<string, string[]>();
    for (const name of running) {
      const { setting, item = optionKey(name) } = this.#table[name] ?? {};
      if (setting !== undefined) items.set(item, [...(items.get(item) ?? []), name]);
    }
    return items;
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

function valuesText(values: Values, names: readonly string[]): string {
  const text = (value: unknown) => (Array.isArray(value) ? value.join(', ') || 'none' : value);
  return names.map((name) => `${optionKey(name)}: ${text(values[name])}`).join(', ');
}

function pick(values: Values, names: readonly string[]): Values {
  return Object.fromEntries(names.map((name) => [name, values[name]]));
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
