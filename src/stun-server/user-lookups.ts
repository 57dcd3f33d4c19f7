import type { TransportAddress } from '../address.js';
import type { Principal, User } from '../auth/principal.js';
import type { LookUpUser, SoughtUser } from '../auth/user-lookup.js';
import type { Clock } from '../clock.js';
import { BoundedCache } from '../collections/bounded-cache.js';
import { copiedMessage } from '../stun/message.js';
import { type LookupBound, type LookupPlace, LookupRoom } from './lookup-room.js';
import { tupleKey } from './origin.js';
import type { Received } from './usage.js';

/** Maximum requests that await the result of one look-up. */
export const REQUESTS_OF_LOOKUP_MAX = 16;

/** Maximum length of a request that awaits a look-up, in bytes; a copy of it is kept. */
export const WAITING_REQUEST_BYTES_MAX = 2_048;

/** Time after which a look-up that was given up and has no result counts no more, ms. */
export const LOOKUP_ABANDONED_MS = 60_000;

/** Time for which a result that has proved a request serves its source's further requests, ms. */
export const LOOKUP_KEPT_MS = 10_000;

/** Maximum results that are kept. */
export const LOOKUPS_KEPT_MAX = 8_192;

/** Why a look-up has no result. */
export type LookupFailure = 'failed' | 'timed-out';

/** Counters of look-ups; each becomes a metric. */
export class LookupStats {
  /** Look-ups that have ended, by result. `outdated`: the user was ended meanwhile. */
  readonly results = { known: 0, unknown: 0, failed: 0, timed_out: 0, outdated: 0 };
  /** Requests that got no look-up of their own: repeated ones, and others of the same user. */
  joined = 0;
  /** Requests dropped at a bound. */
  readonly over: Record<LookupBound | 'waiting_requests', number> = {
    lookups: 0,
    lookups_of_strangers: 0,
    lookups_of_network: 0,
    lookups_of_source: 0,
    waiting_requests: 0,
  };
}

/** The log of look-ups. */
export interface LookupLog {
  /** A look-up has no result. @param error - what it threw */
  lookupFailed(reason: LookupFailure, error?: unknown): void;
}

/** Dependencies of `UserLookups`. */
export interface UserLookupsOptions<Proved extends Principal> {
  readonly lookUp: LookUpUser<Proved>;
  /** Time after which a look-up is given up, ms. */
  readonly timeoutMs: number;
  /** Returns whether a credential was proved from a client's source lately. */
  readonly isProven: (client: TransportAddress) => boolean;
  readonly clock: Clock;
  readonly log: LookupLog;
  /** Contains an internal error in what is done later than a request. */
  readonly contain: (action: () => void) => void;
}

/** Takes a request again, with the user that was looked up for it; undefined if there is none. */
export type Proceed<Proved extends Principal> = (
  received: Received,
  user: User<Proved> | undefined,
) => void;

interface Lookup {
  /** Source IP address and user. */
  readonly key: string;
  readonly place: LookupPlace;
  readonly sinceMs: number;
  /** Number of `forget` calls before it. */
  readonly generation: number;
  readonly abort: AbortController;
  /** By 5-tuple, method and transaction. Empty once it is given up. */
  readonly waiting: Map<string, Received>;
}

/**
 * Looks users up outside of this process, without holding up other requests, and bounds what that
 * takes. A request that awaits a result is a copy of its bytes, and is handled from its start when
 * the result is there: whatever has changed meanwhile counts. Requests of one source for one user
 * share a look-up. A request at a bound, or whose look-up fails, gets no answer: a client sends it
 * again (RFC 8489 section 6.2.1). An error that is not signed is no answer to it, and there is no
 * key to sign one.
 */
