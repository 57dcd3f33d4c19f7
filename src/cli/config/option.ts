import type { TransportAddress } from '../../address.js';
import {
  type OptionSpec,
  expectation as specExpectation,
  type TextKind,
} from '../../options/option-spec.js';

/**
 * One option: its spec, and the words around it. From its line in a command's table come the flag,
 * the YAML key, the environment variable, the JSON schema, the help text and docs/cli.md.
 */
export interface OptionDefinition extends OptionSpec {
  readonly kind: TextKind;
  /** What the option does: a phrase without a full stop. */
  readonly description: string;
  /** How help names the value, such as `A:P`; left out for a boolean. */
  readonly placeholder?: string;
  /** What help says the default is, where it is no constant. */
  readonly defaultText?: string;
  /** Only a flag or the environment can give it: it says where the file is. */
  readonly notInFile?: true;
}

/** A command's options by their names in code; `clusterSecretFile` is `--cluster-secret-file`. */
export type OptionTable = Readonly<Record<string, OptionDefinition>>;

/** How help names the values of a kind, where the option says nothing else. */
const PLACEHOLDERS: Partial<Record<TextKind, string>> = {
  address: 'A:P',
  file: 'FILE',
  integer: 'N',
  name: 'NAME',
  url: 'URL',
};

type Spec = OptionSpec & { readonly kind: TextKind };
type More = Partial<Omit<OptionDefinition, 'kind' | 'description' | 'required'>>;
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
  const placeholder = PLACEHOLDERS[spec.kind];
  return { ...spec, ...(placeholder && { placeholder }), description, ...(more as M) };
}

/** As `option`, of one that must be given. */
export function required<const S extends Spec, const M extends More = None>(
  spec: S,
  description: string,
  more?: M,
) {
  return { ...option(spec, description, more), required: true } as const;
}

/** The line of an option that takes no value. */
export function flag(description: string) {
  return { kind: 'boolean', description } as const;
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
    placeholder: 'FILE',
    description: 'YAML file whose keys are the options of this command',
    notInFile: true,
  },
  logLevel: {
    kind: 'choice',
    placeholder: 'LEVEL',
    description: 'least severe level that is logged',
    choices: ['trace', 'debug', 'info', 'warn', 'error', 'silent'],
    default: 'info',
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
