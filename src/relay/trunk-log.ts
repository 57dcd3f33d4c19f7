import type { Logger } from 'pino';
import type { Clock } from '../clock.js';
import { LineLimiter } from '../logging/line-limiter.js';
import type { PathEvent } from '../trunk/path-event.js';
import { isFault } from '../trunk/reachability.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import { unregisteredSourceText } from '../trunk/unregistered-sources.js';

/** Maximum lines about paths to relays at once; then 2 a second. Omitted ones are counted. */
export const PATH_LINES_MAX = 20;

/** Interval of lines about omitted ones, and time in which PATH_LINES_MAX lines are earned. */
const WINDOW_MS = 10_000;

type ReachabilityNews = Extract<PathEvent, { type: 'reachability' }>;

/**
 * Logs changes of the paths to other relays: which are unreachable and why, and when they are back.
 */
export class TrunkLog {
  readonly #limiter: LineLimiter;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #checkedAtMs: number;

  constructor(clock: Clock, logger: Logger) {
    const perSecond = (PATH_LINES_MAX * 1_000) / WINDOW_MS;
    this.#limiter = new LineLimiter({ perSecond, burst: PATH_LINES_MAX }, clock);
    this.#clock = clock;
    this.#logger = logger;
    this.#checkedAtMs = clock.monotonic();
  }

  /** Logs one event, within the rate limit: all relays may become unreachable at once. */
  say(remote: RemoteRelay, news: PathEvent): void {
    this.check();
    if (!this.#limiter.take()) return;
    const relay = remote.id;
    switch (news.type) {
      case 'reachability':
        return this.#reachability(remote, news);
      case 'unlisted-source': {
        const { address, port } = news.source;
        const fields = { event: 'relay-source-unlisted', relay, address, port };
        return this.#logger.warn(fields, unregisteredSourceText(relay, news.source));
      }
      case 'path': {
        const { from, to } = news;
        const fields = { event: 'relay-path', relay, from, to };
        return this.#logger.info(fields, `another path to ${relay} is in use`);
      }
      case 'refused': {
        const fields = { event: 'relay-refused', relay, err: news.error };
        return this.#logger.error(fields, `the data plane cannot take relay ${relay}`);
      }
      case 'lanes-closed': {
        const fields = { event: 'relay-ports-filtered', relay, workers: news.workers };
        const text = `${relay} answers the trunk port but not all of the further source ports: `;
        return this.#logger.warn(fields, `${text}does a firewall let them through?`);
      }
      case 'mtu': {
        const fields = { event: 'relay-path-mtu', relay, bytes: news.bytes };
        const text = `datagrams of ${news.bytes} bytes pass the path to ${relay}`;
        return this.#logger.info(fields, text);
      }
    }
  }

  /** Logs the number of omitted lines, at most once in ten seconds. */
  check(): void {
    const now = this.#clock.monotonic();
    if (now - this.#checkedAtMs < WINDOW_MS) return;
    this.#checkedAtMs = now;
    const lines = this.#limiter.takeOmitted();
    if (lines === 0) return;
    const fields = { event: 'relays-notices-left-out', lines };
    this.#logger.warn(fields, `${lines} more lines about paths to relays were left out`);
  }

  #reachability({ id, record }: RemoteRelay, { reason, before }: ReachabilityNews): void {
    if (reason === undefined) {
      if (!isFault(before)) return;
      return this.#logger.info({ event: 'relay-reachable', relay: id }, `${id} answers again`);
    }
    const fields = { event: 'relay-unreachable', relay: id, reason };
    const ports = [...new Set(record.trunkAddresses.map(({ port }) => port))].join(', ');
    switch (reason) {
      case 'no-answer':
        return this.#logger.warn(
          fields,
          `no probe answer from ${id} for 5 s: is UDP ${ports} open?`,
        );
      case 'not-heard':
        return this.#logger.warn(
          fields,
          `${id} answers probes but gets no answers to its own for 5 s: does anything between ` +
            'here and there change source ports, or let one direction through only?',
        );
      case 'unlisted-source':
        return this.#logger.warn(
          fields,
          `${id} is out of reach: what it sends comes from ports that it has not registered`,
        );
      case 'no-common-family':
        // A property of both registrations, not a fault.
        return this.#logger.debug(
          { ...fields, event: 'relay-no-common-family' },
          `no address family in common with ${id}`,
        );
    }
  }
}