export class UserLookups<Proved extends Principal> {
  readonly stats = new LookupStats();
  readonly #options: UserLookupsOptions<Proved>;
  /** Look-ups that are awaited, by key, in order of their start. */
  readonly #pending = new Map<string, Lookup>();
  /** Look-ups that were given up and have no result, in order of their start. */
  readonly #abandoned = new Set<Lookup>();
  readonly #room: LookupRoom;
  #kept = new BoundedCache<{ readonly user: User<Proved>; readonly untilMs: number }>(
    LOOKUPS_KEPT_MAX,
  );
  /** The generation in which each user was forgotten lately, and when. */
  readonly #forgotten = new Map<string, { readonly generation: number; readonly atMs: number }>();
  #generation = 0;
  #isClosed = false;

  constructor(options: UserLookupsOptions<Proved>) {
    this.#options = options;
    this.#room = new LookupRoom(options.isProven);
  }

  /** Number of look-ups that are awaited. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Returns a user of a source who has proved a request lately. */
  kept(sought: SoughtUser, ip: string): User<Proved> | undefined {
    const kept = this.#kept.get(keyOf(sought, ip));
    const isValid = kept !== undefined && this.#options.clock.monotonic() < kept.untilMs;
    return isValid ? kept.user : undefined;
  }

  /** Keeps a user who was looked up and has proved a request. */
  keep(sought: SoughtUser, ip: string, user: User<Proved>): void {
    const untilMs = this.#options.clock.monotonic() + LOOKUP_KEPT_MS;
    this.#kept.set(keyOf(sought, ip), { user, untilMs });
  }

  /**
   * Looks the user of a request up.
   * @param proceed - called later, at most once
   * @returns false if a bound is met; the request is to be dropped then
   */
  ask(received: Received, sought: SoughtUser, proceed: Proceed<Proved>): boolean {
    const { message, origin } = received;
    const { over } = this.stats;
    if (this.#isClosed) return true;
    if (message.bytes.length > WAITING_REQUEST_BYTES_MAX) return refused(over, 'waiting_requests');
    const key = keyOf(sought, origin.tuple.remote.address);
    const known = this.#pending.get(key);
    if (known !== undefined) return this.#join(known, received);
    const place = this.#room.take(origin.tuple.remote);
    if (typeof place === 'string') return refused(over, place);
    const lookup: Lookup = {
      key,
      place,
      sinceMs: this.#options.clock.monotonic(),
      generation: this.#generation,
      abort: new AbortController(),
      waiting: new Map([[requestKey(received), copyOf(received)]]),
    };
    this.#pending.set(key, lookup);
    void this.#run(
      lookup,
      { sought, method: message.method, client: origin.tuple.remote },
      proceed,
    );
    return true;
  }

  /** Gives up look-ups that take too long. To be called every 100 ms or so. */
  tick(): void {
    const now = this.#options.clock.monotonic();
    const { timeoutMs, log } = this.#options;
    for (const lookup of this.#pending.values()) {
      if (now - lookup.sinceMs < timeoutMs) break;
      this.#giveUp(lookup);
      this.stats.results.timed_out += 1;
      log.lookupFailed('timed-out');
    }
    for (const lookup of this.#abandoned) {
      if (now - lookup.sinceMs < timeoutMs + LOOKUP_ABANDONED_MS) break;
      this.#abandoned.delete(lookup);
      this.#room.free(lookup.place);
    }
    for (const [user, { atMs }] of this.#forgotten) {
      if (now - atMs < timeoutMs) break;
      this.#forgotten.delete(user);
    }
  }

  /**
   * Uses no result about a user that was kept, or that is of a look-up begun before now.
   * @param user - a principal's username, or the name that it has for quotas
   */
  forget(user: string): void {
    const { clock } = this.#options;
    this.#generation += 1;
    this.#kept = new BoundedCache(LOOKUPS_KEPT_MAX);
    this.#forgotten.delete(user);
    this.#forgotten.set(user, { generation: this.#generation, atMs: clock.monotonic() });
  }

  /** Gives all look-ups up, and begins none any more. No request proceeds after that. */
  close(): void {
    this.#isClosed = true;
    for (const lookup of this.#pending.values()) this.#giveUp(lookup);
  }

  #join({ waiting }: Lookup, received: Received): boolean {
    const key = requestKey(received);
    if (!waiting.has(key)) {
      if (waiting.size >= REQUESTS_OF_LOOKUP_MAX)
        return refused(this.stats.over, 'waiting_requests');
      waiting.set(key, copyOf(received));
    }
    this.stats.joined += 1;
    return true;
  }

  /** Runs a look-up. Never rejects. */
  async #run(
    lookup: Lookup,
    question: Omit<Parameters<LookUpUser<Proved>>[0], 'signal'>,
    proceed: Proceed<Proved>,
  ): Promise<void> {
    const { contain, lookUp } = this.#options;
    const { signal } = lookup.abort;
    // After the batch of the request, so that a hook may call anything of its server.
    await undefined;
    try {
      const user = signal.aborted ? undefined : await lookUp({ ...question, signal });
      contain(() => this.#found(lookup, user, proceed));
    } catch (error) {
      contain(() => this.#failed(lookup, error));
    }
  }

  #found(lookup: Lookup, user: User<Proved> | undefined, proceed: Proceed<Proved>): void {
    const received = this.#ended(lookup);
    if (received === undefined) return;
    const { results } = this.stats;
    if (user !== undefined && this.#isForgotten(user.principal, lookup)) {
      results.outdated += 1;
      return;
    }
    results[user === undefined ? 'unknown' : 'known'] += 1;
    for (const each of received) this.#options.contain(() => proceed(each, user));
  }

  #failed(lookup: Lookup, error: unknown): void {
    if (this.#ended(lookup) === undefined) return;
    this.stats.results.failed += 1;
    this.#options.log.lookupFailed('failed', error);
  }

  /** Forgets a look-up. @returns the requests that await it; undefined if it was given up */
  #ended(lookup: Lookup): Received[] | undefined {
    const isAbandoned = this.#abandoned.delete(lookup);
    const isPending = !isAbandoned && this.#pending.get(lookup.key) === lookup;
    if (isPending) this.#pending.delete(lookup.key);
    if (isAbandoned || isPending) this.#room.free(lookup.place);
    return isPending ? [...lookup.waiting.values()] : undefined;
  }

  #giveUp(lookup: Lookup): void {
    this.#pending.delete(lookup.key);
    lookup.waiting.clear();
    this.#abandoned.add(lookup);
    lookup.abort.abort();
  }

  #isForgotten(principal: Principal & { readonly user?: string }, { generation }: Lookup): boolean {
    return [principal.username, principal.user].some(
      (name) => name !== undefined && (this.#forgotten.get(name)?.generation ?? 0) > generation,
    );
  }
}

function refused(over: LookupStats['over'], bound: keyof LookupStats['over']): false {
  over[bound] += 1;
  return false;
}

/** A user's name in the tables: no username starts with a control character. */
function keyOf({ username, userHash }: SoughtUser, ip: string): string {
  return `${ip} ${username ?? `\0${userHash}`}`;
}

/** What a request and its retransmissions have in common. */
function requestKey({ message, origin }: Received): string {
  const { transactionId: id, method } = message;
  const text = Buffer.from(id.buffer, id.byteOffset, id.length).toString('latin1');
  return `${tupleKey(origin.tuple)} ${method} ${text}`;
}

function copyOf({ message, origin, unknownAttributes }: Received): Received {
  return { message: copiedMessage(message), origin, unknownAttributes };
}
