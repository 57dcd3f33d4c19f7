/** A line for the log about what a file asks for. */
export interface Remark {
  readonly level: 'info' | 'warn';
  readonly text: string;
  /** `event`, and what it is about. */
  readonly members: Readonly<Record<string, unknown>> & { readonly event: string };
}

/** The options that a file of another program gives. */
export interface OtherOptions {
  /** By the names of the options, as YAML would have them; `source` is for messages. */
  readonly values: ReadonlyMap<string, { readonly raw: unknown; readonly source: string }>;
  /** Sentences, each of which prevents the start. */
  readonly problems: readonly string[];
  readonly remarks: readonly Remark[];
}

/** What the reader of a file gets to know. */
export interface OtherFileContext {
  /** Whether the file was read before (`SmallFile`). */
  readonly again: boolean;
  /** Whether a flag, a variable or the `--config` file gives an option, which counts then. */
  readonly isGiven: (option: string) => boolean;
}

/** A file of another program that a command takes options from. */
export interface OtherFile {
  /** The option that names the file. */
  readonly option: string;
  /** Reads it. @throws TurnpikeError ERR_TURNPIKE_CONFIG if it cannot be read */
  readonly read: (path: string, context: OtherFileContext) => Promise<OtherOptions>;
}
