import type { Clock } from '../../clock.js';
import { DIRECTORY_METRICS } from '../../metrics/directory-metrics.js';
import { createHistogram } from '../../metrics/histogram.js';
import { CHECK_LIMITS } from '../../registry/check-limits.js';
import { claimedAddresses, hasTrunk } from '../../registry/record.js';
import { REGISTRATION_LIMITS } from '../../registry/registration-limits.js';
import type { ClaimChallenge, ClaimResult, RelayRecord } from '../../registry/types.js';
import type { LiveRelay } from '../snapshot.js';
import { ClaimBackoff } from './claim-backoff.js';
import {
  type ChallengeTarget,
  type ClaimChallengePlan,
  type ContestedClaim,
  planClaimChallenges,
  targetKey,
} from './claim-challenge-plan.js';
import { CLAIM_LIMITS } from './claim-limits.js';
import type { Rival } from './claim-table.js';

/** The decision about a registration whose addresses other relays claim. */
export type ClaimAnswer =
  /** The relay may be registered. `proved`: checkers confirmed all its addresses. */
  | { readonly state: 'granted'; readonly proved: boolean }
  /** A contest is under way. The claimant must accept challenges from these checkers. */
  | { readonly state: 'contested'; readonly checkers: readonly RelayRecord[] }
  /** The incumbent keeps the address: not proved lately, or no relays can check it. */
  | { readonly state: 'refused'; readonly why: 'unproved' | 'unchecked' }
  /** Too many contests are under way. */
  | { readonly state: 'busy' };

/** The outcome of a contest. */
export type ContestResult = 'proved' | 'unproved';

/** An event for the operator's log. */
export type ClaimNews = {
  readonly relay: string;
  readonly contested: readonly ContestedClaim[];
} & (
  | { readonly kind: 'contested'; readonly checkers: readonly string[] }
  | { readonly kind: 'unchecked' }
  | { readonly kind: 'decided'; readonly result: ContestResult }
);

interface Contest {
  readonly claimant: RelayRecord;
  readonly plan: ClaimChallengePlan;
  readonly checkers: ReadonlyMap<string, RelayRecord>;
  /** Ids of checkers by target key: those that got an answer, and those that got none. */
  readonly proved: Map<string, Set<string>>;
  readonly missed: Map<string, Set<string>>;
  readonly beganAtMs: number;
  readonly endsAtMs: number;
}

/** A relay that can be a checker: a registered one, or one that waits to be registered. */
type Candidate = Pick<LiveRelay, 'record' | 'draining'>;

interface Waiting extends Candidate {
  readonly atMs: number;
}

interface Grant {
  readonly claims: ReadonlySet<string>;
  readonly untilMs: number;
}

/** Dependencies of `Contests`. */
export interface ContestsOptions {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Minimum number of regions whose checkers must agree. */
const REGIONS_MIN = 2;

/**
 * Decides which relay has an address that two relays claim (docs/registration.md, Claims). Checkers
 * of two regions, none of them a party, challenge the claimant's key at the address. If they get no
 * answer, the incumbent keeps the address. Time comes from `clock` alone. Only the directory's
 * event loop calls it.
 *
 * Relays that wait for their own addresses can be checkers: after a restart another relay may have
 * registered the addresses of all of them.
 *
 * Bounds: one contest of a claimant and `CLAIM_LIMITS.contestsMax` in all;
 * `CLAIM_LIMITS.targetsMax` claimant's addresses of a contest; `CHECK_LIMITS.claimChallengesMax`
 * challenges of a checker. A claimant that lost backs off (`ClaimBackoff`), so that it cannot keep
 * others out.
 */
export class Contests {
  /** Number of contests by outcome, and of claims that no relays could check. */
  readonly counts = { proved: 0, unproved: 0, unchecked: 0 };
  readonly decisionSeconds = createHistogram(
    DIRECTORY_METRICS,
    'turnpike_directory_claim_duration_seconds',
  );
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #contests = new Map<string, Contest>();
  readonly #grants = new Map<string, Grant>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #pace: ClaimBackoff;
  /** Ids of the relays that report results of challenges and so can be checkers. */
  readonly #able = new Set<string>();
  #news: ClaimNews[] = [];

  constructor({ clock, random }: ContestsOptions) {
    this.#clock = clock;
    this.#random = random;
    this.#pace = new ClaimBackoff(clock);
  }

  /** Number of contests under way. */
  get size(): number {
    return this.#contests.size;
  }

