import type { Logger } from 'pino';
import type { OptionRule, OptionTable, OptionValues } from './config/option.js';
import type { Reloaded } from './reload/reload.js';
import type { Terminal } from './terminal.js';

/** The world outside a command, passed in so that tests own it. */
export interface CommandIo {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What a running command is given. */
export interface CommandContext<T extends OptionTable> {
  /** Converted, checked options. */
  readonly options: OptionValues<T>;
  /** Where an option's value came from, for messages: `--listen`, `relay.yaml:3 (listen)`. */
  readonly sourceOf: (name: keyof T & string) => string;
  /** Positional arguments in the order of the definition. */
  readonly arguments: readonly string[];
  readonly logger: Logger;
  /** Stderr's, when it is a terminal: for a status line. */
  readonly terminal: Terminal | undefined;
  readonly io: CommandIo;
  /** Aborted by the first signal that stops, its name as the reason: stop in good order. */
  readonly stop: AbortSignal;
  /** Called once by a server that runs: SIGHUP reloads it from then on. */
  readonly onReload: (program: Reloaded) => Promise<void>;
  /** Ends the process with an exit code, whatever hangs, once the log is written. */
  readonly leave: (exitCode: number) => void;
}

/** A command: its table of options, the text that teaches it, and its code. */
export interface CommandDefinition<T extends OptionTable = OptionTable> {
  /** Its words, such as `['secret', 'relay']`. */
  readonly path: readonly string[];
  readonly summary: string;
  /** A paragraph for the top of its help. */
  readonly description: string;
  readonly arguments?: readonly { readonly name: string; readonly description: string }[];
  readonly options: T;
  readonly rules?: readonly OptionRule[];
  readonly examples: readonly { readonly purpose: string; readonly line: string }[];
  /** Further paragraphs at the end of its help and its page. */
  readonly notes?: readonly string[];
  /** Does the work; resolves with the exit code when it is done or was stopped. */
  readonly run: (context: CommandContext<T>) => Promise<number>;
}

/** Whether a command runs a program that SIGHUP reloads: its options say when they change. */
export function isReloaded({ options }: CommandDefinition): boolean {
  return Object.values(options).some(({ changes }) => changes !== undefined);
}

/** Types a definition by its own table. */
export function defineCommand<const T extends OptionTable>(
  definition: CommandDefinition<T>,
): CommandDefinition {
  // The table that `run` is typed by is the definition's own, so the wider type is safe to call
  // with the values resolved from that same definition.
  return definition as unknown as CommandDefinition;
}
