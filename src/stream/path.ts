/** Pings over the path are this far apart. */
export const PING_MS = 1_000;

/** Payloads of the other kind of tunnel, and none of this one, that show a mistake. */
export const FOREIGN_FRAMES_MAX = 3;

/** After a mistake of both sides this one goes on for this long, so that the other learns it. */
export const MISTAKE_LINGER_MS = 1_500;

/** One established connection, as what goes over it sees it. */
export interface Path {
  /** 32 hex digits. */
  readonly connectionId: string;
  readonly role: 0 | 1;
  readonly payloadBytesMax: number;
  /** Sends one payload; what the host cannot take now is lost, as a datagram may be. */
  send(payload: Uint8Array): void;
}

/** What has gone over the paths, counted since the first of them. */
export interface Traffic {
  /** Round trip between the two peers, ms. */
  readonly rttMs: number | undefined;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Messages that should have come and that came. */
  readonly expectedIn: number;
  readonly receivedIn: number;
  /** Messages sent and, as far as the other side told, lost. */
  readonly expectedOut: number;
  readonly receivedOut: number;
  /** Bad input by name, such as `oversized`: counted, never fatal. */
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

/** Reports a mistake of the two sides after a while, so that the other side learns it as well. */
export class LingeringMistake {
  readonly #report: (error: Error) => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(report: (error: Error) => void) {
    this.#report = report;
  }

  /** Only the first counts. */
  note(error: Error): void {
    this.#timer ??= setTimeout(() => this.#report(error), MISTAKE_LINGER_MS);
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }
}
