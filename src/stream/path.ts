/** Interval of pings over the path. */
export const PING_MS = 1_000;

/**
 * Payloads of the other kind of tunnel, without any of this one, that indicate a configuration
 * error.
 */
export const FOREIGN_FRAMES_MAX = 3;

/**
 * Time for which a side continues after a configuration error, so that the other side detects it
 * too.
 */
export const MISTAKE_LINGER_MS = 1_500;

/** One established connection, as the stream uses it. */
export interface Path {
  /** 32 hex digits. */
  readonly connectionId: string;
  readonly role: 0 | 1;
  readonly payloadBytesMax: number;
  /** Sends one payload. It is lost if the host cannot take it now, like any datagram. */
  send(payload: Uint8Array): void;
}

/** Traffic over all paths since the first one. */
export interface Traffic {
  /** Round trip between the two peers, ms; undefined before a measurement. */
  readonly rttMs: number | undefined;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Number of messages that the other side sent, and of those received. */
  readonly expectedIn: number;
  readonly receivedIn: number;
  /** Number of messages sent, and of those not reported lost. */
  readonly expectedOut: number;
  readonly receivedOut: number;
  /** Invalid input by name, such as `oversized`; counted, never fatal. */
  readonly dropped: Readonly<Record<string, number>>;
}

/** Counts by name, for `Traffic.dropped`. */
export class DropCounts {
  readonly #counts: Record<string, number> = {};

  add(name: string): void {
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
  }

  get all(): Readonly<Record<string, number>> {
    return { ...this.#counts };
  }
}

/** Reports a configuration error after MISTAKE_LINGER_MS, so that the other side detects it too. */
export class LingeringMistake {
  readonly #report: (error: Error) => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(report: (error: Error) => void) {
    this.#report = report;
  }

  /** Reports the error later; only the first one. */
  note(error: Error): void {
    this.#timer ??= setTimeout(() => this.#report(error), MISTAKE_LINGER_MS);
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }
}
