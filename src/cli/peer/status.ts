import type { Logger } from 'pino';
import { formatAddress } from '../../address.js';
import type { Clock } from '../../clock.js';
import type { Traffic } from '../../stream/path.js';
import type { Terminal } from '../terminal.js';
import type { Link } from './peer-mode.js';

/** The fields of the `status` log line: totals, and rates of an interval. */
export interface Status extends Pick<Traffic, 'rttMs' | 'bytesIn' | 'bytesOut' | 'dropped'> {
  /** Shares of messages lost in the interval, 0 to 1; undefined when none was expected. */
  readonly lossIn: number | undefined;
  readonly lossOut: number | undefined;
  readonly bitsPerSecondIn: number;
  readonly bitsPerSecondOut: number;
}

/**
 * Returns the status of an interval.
 * @param before - the traffic at its begin
 * @param after - the traffic at its end
 * @param seconds - its length
 */
export function statusBetween(before: Traffic, after: Traffic, seconds: number): Status {
  const rate = (later: number, earlier: number) =>
    seconds > 0 ? Math.round(((later - earlier) * 8) / seconds) : 0;
  return {
    rttMs: after.rttMs === undefined ? undefined : Math.round(after.rttMs * 10) / 10,
    lossIn: loss(after.expectedIn - before.expectedIn, after.receivedIn - before.receivedIn),
    lossOut: loss(after.expectedOut - before.expectedOut, after.receivedOut - before.receivedOut),
    bitsPerSecondIn: rate(after.bytesIn, before.bytesIn),
    bitsPerSecondOut: rate(after.bytesOut, before.bytesOut),
    bytesIn: after.bytesIn,
    bytesOut: after.bytesOut,
    dropped: after.dropped,
  };
}

function loss(expected: number, received: number): number | undefined {
  if (expected <= 0) return undefined;
  return Math.round(Math.min(1, Math.max(0, 1 - received / expected)) * 10_000) / 10_000;
}

/**
 * Returns the status as a line of text. The path is last, because a narrow terminal cuts the end of
 * the line, and the log already has the path.
 */
export function statusLine(link: Link | undefined, status: Status): string {
  if (link === undefined) return 'waiting for the other side';
  const dropped = Object.entries(status.dropped).map(([name, count]) => `${count} ${name}`);
  return [
    `rtt ${status.rttMs === undefined ? '-' : `${status.rttMs.toFixed(1)} ms`}`,
    `in ${bitRate(status.bitsPerSecondIn)} loss ${percent(status.lossIn)}`,
    `out ${bitRate(status.bitsPerSecondOut)} loss ${percent(status.lossOut)}`,
    ...(dropped.length > 0 ? [`dropped ${dropped.join(', ')}`] : []),
    `${link.relay.id} <=> ${formatAddress(link.peerRelay)}`,
  ].join('  ');
}

function percent(share: number | undefined): string {
  return share === undefined ? '-' : `${(share * 100).toFixed(1)} %`;
}

function bitRate(bitsPerSecond: number): string {
  if (bitsPerSecond >= 1e9) return `${(bitsPerSecond / 1e9).toFixed(2)} Gbit/s`;
  if (bitsPerSecond >= 1e6) return `${(bitsPerSecond / 1e6).toFixed(2)} Mbit/s`;
  return `${(bitsPerSecond / 1e3).toFixed(1)} kbit/s`;
}

export interface StatusReporterOptions {
  readonly traffic: () => Traffic;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Shows a line that is replaced every second; undefined logs lines. */
  readonly terminal: Terminal | undefined;
  /** Interval of log lines. */
  readonly intervalMs: number;
}

const LINE_INTERVAL_MS = 1_000;

/** Reports the status at intervals: in one live line on a terminal, else in log lines. */
export class StatusReporter {
  readonly #options: StatusReporterOptions;
  readonly #timer: NodeJS.Timeout;
  #before: Traffic;
  #beforeMs: number;
  #link: Link | undefined;

  constructor(options: StatusReporterOptions) {
    this.#options = options;
    this.#before = options.traffic();
    this.#beforeMs = options.clock.monotonic();
    const intervalMs = options.terminal === undefined ? options.intervalMs : LINE_INTERVAL_MS;
    this.#timer = setInterval(() => this.#report(), intervalMs);
  }

  /** Sets the connection; undefined if there is none. */
  show(link: Link | undefined): void {
    this.#link = link;
  }

  /** Ends the reports, and logs the totals. */
  close(): void {
    clearInterval(this.#timer);
    this.#options.terminal?.clear();
    const { bytesIn, bytesOut, dropped } = this.#options.traffic();
    this.#options.logger.info(
      { event: 'finished', bytesIn, bytesOut, dropped },
      `${bytesIn} bytes in, ${bytesOut} bytes out`,
    );
  }

  #report(): void {
    const { traffic, clock, logger, terminal } = this.#options;
    const [after, afterMs] = [traffic(), clock.monotonic()];
    const status = statusBetween(this.#before, after, (afterMs - this.#beforeMs) / 1_000);
    [this.#before, this.#beforeMs] = [after, afterMs];
    const line = statusLine(this.#link, status);
    if (terminal !== undefined) terminal.status(line);
    else if (this.#link !== undefined) logger.info({ event: 'status', ...status }, line);
  }
}
