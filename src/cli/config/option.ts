import type { TransportAddress } from '../../address.js';
import {
  type OptionSpec,
  type OptionSpecs,
  expectation as specExpectation,
  type TextKind,
} from '../../options/option-spec.js';
import { SPECS } from '../../options/shared-specs.js';

/**
 * One option. Its flag, YAML key, environment variable, check, help text, part of docs/cli.md and
 * behaviour at a reload all come from its definition in a command's table.
 */
export interface OptionDefinition extends OptionSpec {
  readonly kind: TextKind;
  readonly description: string;
  /** The setting of the program that has the option's value. */
  readonly setting?: string;
  /** The item of a reload that the option belongs to; default the option's key. */
  readonly item?: string;
  /** Whether the file cannot give the option. */
  readonly notInFile?: true;
}

/** A command's options by their names in code; `clusterSecretFile` is `--cluster-secret-file`. */
export type OptionTable = Readonly<Record<string, OptionDefinition>>;

type Spec = OptionSpec & { readonly kind: TextKind };
type More = Partial<Omit<OptionDefinition, 'kind'>>;
type None = Record<never, never>;

/**
 * Defines an option.
 * @param spec - the values that the option takes
 * @param description - a phrase without a full stop
 * @param more - other members of the definition
 */
export function option<const S extends Spec, const M extends More = None>(
  spec: S,
  description: string,
  more?: M,
) {
  return { ...spec, description, ...(more as M) };
}

/** Defines an option that has the value of a program's setting. */
export function setting<
  const T extends OptionSpecs,
  const N extends keyof T & string,
  const M extends More = None,
>(specs: T, name: N, more?: M) {
  return { ...specs[name], setting: name, ...(more as M) } as T[N] & { readonly setting: N } & M;
}

/** Defines an option that names the file of a program's setting, and changes when that does. */
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
      : D extends { readonly choices: readonly unknown[] }
        ? D['choices'][number]
        : string;

/** Options that always have a value. */
type Given =
  | { readonly required: true }
  | { readonly default: string | number | boolean }
  | { readonly kind: 'boolean' };

type Value<D extends OptionDefinition> = D extends { readonly repeat: true }
  ? readonly Scalar<D>[]
  : Scalar<D> | (D extends Given ? never : undefined);

/** The converted values of a table. */
export type OptionValues<T extends OptionTable> = { readonly [K in keyof T]: Value<T[K]> };

/** The values of the options that are settings of a program, by setting. */
export type SettingValues<T extends OptionTable> = {
  readonly [K in keyof T as T[K] extends { readonly setting: infer N extends string }
    ? N
    : never]: Value<T[K]>;
};

/** Returns the values of the options that are settings of a program. */
export function settingsOf<T extends OptionTable>(
  table: T,
  values: OptionValues<T>,
): SettingValues<T> {
  const settings = Object.entries(table).flatMap(([name, { setting }]) =>
    setting === undefined ? [] : [[setting, values[name]]],
  );
  return Object.fromEntries(settings);
}

/** A rule about the presence of several options. */
export interface OptionRule {
  /**
   * `one`: exactly one of them; `some`: at least one; `at-most-one`: none or one of them;
   * `together`: all or none.
   */
  readonly type: 'one' | 'some' | 'at-most-one' | 'together';
  readonly options: readonly string[];
  /** Why, for the message about missing ones. */
  readonly because?: string;
}

/** Options of every command. */
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

/** Returns the YAML key of an option: `clusterSecretFile` → `cluster-secret-file`. */
export function optionKey(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/**
 * Returns the environment variable of an option.
 * @param path - the command's words, such as `['secret', 'relay']`
 * @param name - the option's name in code
 * @returns for `relay` and `clusterSecretFile`: `TURNPIKE_RELAY_CLUSTER_SECRET_FILE`
 */
export function optionVariable(path: readonly string[], name: string): string {
  return ['turnpike', ...path, optionKey(name)].join('_').replaceAll('-', '_').toUpperCase();
}

/** Returns the description of a valid value, to complete "expected …". */
export function expectation(option: OptionDefinition): string {
  return option.kind === 'text' && option.words === undefined
    ? 'text (put quotes around a number in YAML)'
    : specExpectation(option);
}
