import type { AddressInput, TransportAddress } from '../address.js';

/** Kinds of values that can be given as text: by a flag, an environment variable or YAML. */
export type TextKind =
  | 'address'
  | 'url'
  | 'file'
  | 'name'
  | 'text'
  | 'integer'
  | 'boolean'
  | 'choice';

/** All kinds of values. Those that are not of `TextKind` can be given only to the library. */
export type OptionKind =
  | TextKind
  /** A finite number. */
  | 'number'
  /** 32 bytes. */
  | 'secret'
  /** PEM, as text or bytes. */
  | 'pem'
  | 'signal'
  | 'function'
  /** An object with certain methods, passed on as it is. */
  | 'methods'
  /** An object of options. */
  | 'options'
  /** An IP address without a port. */
  | 'ip'
  /** Data that matches a JSON schema. */
  | 'data';

/**
 * The values that an option accepts: kind, bounds and default. The command line and the library
 * check by the same spec (`valueSchema`).
 */
export interface OptionSpec {
  readonly kind: OptionKind;
  readonly required?: true;
  /** Takes a list, or one value in place of a list of one; the checked value is a list. */
  readonly repeat?: true;
  readonly default?: string | number | boolean;
  /** Bounds of an integer or a number. For an address, `minimum` is the smallest port. */
  readonly minimum?: number;
  readonly maximum?: number;
  /** Bounds of a text's length, in characters. */
  readonly lengthMin?: number;
  readonly lengthMax?: number;
  /** Bounds of a list's length. */
  readonly itemsMin?: number;
  readonly itemsMax?: number;
  /** The regular expression of a text. `^` and `$` are part of it: it is not anchored by itself. */
  readonly pattern?: string;
  /** Description of a valid value, in place of the description of its kind. */
  readonly words?: string;
  /** The values of a choice. */
  readonly choices?: readonly (string | number)[];
  /** The methods that an object of `methods` must have. */
  readonly methods?: readonly string[];
  /** The members of `options`. */
  readonly options?: OptionSpecs;
  /** The JSON schema of `data`. */
  readonly schema?: object;
  /** Converts `data` that matches its schema. An error that it throws rejects the value. */
  readonly convert?: (value: unknown) => unknown;
  /** Drops members of `data` that the schema does not have: a newer program may send some. */
  readonly lenient?: true;
  /** Messages show only the length of a text. */
  readonly confidential?: true;
  /** For a setting of a long-running program: when a new value takes effect. */
  readonly changes?: Changes;
  /** What it does, with its unit: a phrase without a full stop. */
  readonly description?: string;
  /** The value's name in help, such as `US` for microseconds; default: by its kind. */
  readonly placeholder?: string;
  /** The default in help, if it is not a constant. */
  readonly defaultText?: string;
}

/** Whether a new value applies at once or needs a restart. */
export type Changes = 'while running' | 'at start';

/** End of the message about a setting that cannot change while the program runs. */
export const ONLY_AT_START = 'changes only at a start: restart to apply';

/** A setting of a long-running program. */
export interface Setting extends OptionSpec {
  readonly changes: Changes;
  readonly description: string;
}

/** The settings of a program, each exactly once: what `open` takes and `update` may change. */
export type Settings<O> = { readonly [K in keyof O]-?: Setting };

/** Options by name. */
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** A list, or one value in place of a list of one. */
export type OneOrMore<T> = T | readonly T[];

type Member<V, F> = F extends { readonly repeat: true }
  ? readonly Single<V extends readonly (infer I)[] ? I : never>[]
  : Single<V>;

/** The type after conversion: addresses are decoded, URLs are text. */
type Single<V> = [AddressInput] extends [V]
  ? TransportAddress | Extract<V, undefined>
  : [URL] extends [V]
    ? string | Extract<V, undefined>
    : V;

/** Options that always have a value after the check. */
type Given =
  | { readonly required: true }
  | { readonly default: unknown }
  | { readonly repeat: true };

/** Options `O` after `checkOptions` by the specs `T`: converted, with their defaults. */
export type Checked<O, T> = {
  readonly [K in keyof O]-?: K extends keyof T
    ? T[K] extends Given
      ? Exclude<Member<O[K], T[K]>, undefined>
      : Member<O[K], T[K]> | undefined
    : never;
};

/** Returns the description of a valid value, to complete "expected …". */
export function expectation(spec: OptionSpec): string {
  if (spec.words !== undefined) return spec.words;
  switch (spec.kind) {
    case 'address':
      return 'IP:PORT or [IPv6]:PORT';
    case 'url':
      return 'an http:// or https:// URL';
    case 'file':
      return 'the path of a file';
    case 'name':
      return 'a name of a-z, 0-9, "." and "-" that starts with a letter or digit, at most 63 long';
    case 'text':
      return 'text';
    case 'boolean':
      return 'true or false';
    case 'choice':
      return `one of ${(spec.choices ?? []).join(', ')}`;
    case 'integer':
      return `a whole number${range(spec)}`;
    case 'number':
      return `a number${range(spec)}`;
    case 'secret':
      return '32 bytes (a Uint8Array)';
    case 'pem':
      return 'PEM as text or bytes';
    case 'signal':
      return 'an AbortSignal';
    case 'function':
      return 'a function';
    case 'methods':
      return `an object with the methods ${(spec.methods ?? []).join(', ')}`;
    case 'options':
      return `an object with ${Object.keys(spec.options ?? {}).join(', ')}`;
    case 'ip':
      return 'an IP address without a port';
    case 'data':
      return 'an object';
  }
}

function range({ minimum, maximum }: OptionSpec): string {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`;
  return minimum === undefined ? '' : `, at least ${minimum}`;
}