  /**
   * Decides about a registration whose addresses others claim. Begins a contest if one is due.
   * @param record - the claimant's registration
   * @param rivals - the contested claims, at least one
   * @param relays - returns all live relays; called only if checkers are chosen
   * @returns the decision; `contested` until the contest has ended
   */
  claim(
    record: RelayRecord,
    rivals: readonly Rival[],
    relays: () => readonly LiveRelay[],
  ): ClaimAnswer {
    const now = this.#clock.monotonic();
    const grant = this.#grants.get(record.id);
    if (grant !== undefined && now < grant.untilMs) {
      if (rivals.every(({ claim }) => grant.claims.has(claim))) {
        // Addresses that nobody contested were not challenged, so they are not proved.
        const proved = claimedAddresses(record).every((claim) => grant.claims.has(claim));
        return { state: 'granted', proved };
      }
    }
    if (this.#waiting.size < REGISTRATION_LIMITS.relaysMax || this.#waiting.has(record.id)) {
      this.#waiting.set(record.id, { record, draining: false, atMs: now });
    }
    const running = this.#contests.get(record.id);
    if (running !== undefined) return asking(running);
    if (!this.#pace.mayClaim(record.id)) return { state: 'refused', why: 'unproved' };
    if (this.#contests.size >= CLAIM_LIMITS.contestsMax) return { state: 'busy' };
    const plan = planClaimChallenges(record, rivals);
    const { contested, targets } = plan;
    const isHopeless = contested.some(({ anyOf }) => anyOf.length === 0);
    // Counts the claimant's targets only: the incumbent's list must not exceed the claimant's
    // bound.
    const own = [...targets.values()].filter(({ id }) => id === record.id);
    if (isHopeless || own.length > CLAIM_LIMITS.targetsMax) return this.#hopeless(record, plan);
    const checkers = this.#checkers(record, rivals, [...targets.values()], relays());
    if (checkers === 'busy') return { state: 'busy' };
    if (checkers === undefined) return this.#unchecked(record, rivals, plan);
    const contest: Contest = {
      claimant: record,
      plan,
      checkers: new Map(checkers.map((checker) => [checker.record.id, checker.record])),
      proved: new Map(),
      missed: new Map(),
      beganAtMs: now,
      endsAtMs: now + CLAIM_LIMITS.contestMs,
    };
    this.#contests.set(record.id, contest);
    const ids = [...contest.checkers.keys()];
    this.#news.push({ kind: 'contested', relay: record.id, contested, checkers: ids });
    return asking(contest);
  }

  /** Returns the challenges that a checker makes, of all contests. */
  claimChallengesOf(checker: string): ClaimChallenge[] {
    const challenges = new Map<string, ClaimChallenge>();
    for (const { checkers, plan } of this.#contests.values()) {
      if (!checkers.has(checker)) continue;
      for (const { key, id, publicKey, address } of plan.targets.values()) {
        challenges.set(key, { id, publicKey, address });
      }
    }
    return [...challenges.values()];
  }

  /**
   * Takes a checker's results of its challenges.
   * @param results - undefined from a relay that makes no challenges
   */
  report(checker: string, results: readonly ClaimResult[] | undefined): void {
    if (results === undefined) {
      this.#able.delete(checker);
      return;
    }
    this.#able.add(checker);
    for (const contest of [...this.#contests.values()]) {
      if (!contest.checkers.has(checker)) continue;
      for (const { id, address, proved } of results) {
        const key = targetKey(id, address);
        if (!contest.plan.targets.has(key)) continue;
        note(proved ? contest.proved : contest.missed, key, checker);
      }
      this.#weigh(contest);
    }
  }

  /** Removes a relay that is gone from the possible checkers. */
  forget(id: string): void {
    this.#able.delete(id);
  }

  /** Ends a relay's grant and its waiting, after its registration. */
  taken(id: string): void {
    this.#grants.delete(id);
    this.#waiting.delete(id);
  }

  /**
   * Ends contests whose time is over. To be called a few times a second.
   * @returns the events since the last call
   */
  sweep(): ClaimNews[] {
    const now = this.#clock.monotonic();
    for (const contest of [...this.#contests.values()]) {
      if (now >= contest.endsAtMs) this.#end(contest, hasWon(contest) ? 'proved' : 'unproved');
    }
    for (const [id, { atMs }] of this.#waiting) {
      if (now - atMs >= CLAIM_LIMITS.waitingMs) this.#waiting.delete(id);
    }
    for (const [id, { untilMs }] of this.#grants) if (now >= untilMs) this.#grants.delete(id);
    const news = this.#news;
    this.#news = [];
    return news;
  }

  /** Refuses a claim that cannot be proved: no target could answer, or too many are contested. */
  #hopeless(record: RelayRecord, { contested }: ClaimChallengePlan): ClaimAnswer {
    this.#pace.lost(record.id);
    this.counts.unproved += 1;
    this.#news.push({ kind: 'decided', relay: record.id, contested, result: 'unproved' });
    return { state: 'refused', why: 'unproved' };
  }

  /**
   * Decides without checkers: a live incumbent keeps the address, and so does one that expired less
   * than `CLAIM_LIMITS.holdMs` ago.
   */
  #unchecked(record: RelayRecord, rivals: readonly Rival[], plan: ClaimChallengePlan): ClaimAnswer {
    const isOver = ({ silentMs }: Rival) =>
      silentMs !== undefined && silentMs >= CLAIM_LIMITS.holdMs;
    if (rivals.every(isOver)) return { state: 'granted', proved: false };
    if (this.#pace.isNews(record.id)) {
      this.counts.unchecked += 1;
      const { contested } = plan;
      this.#news.push({ kind: 'unchecked', relay: record.id, contested });
    }
    return { state: 'refused', why: 'unchecked' };
  }

  /**
   * Chooses checkers from as many regions as possible.
   * @returns undefined if able relays are of too few regions; `busy` if too few have capacity
   */
  #checkers(
    claimant: RelayRecord,
    rivals: readonly Rival[],
    targets: readonly ChallengeTarget[],
    relays: readonly LiveRelay[],
  ): readonly Candidate[] | 'busy' | undefined {
    const parties = new Set([claimant.id, ...rivals.map(({ by }) => by.id)]);
    const families = [...new Set(targets.map(({ family }) => family))];
    const able = this.#candidates(relays).filter(
      (relay) =>
        !parties.has(relay.record.id) &&
        !relay.draining &&
        this.#able.has(relay.record.id) &&
        families.every((family) => hasTrunk(relay, family)),
    );
    if (regionsOf(able).size < REGIONS_MIN) return undefined;
    const free = able.filter(({ record: { id } }) => {
      const load = this.claimChallengesOf(id).length + targets.length;
      return load <= CHECK_LIMITS.claimChallengesMax;
    });
    const chosen = this.#ofMostRegions(free);
    return regionsOf(chosen).size < REGIONS_MIN ? 'busy' : chosen;
  }

  #candidates(relays: readonly LiveRelay[]): Candidate[] {
    const live = new Set(relays.map(({ record }) => record.id));
    return [...relays, ...[...this.#waiting.values()].filter(({ record }) => !live.has(record.id))];
  }

  #ofMostRegions(relays: readonly Candidate[]): Candidate[] {
    const drawn = relays
      .map((relay) => ({ relay, draw: this.#random() }))
      .sort((a, b) => a.draw - b.draw)
      .map(({ relay }) => relay);
    const firsts: Candidate[] = [];
    const others: Candidate[] = [];
    const seen = new Set<string>();
    for (const relay of drawn) {
      const { region } = relay.record;
      (seen.has(region) ? others : firsts).push(relay);
      seen.add(region);
    }
    return [...firsts, ...others].slice(0, CHECK_LIMITS.claimCheckersMax);
  }

  /** Ends a contest once no further result can change its outcome. */
  #weigh(contest: Contest): void {
    const { plan, checkers } = contest;
    const isHeard = [...plan.targets.keys()].every((key) => {
      const heard = new Set([
        ...(contest.proved.get(key) ?? []),
        ...(contest.missed.get(key) ?? []),
      ]);
      return heard.size === checkers.size;
    });
    const waits = plan.contested.some(({ unless }) => unless.length > 0);
    if (hasWon(contest) && (isHeard || !waits)) this.#end(contest, 'proved');
    else if (isHeard) this.#end(contest, 'unproved');
  }

  #end(contest: Contest, result: ContestResult): void {
    const { claimant, plan } = contest;
    const now = this.#clock.monotonic();
    this.#contests.delete(claimant.id);
    this.counts[result] += 1;
    this.decisionSeconds.observe({ result }, (now - contest.beganAtMs) / 1_000);
    if (result === 'proved') {
      const untilMs = now + CLAIM_LIMITS.grantMs;
      const claims = new Set(plan.contested.map(({ claim }) => claim));
      this.#grants.set(claimant.id, { claims, untilMs });
      this.#pace.won(claimant.id);
    } else this.#pace.lost(claimant.id);
    const { contested } = plan;
    this.#news.push({ kind: 'decided', relay: claimant.id, contested, result });
  }
}

/** Returns whether checkers of two regions confirmed every contested claim. */
function hasWon({ plan, proved, checkers }: Contest): boolean {
  const isProved = (key: string) => {
    const regions = new Set([...(proved.get(key) ?? [])].map((id) => checkers.get(id)?.region));
    return regions.size >= REGIONS_MIN;
  };
  return plan.contested.every(
    ({ anyOf, unless }) => anyOf.some(isProved) && !unless.some(isProved),
  );
}

function asking({ checkers }: Contest): ClaimAnswer {
  return { state: 'contested', checkers: [...checkers.values()] };
}

function regionsOf(relays: readonly Candidate[]): ReadonlySet<string> {
  return new Set(relays.map(({ record }) => record.region));
}

function note(by: Map<string, Set<string>>, key: string, checker: string): void {
  const said = by.get(key) ?? new Set();
  by.set(key, said.add(checker));
}
