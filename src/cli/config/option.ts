import type { TransportAddress } from '../../address.js';
import {
  type OptionSpec,
  type OptionSpecs,
  expectation as specExpectation,
  type TextKind,
} from '../../options/option-spec.js';
import { SPECS } from '../../options/shared-specs.js';

/**
 * One option. From its line in a command's table come the flag, the YAML key, the environment
 * variable, the check, the help text, docs/cli.md and what a reload does with it.
 */
export interface OptionDefinition extends OptionSpec {
  readonly kind: TextKind;
  readonly description: string;
  /** The setting of the program that takes its value as it is. */
  readonly setting?: string;
  /** The item of a reload that it belongs to, where several options are one; default its key. */
  readonly item?: string;
  /** Only a flag or the environment can give it: it says where the file is. */
  readonly notInFile?: true;
}

/** A command's options by their names in code; `clusterSecretFile` is `--cluster-secret-file`. */
export type OptionTable = Readonly<Record<string, OptionDefinition>>;

type Spec = OptionSpec & { readonly kind: TextKind };
type More = Partial<Omit<OptionDefinition, 'kind'>>;
type None = Record<never, never>;

/**
 * A line of a command's table.
 * @param spec - the values that the option takes
 * @param description - what the option does: a phrase without a full stop
 * @param more - what else is to be said of it
 */
export function option<const S extends Spec, const M extends More = None>(
  spec: S,
  description: string,
  more?: M,
) {
  return { ...spec, description, ...(more as M) };
}

/** The line of an option whose value a setting of a program takes as it is. */
export function setting<
  const T extends OptionSpecs,
  const N extends keyof T & string,
  const M extends More = None,
>(specs: T, name: N, more?: M) {
  return { ...specs[name], setting: name, ...(more as M) } as T[N] & { readonly setting: N } & M;
}

/** The line of a file that a setting is read from, and changes with. */
export function settingFile<const S extends OptionSpec, const M extends More = None>(
  { changes = 'at start' }: S,
  description: string,
  more?: M,
) {
  return { ...option(SPECS.file, description, more), changes };
}

type Scalar<D extends OptionDefinition> = D['kind'] extends 'address'
  ? TransportAddress
  : D['kind'] extends 'integer'
    ? number
    : D['kind'] extends 'boolean'
      ? boolean
      : D extends { readonly choices: readonly (infer C)[] }
        ? C
        : string;

/** What makes sure that an option has a value. */
type Given =
  | { readonly required: true }
  | { readonly default: string | number | boolean }
  | { readonly kind: 'boolean' };

type Value<D extends OptionDefinition> = D extends { readonly repeat: true }
  ? readonly Scalar<D>[]
  : Scalar<D> | (D extends Given ? never : undefined);

/** The converted values of a table: what a command's code works with. */
export type OptionValues<T extends OptionTable> = { readonly [K in keyof T]: Value<T[K]> };

/** The values of those options that settings of a program take as they are, by setting. */
export type SettingValues<T extends OptionTable> = {
  readonly [K in keyof T as T[K] extends { readonly setting: infer N extends string }
    ? N
    : never]: Value<T[K]>;
};

/** What a program is opened with, of the options that its settings take as they are. */
export function settingsOf<T extends OptionTable>(
  table: T,
  values: OptionValues<T>,
): SettingValues<T> {
  const settings = Object.entries(table).flatMap(([name, { setting }]) =>
    setting === undefined ? [] : [[setting, values[name]]],
  );
  return Object.fromEntries(settings);
}

/** How options go together, beyond what each of them allows alone. */
export interface OptionRule {
  /**
   * `one`: exactly one of them; `at-most-one`: none or one of them; `together`: all or none.
   */
  readonly type: 'one' | 'at-most-one' | 'together';
  readonly options: readonly string[];
}

/** Options that every command has. */
export const COMMON_OPTIONS = {
  config: {
    kind: 'file',
    description: 'YAML file whose keys are the options of this command',
    notInFile: true,
  },
  logLevel: {
    kind: 'choice',
    placeholder: 'LEVEL',
    description: 'lowest level that is logged',
    choices: ['trace', 'debug', 'info', 'warn', 'error', 'silent'],
    default: 'info',
    changes: 'while running',
  },
} as const satisfies OptionTable;

/** `clusterSecretFile` → `cluster-secret-file`: the flag without its dashes, and the YAML key. */
export function optionKey(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/**
 * The environment variable of an option.
 * @param path - the command's words, such as `['secret', 'relay']`
 * @param name - the option's name in code
 * @returns for `relay` and `clusterSecretFile`: `TURNPIKE_RELAY_CLUSTER_SECRET_FILE`
 */
export function optionVariable(path: readonly string[], name: string): string {
  return ['turnpike', ...path, optionKey(name)].join('_').replaceAll('-', '_').toUpperCase();
}

/** What a sound value looks like, to complete "expected …". */
export function expectation(option: OptionDefinition): string {
  return option.kind === 'text' && option.words === undefined
    ? 'text (put quotes around a number in YAML)'
    : specExpectation(option);
}
