import { dirname, resolve as resolvePath } from 'node:path';
import { describe } from '../../describe-value.js';
import { TurnpikeError } from '../../errors.js';
import { checkValue, ITEMS_MAX } from '../../options/check.js';
import { nearestName } from '../../options/nearest.js';
import { type ConfigEntry, readConfigFile } from './config-file.js';
import {
  COMMON_OPTIONS,
  expectation,
  type OptionDefinition,
  type OptionRule,
  type OptionTable,
  optionKey,
  optionVariable,
} from './option.js';
import type { OtherFile, OtherOptions, Remark } from './other-file.js';

/** The options given to a command, by source. */
export interface ConfigInput {
  /** The command's words. */
  readonly path: readonly string[];
  readonly options: OptionTable;
  readonly rules?: readonly OptionRule[];
  /** Flags as typed, by option name. */
  readonly flags: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A file of another program, whose options count after those of the `--config` file. */
  readonly otherFile?: OtherFile | undefined;
  /** Whether the file was read before (`SmallFile`). */
  readonly again?: boolean;
}

/** Checked and converted options. */
export interface ResolvedConfig {
  readonly values: Readonly<Record<string, unknown>>;
  /** The source of each option's value, as the user knows it. */
  readonly sources: ReadonlyMap<string, string>;
  /** Sentences about suspicious input that is no error. */
  readonly warnings: readonly string[];
  /** What is to be said about a file of another program. */
  readonly remarks: readonly Remark[];
}

interface Given {
  readonly raw: unknown;
  /** For messages: `--listen`, `TURNPIKE_RELAY_LISTEN`, `relay.yaml:3 (listen)`. */
  readonly source: string;
}

/**
 * Takes each option from the first of flag, environment variable, file, file of another program and
 * default that gives it.
 * Checks each by its spec and all by the command's rules, and converts the values.
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG with a line for each problem
 */
export async function resolveConfig(input: ConfigInput): Promise<ResolvedConfig> {
  const table: OptionTable = { ...input.options, ...COMMON_OPTIONS };
  const given = new Map<string, Given>();
  for (const [name, option] of Object.entries(table)) {
    const value = fromCommandLine(input, name, option);
    if (value !== undefined) given.set(name, value);
  }
  const problems: string[] = [];
  const configPath = given.get('config')?.raw;
  if (typeof configPath === 'string') {
    const entries = await readConfigFile(configPath, input.again);
    problems.push(...addFile(table, given, configPath, entries));
  }
  const other = await readOther(input, given);
  for (const [name, value] of other.values) given.set(name, value);
  problems.push(...other.problems);
  const { values, problems: wrong } = check(input.path, table, given);
  problems.push(...wrong.filter((text) => !isSaid(text, other)), ...checkRules(input, given));
  if (problems.length > 0) {
    throw new TurnpikeError('ERR_TURNPIKE_CONFIG', problems.join('\n'));
  }
  return {
    values,
    sources: new Map([...given].map(([name, { source }]) => [name, source])),
    warnings: strayVariables(input, table),
    remarks: other.remarks,
  };
}

/** Returns what the file of another program gives besides the options that are given already. */
async function readOther(
  { otherFile, again = false }: ConfigInput,
  given: ReadonlyMap<string, Given>,
): Promise<OtherOptions> {
  const path = otherFile && given.get(otherFile.option)?.raw;
  if (otherFile === undefined || typeof path !== 'string' || path === '') {
    return { values: new Map(), problems: [], remarks: [] };
  }
  return otherFile.read(path, { again, isGiven: (name) => given.has(name) });
}

/** Returns whether the reader of a file has said itself what is wrong with a value. */
function isSaid(problem: string, { values, problems }: OtherOptions): boolean {
  return [...values.values()].some(
    ({ source }) =>
      problem.startsWith(`${source}:`) && problems.some((said) => said.startsWith(`${source}:`)),
  );
}

/** Returns the value of a flag or variable. As in most shells, an empty variable is unset. */
function fromCommandLine(
  { path, flags, env }: ConfigInput,
  name: string,
  option: OptionDefinition,
): Given | undefined {
  const flag = flags[name];
  if (flag !== undefined) return { raw: fromText(option, flag), source: `--${optionKey(name)}` };
  const variable = optionVariable(path, name);
  const text = env[variable] ?? '';
  if (text === '') return undefined;
  const items = option.repeat === true ? itemsOf(option, text) : text;
  return { raw: fromText(option, items), source: variable };
}

/**
 * Returns the items of a variable: a comma separates them, two in a row are one of an item. Blanks
 * around an item are dropped, except at the end of a confidential one, such as a password.
 */
function itemsOf({ confidential }: OptionDefinition, text: string): string[] {
  // No variable contains NUL.
  const marked = text.replaceAll(',,', '\0').split(',');
  const trimmed = (item: string) => (confidential === true ? item.trimStart() : item.trim());
  return marked.map((item) => trimmed(item).replaceAll('\0', ','));
}

/** Converts the text of a flag or variable to a JSON value, which the spec checks later. */
function fromText(option: OptionDefinition, text: string | boolean | readonly string[]): unknown {
  if (typeof text === 'object') return text.map((item) => fromText(option, item));
  if (option.kind === 'integer' && /^-?\d{1,15}$/.test(String(text))) return Number(text);
  if (option.kind === 'boolean') {
    if (text === 'true' || text === '1') return true;
    if (text === 'false' || text === '0') return false;
  }
  return text;
}

