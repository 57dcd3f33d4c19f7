import type { Logger } from 'pino';
import type { OptionRule, OptionTable, OptionValues } from './config/option.js';
import type { OtherFile } from './config/other-file.js';
import type { Reloaded } from './reload/reload.js';
import type { Terminal } from './terminal.js';

/** Streams and environment of a command, passed in for tests. */
export interface CommandIo {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The arguments of a running command. */
export interface CommandContext<T extends OptionTable> {
  /** Converted, checked options. */
  readonly options: OptionValues<T>;
  /** Returns the source of an option's value: `--listen`, `relay.yaml:3 (listen)`. */
  readonly sourceOf: (name: keyof T & string) => string;
  /** Positional arguments in the order of the definition. */
  readonly arguments: readonly string[];
  readonly logger: Logger;
  /** For a status line; undefined if stderr is no terminal. */
  readonly terminal: Terminal | undefined;
  readonly io: CommandIo;
  /** Aborted by the first stop signal, with its name as the reason. */
  readonly stop: AbortSignal;
  /** Allows the command this much longer to stop, ms; to be called before it is told to. */
  readonly allowToStop: (ms: number) => void;
  /** Called once by a running server, which SIGHUP reloads from then on. */
  readonly onReload: (program: Reloaded) => Promise<void>;
  /** Writes the log and ends the process with an exit code. */
  readonly leave: (exitCode: number) => void;
}

/** A positional argument. */
export interface CommandArgument {
  readonly name: string;
  readonly description: string;
  /** Whether it may be left out. */
  readonly optional?: true;
}

/** A command: its options, its help and its code. */
export interface CommandDefinition<T extends OptionTable = OptionTable> {
  /** The command's words, such as `['secret', 'relay']`. */
  readonly path: readonly string[];
  readonly summary: string;
  /** A paragraph for the top of its help. */
  readonly description: string;
  readonly arguments?: readonly CommandArgument[];
  readonly options: T;
  readonly rules?: readonly OptionRule[];
  /** A file of another program that it takes options from. */
  readonly otherFile?: OtherFile;
  readonly examples: readonly { readonly purpose: string; readonly line: string }[];
  /** Further paragraphs at the end of its help and its page. */
  readonly notes?: readonly string[];
  /** Runs the command and returns the exit code. */
  readonly run: (context: CommandContext<T>) => Promise<number>;
}

/** Returns whether SIGHUP reloads a command: then its options say when they change. */
export function isReloaded({ options }: CommandDefinition): boolean {
  return Object.values(options).some(({ changes }) => changes !== undefined);
}

/** Types a definition by its own table. */
export function defineCommand<const T extends OptionTable>(
  definition: CommandDefinition<T>,
): CommandDefinition {
  // Safe, because `run` is called only with values resolved from the definition's own table.
  return definition as unknown as CommandDefinition;
}
