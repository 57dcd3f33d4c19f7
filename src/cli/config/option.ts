import type { TransportAddress } from '../../address.js';

/** What kind of value an option takes: decides its check, its conversion and its JSON type. */
export type OptionKind =
  | 'address'
  | 'url'
  | 'file'
  | 'name'
  | 'text'
  | 'integer'
  | 'boolean'
  | 'choice';

/**
 * One option. From its line in a command's table come the flag, the YAML key, the environment
 * variable, the JSON schema, the help text and the page docs/cli.md.
 */
export interface OptionDefinition {
  readonly kind: OptionKind;
  /** What the option does: a phrase without a full stop. */
  readonly description: string;
  /** How help names the value, such as `A:P`; left out for a boolean. */
  readonly placeholder?: string;
  /** The command cannot run without it. */
  readonly required?: true;
  /** May be given several times; its value is a list. */
  readonly repeat?: true;
  /** The value when no source gives one. */
  readonly default?: string | number | boolean;
  /** What help says the default is, where it is no constant. */
  readonly defaultText?: string;
  /** Bounds of an integer. */
  readonly minimum?: number;
  readonly maximum?: number;
  /** The values of a choice. */
  readonly choices?: readonly string[];
  /** Only a flag or the environment can give it: it says where the file is. */
  readonly notInFile?: true;
}

/** A command's options by their names in code; `clusterSecretFile` is `--cluster-secret-file`. */
export type OptionTable = Readonly<Record<string, OptionDefinition>>;

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
  switch (option.kind) {
    case 'address':
      return 'IP:PORT or [IPv6]:PORT';
    case 'url':
      return 'an http:// or https:// URL';
    case 'file':
      return 'the path of a file';
    case 'name':
      return 'a name of a-z, 0-9, "." and "-" that starts with a letter or digit, at most 63 long';
    case 'text':
      return 'text (put quotes around a number in YAML)';
    case 'boolean':
      return 'true or false';
    case 'choice':
      return `one of ${(option.choices ?? []).join(', ')}`;
    case 'integer':
      return integerExpectation(option);
  }
}

function integerExpectation({ minimum, maximum }: OptionDefinition): string {
  if (minimum !== undefined && maximum !== undefined) {
    return `a whole number from ${minimum} to ${maximum}`;
  }
  return minimum === undefined ? 'a whole number' : `a whole number, at least ${minimum}`;
}