/**
 * Adds the options of a file that neither flag nor variable gives.
 * @returns a sentence for each unknown option
 */
function addFile(
  table: OptionTable,
  given: Map<string, Given>,
  path: string,
  entries: readonly ConfigEntry[],
): string[] {
  const names = Object.keys(table).filter((name) => table[name]?.notInFile !== true);
  const byKey = new Map(names.map((name) => [optionKey(name), name]));
  const problems: string[] = [];
  for (const { key, value, line } of entries) {
    const source = `${path}:${line}`;
    const name = byKey.get(key) ?? '';
    const option = table[name];
    if (option === undefined) {
      const nearest = nearestName(key, byKey.keys());
      const known = `known: ${[...byKey.keys()].join(', ')}`;
      const hint = nearest === undefined ? known : `did you mean ${nearest}?`;
      problems.push(`${source}: unknown option ${JSON.stringify(key)}; ${hint}`);
    } else if (!given.has(name)) {
      given.set(name, { raw: fileValue(path, option, value), source: `${source} (${key})` });
    }
  }
  return problems;
}

/** Resolves a path relative to the configuration file that has it. */
function fileValue(file: string, option: OptionDefinition, value: unknown): unknown {
  if (option.kind === 'file' && typeof value === 'string' && value !== '') {
    return resolvePath(dirname(file), value);
  }
  return option.repeat === true && !Array.isArray(value) ? [value] : value;
}

/** Returns all ways to give an option, for the message that it is missing. */
function ways(path: readonly string[], name: string): string {
  const key = optionKey(name);
  return `--${key} (or ${optionVariable(path, name)}, or "${key}:" in the --config file)`;
}

function checkRules(input: ConfigInput, given: ReadonlyMap<string, Given>): string[] {
  const problems: string[] = [];
  for (const { type, options, because } of input.rules ?? []) {
    const present = options.filter((name) => given.has(name));
    const sources = present.map((name) => given.get(name)?.source);
    const all = options.map((name) => `--${optionKey(name)}`);
    if ((type === 'one' || type === 'at-most-one') && present.length > 1) {
      problems.push(`${sources.join(' and ')} exclude each other: give one`);
    } else if ((type === 'one' || type === 'some') && present.length === 0) {
      const why = because === undefined ? '' : `: ${because}`;
      problems.push(`missing ${type === 'one' ? '' : 'at least '}one of ${all.join(', ')}${why}`);
    } else if (type === 'together' && present.length > 0 && present.length < options.length) {
      problems.push(`${sources.join(' and ')}: ${all.join(' and ')} go together`);
    }
  }
  return problems;
}

/** Returns the values of the options, and a sentence for each invalid or missing one. */
function check(path: readonly string[], table: OptionTable, given: ReadonlyMap<string, Given>) {
  const values: Record<string, unknown> = {};
  const [missing, wrong]: [string[], string[]] = [[], []];
  for (const [name, option] of Object.entries(table)) {
    const value = given.get(name);
    if (value !== undefined) values[name] = checkGiven(option, value, wrong);
    else if (option.required === true) missing.push(`missing ${ways(path, name)}`);
    else values[name] = option.default ?? absent(option);
  }
  return { values, problems: [...missing, ...wrong] };
}

/** @param wrong - gets a sentence for each invalid value */
function checkGiven(option: OptionDefinition, { raw, source }: Given, wrong: string[]): unknown {
  const refuse = (what: string, got: string) =>
    void wrong.push(`${source}: expected ${what}, got ${got}`);
  const one = (text: unknown) => {
    // The spec also allows an address as an object.
    const isText = option.kind !== 'address' || typeof text === 'string';
    const checked = isText ? checkValue(option, text) : { ok: false as const, reason: undefined };
    if (checked.ok) return checked.value;
    const why = checked.reason === undefined ? '' : `: ${checked.reason}`;
    return refuse(expectation(option), `${described(option, text)}${why}`);
  };
  if (option.repeat !== true || !Array.isArray(raw)) return one(raw);
  const { itemsMax = ITEMS_MAX } = option;
  if (raw.length > 0 && raw.length <= itemsMax) return raw.map(one);
  return refuse(`1 to ${itemsMax} of ${expectation(option)}`, String(raw.length));
}

/** Describes a value for a message, except the text of a confidential one. */
function described({ confidential }: OptionDefinition, value: unknown): string {
  const isSecret = confidential === true && typeof value === 'string';
  return isSecret ? `text of ${value.length} characters` : describe(value);
}

function absent(option: OptionDefinition): unknown {
  if (option.repeat === true) return [];
  return option.kind === 'boolean' ? false : undefined;
}

/**
 * Warns about variables with almost the name of an option's. They are no error: container platforms
 * set names such as TURNPIKE_RELAY_PORT for a service called turnpike-relay.
 */
function strayVariables(input: ConfigInput, table: OptionTable): string[] {
  const known = Object.keys(table).map((name) => optionVariable(input.path, name));
  const prefix = `${['turnpike', ...input.path].join('_').toUpperCase()}_`;
  return Object.keys(input.env)
    .filter((variable) => variable.startsWith(prefix) && !known.includes(variable))
    .flatMap((variable) => {
      const nearest = nearestName(
        variable.slice(prefix.length),
        known.map((name) => name.slice(prefix.length)),
      );
      return nearest === undefined
        ? []
        : [`environment variable ${variable} is ignored; did you mean ${prefix}${nearest}?`];
    });
}
