import { messageOf } from '../../errors.js';
import { nearestName } from '../../options/nearest.js';
import { optionKey } from '../config/option.js';
import type { OtherOptions, Remark } from '../config/other-file.js';
import type { CoturnEntry } from './coturn-file.js';
import { COTURN_KEYS } from './coturn-keys.js';

/** A word of at most this length, alone in a line, is shown; a longer one may be a secret. */
const SHOWN_CHARACTERS_MAX = 24;

/** Maximum lines with unknown keys; a file with more of them is another one. */
const UNKNOWN_MAX = 100;

/** The truth values of coturn, which looks at the first letter; without a value it is true. */
const TRUE = /^($|[1-9yYtT]|on$|On$|ON$)/;
const FALSE = /^([0nNfF]|off$|Off$|OFF$)/;

const PORT_MAX = 65_535;

/** Addresses with commas or blanks between them. */
const SEVERAL_IPS = /^[\d.:a-f/-]+[\s,]+[\d.:a-f/]+[.:][\d.:a-f/,\s-]*$/i;

/** Digits, then what coturn does not read: a semicolon, or words that are meant as a comment. */
const INTEGER = /^(\d{1,15})(\s*[;#].*|\s+.*)?$/s;

/** The settings of a `turnserver.conf`, and what has become of them so far. */
export class CoturnReading {
  readonly file: string;
  readonly #entries: readonly CoturnEntry[];
  readonly #isGiven: (option: string) => boolean;
  readonly #values = new Map<string, { readonly raw: unknown; readonly source: string }>();
  readonly #problems = new Set<string>();
  readonly #remarks = new Map<string, Remark>();

  /** @param isGiven - as in `OtherFileContext` */
  constructor(file: string, entries: readonly CoturnEntry[], isGiven: (option: string) => boolean) {
    this.file = file;
    this.#entries = entries;
    this.#isGiven = isGiven;
  }

  /** The settings whose keys are known. */
  get known(): readonly CoturnEntry[] {
    return this.#entries.filter(({ key }) => Object.hasOwn(COTURN_KEYS, key));
  }

  /** The result. */
  get options(): OtherOptions {
    return {
      values: this.#values,
      problems: [...this.#problems],
      remarks: [...this.#remarks.values()],
    };
  }

  /** Returns whether another source gives an option. */
  isGiven(option: string): boolean {
    return this.#isGiven(option);
  }

  /** Returns all settings with a key. */
  all(key: string): readonly CoturnEntry[] {
    return this.#entries.filter((entry) => entry.key === key);
  }

  /** Returns the setting with a key, of several the last one, as in coturn. */
  last(key: string): CoturnEntry | undefined {
    const of = this.all(key);
    const last = of.at(-1);
    const others = of.filter(({ value }) => value !== last?.value);
    if (last !== undefined && others.length > 0) {
      const lines = others.map(({ line }) => line).join(', ');
      this.warn(last, `it is also in line ${lines}; the last one counts, as in coturn`);
    }
    return last;
  }

  /** Returns the truth value of a setting; another value is a problem, as in coturn. */
  isTrue(entry: CoturnEntry): boolean {
    if (TRUE.test(entry.value)) return true;
    if (FALSE.test(entry.value)) return false;
    this.refuse(entry, 'expected on, off or no value');
    return false;
  }

  /** Returns whether the last setting with a key is there and true. */
  has(key: string): boolean {
    const entry = this.last(key);
    return entry !== undefined && this.isTrue(entry);
  }

  /**
   * Returns the number of a setting with a key: its leading digits, as in coturn.
   * @returns undefined without one; another value is a problem
   */
  integer(key: string): number | undefined {
    const entry = this.last(key);
    if (entry === undefined) return undefined;
    const [, digits, rest = ''] = INTEGER.exec(entry.value) ?? [];
    if (digits === undefined) {
      this.refuse(entry, 'expected a whole number');
      return undefined;
    }
    if (rest !== '') this.warn(entry, `of the value only ${digits} counts, as in coturn`);
    return Number(digits);
  }

  /**
   * Returns the number of a setting with a key, at most what its option takes: a larger one counts
   * as that, with a warning.
   * @returns as `integer`
   */
  atMost(key: string, most: number, option: string): number | undefined {
    const number = this.integer(key);
    if (number === undefined || number <= most) return number;
    const entry = this.all(key).at(-1);
    if (entry !== undefined) this.warn(entry, `taken as --${optionKey(option)} ${most}, the most`);
    return most;
  }

  /** Returns the port of a setting with a key. @returns as `integer` */
  port(key: string, { leastPort = 1 } = {}): number | undefined {
    const port = this.integer(key);
    if (port === undefined || (port >= leastPort && port <= PORT_MAX)) return port;
    const entry = this.all(key).at(-1);
    if (entry !== undefined) this.refuse(entry, `expected a port from ${leastPort} to ${PORT_MAX}`);
    return undefined;
  }

  /** Runs what throws for a wrong value, which is a problem then. @returns undefined then */
  checked<T>(entry: CoturnEntry, check: () => T): T | undefined {
    try {
      return check();
    } catch (error) {
      this.refuse(entry, messageOf(error));
      return undefined;
    }
  }

  /** Gives an option the value that settings have, unless another source gives it. */
  give(option: string, raw: unknown, from: readonly (CoturnEntry | undefined)[]): void {
    const [first, ...more] = from.filter((entry) => entry !== undefined);
    if (first === undefined) return;
    const source = this.sourceOf(first);
    if (!this.#isGiven(option)) {
      this.#values.set(option, { raw, source });
      return;
    }
    const lines = [first, ...more].map(({ line }) => line).join(', ');
    const key = `--${optionKey(option)}`;
    this.say('warn', `${this.file} line ${lines}: not used, since ${key} is given elsewhere`);
  }

  /** Returns the name of a setting in messages: `turnserver.conf:3 (realm)`. */
  sourceOf({ key, line }: CoturnEntry): string {
    return `${this.file}:${line} (${key})`;
  }

  /** Adds a problem with a setting. */
  refuse(entry: CoturnEntry, why: string): void {
    this.#problems.add(`${this.sourceOf(entry)}: ${why}${mistakeIn(entry)}`);
  }

  /** Warns of what belongs to a text as in coturn, and is probably not meant to. */
  sayLiteral(entry: CoturnEntry): void {
    if (/\s#/.test(entry.value)) this.warn(entry, 'the text from # on is part of it, as in coturn');
    if (isSingleQuoted(entry)) {
      this.warn(entry, 'the single quotes are part of it, as in coturn: double ones are not');
    }
  }

  /** Adds a warning about a setting. */
  warn(entry: CoturnEntry, why: string): void {
    this.say('warn', `${this.sourceOf(entry)}: ${why}`, { keys: [entry.key] });
  }

  /** Adds a remark about the file. */
  say(level: Remark['level'], text: string, more: object = {}): void {
    this.#remarks.set(text, { level, text, members: { event: 'coturn-config', ...more } });
  }

  /** Names the settings whose keys are unknown. One that seems to deny peers is a problem. */
  nameUnknown(): void {
    const known = Object.keys(COTURN_KEYS);
    const unknown = this.#entries.filter(({ key }) => !Object.hasOwn(COTURN_KEYS, key));
    if (unknown.length > UNKNOWN_MAX) {
      const what = `${unknown.length} lines have unknown keys: is it a turnserver.conf?`;
      this.#problems.add(`${this.file}: ${what}`);
      return;
    }
    for (const { key, line, isSeparated } of unknown) {
      const nearest = nearestName(key.replace(/^-+/, ''), known);
      const isShown = nearest !== undefined || (isSeparated && key.length <= SHOWN_CHARACTERS_MAX);
      const name = isShown ? JSON.stringify(key) : `a word of ${key.length} characters`;
      const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
      const text = `${this.file}:${line}: unknown key ${name}${hint}`;
      if (nearest === 'denied-peer-ip') this.#problems.add(text);
      else this.say('warn', text, { line, ...(isShown ? { keys: [key] } : {}) });
    }
  }
}

/** Returns what a wrong value probably comes from, for a message; empty if nothing shows that. */
function mistakeIn(entry: CoturnEntry): string {
  if (/(^|\s)[#;]/.test(entry.value)) return '; a comment needs a line of its own';
  if (SEVERAL_IPS.test(entry.value)) return '; each address needs a line of its own';
  return isSingleQuoted(entry) ? '; single quotes are part of a value, as in coturn' : '';
}

function isSingleQuoted({ value }: CoturnEntry): boolean {
  return /^'.*'$/s.test(value);
}
