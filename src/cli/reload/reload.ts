import type { Logger } from 'pino';
import { COMMON_OPTIONS, type OptionTable, optionKey, settingsOf } from '../config/option.js';
import { type ConfigInput, type ResolvedConfig, resolveConfig } from '../config/resolve.js';
import { sayReload, sayRestart } from './say-reload.js';
import { fixedFile } from './watched-file.js';

type Values = ResolvedConfig['values'];
type Config = Pick<ResolvedConfig, 'values' | 'remarks'>;

/** A file that an option names. */
export interface ReloadedFile {
  /**
   * Checks whether the file has changed, takes it, and logs the outcome.
   * @param asked - the options at a reload; undefined at a check without one
   */
  check(asked?: Values): Promise<void>;
}

/** A program that can be reloaded. */
export interface Reloaded {
  /** Changes all given settings; throws and changes none if one is invalid. */
  update(settings: Values): void;
  readonly files: readonly ReloadedFile[];
  /** Log texts of items whose values alone would not be clear. */
  readonly words?: Readonly<Record<string, (options: Values) => string>> | undefined;
}

/**
 * Reloads a program at SIGHUP by its table of options. Options that change while it runs are taken
 * together or not at all. Changed options that need a restart are logged. Then the files are
 * checked. One reload runs at a time; signals that come meanwhile make one more.
 */
export class Reload {
  readonly #input: ConfigInput;
  readonly #table: OptionTable;
  readonly #logger: Logger;
  readonly #atStart: Values;
  #now: Values;
  /** What was said about a file of another program. */
  #remarks: ReadonlySet<string>;
  #target: Reloaded | undefined;
  #running = false;
  #wanted = false;

  /** @param config - the options at the start */
  constructor(input: ConfigInput, { values, remarks }: Config, logger: Logger) {
    this.#input = input;
    this.#remarks = new Set(remarks.map(({ text }) => text));
    this.#table = { ...input.options, ...COMMON_OPTIONS };
    this.#logger = logger;
    this.#atStart = values;
    this.#now = values;
  }

  /** Sets the running program. A reload that was requested before is made now. */
  async of(target: Reloaded): Promise<void> {
    this.#target = { ...target, files: [...target.files, ...(await this.#fixedFiles())] };
    if (this.#wanted) this.request();
  }

  /** Requests a reload. */
  request(): void {
    this.#wanted = true;
    if (!this.#running && this.#target !== undefined) void this.#run(this.#target);
  }

  async #run(target: Reloaded): Promise<void> {
    this.#running = true;
    while (this.#wanted) {
      this.#wanted = false;
      try {
        const config = await resolveConfig({ ...this.#input, again: true });
        this.#take(target, config);
        this.#say(config.remarks);
      } catch (error) {
        const detail = 'the options before stay: the configuration cannot be used';
        sayReload(this.#logger, 'config', 'kept', detail, error);
      }
      for (const file of target.files) await file.check(this.#now);
    }
    this.#running = false;
  }

  /** Logs remarks that were not made before. */
  #say(remarks: ResolvedConfig['remarks']): void {
    for (const { level, members, text } of remarks) {
      if (!this.#remarks.has(text)) this.#logger[level](members, text);
    }
    this.#remarks = new Set(remarks.map(({ text }) => text));
  }

  /** The files that are read only at the start. */
  #fixedFiles(): Promise<ReloadedFile[]> {
    const files = Object.entries(this.#table).flatMap(([name, { kind, changes }]) => {
      const path = this.#atStart[name];
      return kind === 'file' && changes === 'at start' && typeof path === 'string'
        ? [fixedFile(optionKey(name), path, this.#logger)]
        : [];
    });
    return Promise.all(files);
  }

  /** @throws if the program cannot take them; nothing has changed then */
  #take(target: Reloaded, { values, sources }: ResolvedConfig): void {
    const names = Object.keys(this.#table).filter((name) => name !== 'config');
    const isRunning = (name: string) => this.#table[name]?.changes === 'while running';
    const running = names.filter(isRunning);
    const changed = new Set(running.filter((name) => !same(values[name], this.#now[name])));
    const settings = settingsOf(pick(this.#table, [...changed]), values as never);
    if (Object.keys(settings).length > 0) target.update(settings);
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

  /** The options of each item, without files and the log level. */
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
    const [result, detail] =
      level === before
        ? (['unchanged', `the log's level stays ${level}`] as const)
        : (['changed', `the log's level is ${level}, was ${before}`] as const);
    const say = () => sayReload(this.#logger, 'log-level', result, detail);
    // The line is at level info: it is logged before the change if that level shows it, else after.
    const isShown = this.#logger.isLevelEnabled('info');
    if (isShown) say();
    this.#logger.level = level;
    if (!isShown) say();
  }
}

function valuesText(values: Values, names: readonly string[]): string {
  const text = (value: unknown) => (Array.isArray(value) ? value.join(', ') || 'none' : value);
  return names.map((name) => `${optionKey(name)}: ${text(values[name])}`).join(', ');
}

function pick<T>(values: Readonly<Record<string, T>>, names: readonly string[]) {
  return Object.fromEntries(names.map((name) => [name, values[name] as T]));
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
