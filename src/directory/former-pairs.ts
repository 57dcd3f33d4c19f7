import type { Clock } from '../clock.js';
import { putMostRecent } from '../collections/lru.js';
import { leafPrefix, parseNetwork } from '../estimates/network.js';
import type { FormerPair, PeerHints } from '../selection/request.js';
import { type SelectionResult, select } from '../selection/select.js';
import type { ConnectionWish } from './connection-broker.js';
import type { LiveSelection } from './live-selection.js';
import type { SelectionPolicy } from './selection-policy.js';

/** Maximum sessions whose pairs are remembered; of more the longest unused is forgotten. */
export const FORMER_PAIRS_MAX = 8_192;

/** Time for which a pair is remembered after its last use, ms. */
const FORMER_PAIR_MS = 24 * 3_600_000;

/** Interval of looking whether another pair is better, ms. */
const LOOK_MS = 30_000;

/** A request of a session; without one nothing is remembered. */
type SessionRequest = Pick<ConnectionWish, 'tenant' | 'session' | 'peers'>;

interface Known {
  readonly tenant: string;
  readonly peers: readonly [PeerHints, PeerHints];
  /** Ids, for each of the peers. */
  readonly relays: readonly [string, string];
  readonly usedAtMs: number;
  /** Since when another pair has been better without interruption; undefined if none is. */
  betterSinceMs: number | undefined;
}

/** What pairs are remembered with. */
export interface FormerPairsOptions {
  readonly live: Pick<LiveSelection, 'requestOf' | 'snapshotFor' | 'weights'>;
  readonly policy: Pick<SelectionPolicy, 'allowedTo'>;
  readonly clock: Clock;
}

/**
 * The pairs that sessions have, so that a session keeps its pair at later requests. From time to
 * time each is compared with the best pair, since it is left only for one that has been better for
 * `stickyForMs`. A session whose peers moved to other networks has no former pair.
 */
export class FormerPairs {
  readonly #options: FormerPairsOptions;
  /** By session, the longest unused first. */
  readonly #known = new Map<string, Known>();
  #turn: Iterator<[string, Known]> = this.#known.entries();
  #sweptAtMs: number;
  /** Looks that are due, with their fraction. */
  #due = 0;

  constructor(options: FormerPairsOptions) {
    this.#options = options;
    this.#sweptAtMs = options.clock.monotonic();
  }

  /** Number of sessions. */
  get size(): number {
    return this.#known.size;
  }

  /** Returns the pair that a session has; undefined if it has none. */
  of(request: SessionRequest): FormerPair | undefined {
    if (request.session === undefined) return undefined;
    const known = this.#known.get(keyOf(request));
    const relays = known && relaysFor(known, request.peers);
    if (known === undefined || relays === undefined) return undefined;
    const { betterSinceMs } = known;
    const now = this.#options.clock.monotonic();
    const forMs = betterSinceMs === undefined ? 0 : now - betterSinceMs;
    const { stickyForMs } = this.#options.live.weights;
    return { relays, unlessBetter: betterSinceMs !== undefined && forMs >= stickyForMs };
  }

  /** Remembers the pair that was selected for a session. */
  selected(request: SessionRequest, result: Extract<SelectionResult, { readonly ok: true }>): void {
    if (request.session === undefined) return;
    const { tenant, peers } = request;
    const session = keyOf(request);
    const [a, b] = result.relays;
    const usedAtMs = this.#options.clock.monotonic();
    const before = result.choice === 'kept' ? this.#known.get(session)?.betterSinceMs : undefined;
    const betterSinceMs =
      result.former?.isBetter && result.choice === 'kept' ? usedAtMs : undefined;
    const known: Known = {
      tenant,
      peers,
      relays: [a.facts.id, b.facts.id],
      usedAtMs,
      betterSinceMs: betterSinceMs && (before ?? betterSinceMs),
    };
    putMostRecent(this.#known, [session, known], FORMER_PAIRS_MAX);
  }

  /** Looks at some pairs, at each about once in `LOOK_MS`. To be called a few times a second. */
  sweep(): void {
    const now = this.#options.clock.monotonic();
    const share = Math.min((now - this.#sweptAtMs) / LOOK_MS, 1);
    this.#sweptAtMs = now;
    this.#due += share * this.#known.size;
    for (; this.#due >= 1; this.#due -= 1) {
      const next = this.#next();
      if (next === undefined) return;
      const [session, known] = next;
      if (now - known.usedAtMs >= FORMER_PAIR_MS) this.#known.delete(session);
      else this.#look(known, now);
    }
  }

  /** Returns the next entry in turn. */
  #next(): [string, Known] | undefined {
    const next = this.#turn.next();
    if (next.done !== true) return next.value;
    this.#turn = this.#known.entries();
    const first = this.#turn.next();
    return first.done === true ? undefined : first.value;
  }

  #look(known: Known, now: number): void {
    const { live, policy } = this.#options;
    const allowed = policy.allowedTo(known.tenant);
    const peers = [live.requestOf(known.peers[0]), live.requestOf(known.peers[1])] as const;
    const former = { relays: known.relays, unlessBetter: false };
    const { former: fate } = select(live.snapshotFor(peers), { peers, former, allowed }, 0);
    known.betterSinceMs = fate?.isBetter === true ? (known.betterSinceMs ?? now) : undefined;
  }
}

/** Returns a key of a session that is unique among all tenants: no name has a zero byte. */
function keyOf({ tenant, session }: SessionRequest): string {
  return `${tenant}\0${session}`;
}

/**
 * Returns a session's relays in the order of its peers now; undefined if they are in other networks
 * than before.
 */
function relaysFor(
  known: Known,
  peers: readonly [PeerHints, PeerHints],
): readonly [string, string] | undefined {
  const [a, b] = [networkOf(known.peers[0]), networkOf(known.peers[1])];
  const [x, y] = [networkOf(peers[0]), networkOf(peers[1])];
  if (a === x && b === y) return known.relays;
  return a === y && b === x ? [known.relays[1], known.relays[0]] : undefined;
}

/** Returns the prefix of a peer's network; undefined if it is unknown. */
function networkOf({ address, source }: PeerHints): string | undefined {
  const network = parseNetwork(address ?? source ?? '');
  return network && leafPrefix(network);
}
