import type { Clock } from '../../clock.js';
import { LIMITS } from '../../limits.js';
import { CHECK_LIMITS } from '../../registry/check-limits.js';
import { claimedAddresses } from '../../registry/record.js';
import type { ClaimChallenge, ClaimResult, RelayRecord } from '../../registry/types.js';
import { hasTrunk } from '../selection/score.js';
import type { LiveRelay } from '../snapshot.js';
import {
  type ChallengePlan,
  planChallenges,
  type Question,
  type Target,
  targetKey,
} from './challenge-plan.js';
import { ClaimBackoff } from './claim-backoff.js';
import { CLAIM_LIMITS } from './claim-limits.js';
import type { Rival } from './claim-table.js';

/** What becomes of a registration whose addresses others claim. */
export type ClaimAnswer =
  /** It may be registered; `proved` where checkers have said that it is at the addresses. */
  | { readonly state: 'granted'; readonly proved: boolean }
  /** These relays are asking now; the claimant must be able to answer them. */
  | { readonly state: 'contested'; readonly checkers: readonly RelayRecord[] }
  /** The incumbent has the address: it was not proved lately, or there is nobody to ask. */
  | { readonly state: 'refused'; readonly why: 'unproved' | 'unchecked' }
  /** Too many claims are looked into. */
  | { readonly state: 'busy' };

/** How a contest ended. */
export type ContestResult = 'proved' | 'unproved';

/** What an operator is told. */
export type ClaimNews = {
  readonly relay: string;
  readonly questions: readonly Question[];
} & (
  | { readonly kind: 'contested'; readonly checkers: readonly string[] }
  | { readonly kind: 'unchecked' }
  | { readonly kind: 'decided'; readonly result: ContestResult }
);

interface Contest {
  readonly claimant: RelayRecord;
  readonly plan: ChallengePlan;
  readonly checkers: ReadonlyMap<string, RelayRecord>;
  /** Checkers by target: those that were answered, and those that were not. */
  readonly proved: Map<string, Set<string>>;
  readonly missed: Map<string, Set<string>>;
  readonly endsAtMs: number;
}

/** A relay that may be asked to check: one that is registered, or that waits to be. */
type Candidate = Pick<LiveRelay, 'record' | 'draining'>;

interface Waiting extends Candidate {
  readonly atMs: number;
}

interface Grant {
  readonly claims: ReadonlySet<string>;
  readonly untilMs: number;
}

/** What it works with. */
export interface ContestsOptions {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Regions that must agree. */
const REGIONS_MIN = 2;

/**
 * Decides who has an address that two relays claim (docs/registration.md, Claims): relays of two
 * regions, neither of them a party, challenge the claimant's key at the address itself. Without an
 * answer the incumbent stays. Pure over a clock; only the directory's event loop touches it.
 *
 * Relays that wait for their own addresses can check those of others: after a restart somebody may
 * have registered the addresses of all of them.
 *
 * Bounds: one contest of a claimant and `claimContestsMax` in all; `claimTargetsMax` addresses of a
 * contest and `claimChallengesMax` of a checker, so that no claimant can keep the others out; who
 * lost waits for a growing time (`ClaimBackoff`).
 */
export class Contests {
  /** Contests by how they ended, and claims that nobody could check. */
  readonly counts = { proved: 0, unproved: 0, unchecked: 0 };
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #contests = new Map<string, Contest>();
  readonly #grants = new Map<string, Grant>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #pace: ClaimBackoff;
  /** Relays that say what became of challenges, so that they can be checkers. */
  readonly #able = new Set<string>();
  #news: ClaimNews[] = [];

  constructor({ clock, random }: ContestsOptions) {
    this.#clock = clock;
    this.#random = random;
    this.#pace = new ClaimBackoff(clock);
  }

  /** Contests under way. */
  get size(): number {
    return this.#contests.size;
  }

  /**
   * Takes a registration that claims what others claim, and begins a contest where that is due.
   * @param rivals - at least one
   * @param relays - all live relays, asked for where they are needed
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
        // What nobody contested has not been asked about, so it is not proved.
        const proved = claimedAddresses(record).every((claim) => grant.claims.has(claim));
        return { state: 'granted', proved };
      }
    }
    if (this.#waiting.size < LIMITS.relaysMax || this.#waiting.has(record.id)) {
      this.#waiting.set(record.id, { record, draining: false, atMs: now });
    }
    const running = this.#contests.get(record.id);
    if (running !== undefined) return asking(running);
    if (!this.#pace.mayClaim(record.id)) return { state: 'refused', why: 'unproved' };
    if (this.#contests.size >= CLAIM_LIMITS.contestsMax) return { state: 'busy' };
    const plan = planChallenges(record, rivals);
    const { questions, targets } = plan;
    const isHopeless = questions.some(({ anyOf }) => anyOf.length === 0);
    // Of the claimant alone: what the incumbent lists must not make its rival's claim too long.
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
      endsAtMs: now + CLAIM_LIMITS.contestMs,
    };
    this.#contests.set(record.id, contest);
    const ids = [...contest.checkers.keys()];
    this.#news.push({ kind: 'contested', relay: record.id, questions, checkers: ids });
    return asking(contest);
  }

  /** The challenges that a relay is to make. */
  challengesOf(checker: string): ClaimChallenge[] {
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
   * Takes what a relay says became of its challenges.
   * @param results - undefined from a relay that makes none
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

  /** Forgets that a relay can check: it is gone. */
  forget(id: string): void {
    this.#able.delete(id);
  }

  /** A relay was registered with what it had been granted. */
  taken(id: string): void {
    this.#grants.delete(id);
    this.#waiting.delete(id);
  }

  /**
   * To be called a few times a second: ends contests whose time is over.
   * @returns what has happened since the last call
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

  /** A claim to a port that no answer can come from, against one that has it, or to too much. */
  #hopeless(record: RelayRecord, { questions }: ChallengePlan): ClaimAnswer {
    this.#pace.lost(record.id);
    this.counts.unproved += 1;
    this.#news.push({ kind: 'decided', relay: record.id, questions, result: 'unproved' });
    return { state: 'refused', why: 'unproved' };
  }

  /** With too few to ask an incumbent stays, but one that is silent not for ever. */
  #unchecked(record: RelayRecord, rivals: readonly Rival[], plan: ChallengePlan): ClaimAnswer {
    const isOver = ({ silentMs }: Rival) =>
      silentMs !== undefined && silentMs >= CLAIM_LIMITS.holdMs;
    if (rivals.every(isOver)) return { state: 'granted', proved: false };
    if (this.#pace.isNews(record.id)) {
      this.counts.unchecked += 1;
      const { questions } = plan;
      this.#news.push({ kind: 'unchecked', relay: record.id, questions });
    }
    return { state: 'refused', why: 'unchecked' };
  }

  /** Relays to ask, of as many regions as there are; undefined where there are too few. */
  #checkers(
    claimant: RelayRecord,
    rivals: readonly Rival[],
    targets: readonly Target[],
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
      const load = this.challengesOf(id).length + targets.length;
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

  /** Ends a contest as soon as no further word can change it. */
  #weigh(contest: Contest): void {
    const { plan, checkers } = contest;
    const isHeard = [...plan.targets.keys()].every((key) => {
      const heard = new Set([
        ...(contest.proved.get(key) ?? []),
        ...(contest.missed.get(key) ?? []),
      ]);
      return heard.size === checkers.size;
    });
    const waits = plan.questions.some(({ unless }) => unless.length > 0);
    if (hasWon(contest) && (isHeard || !waits)) this.#end(contest, 'proved');
    else if (isHeard) this.#end(contest, 'unproved');
  }

  #end(contest: Contest, result: ContestResult): void {
    const { claimant, plan } = contest;
    this.#contests.delete(claimant.id);
    this.counts[result] += 1;
    if (result === 'proved') {
      const untilMs = this.#clock.monotonic() + CLAIM_LIMITS.grantMs;
      const claims = new Set(plan.questions.map(({ claim }) => claim));
      this.#grants.set(claimant.id, { claims, untilMs });
      this.#pace.won(claimant.id);
    } else this.#pace.lost(claimant.id);
    const { questions } = plan;
    this.#news.push({ kind: 'decided', relay: claimant.id, questions, result });
  }
}

/** Whether checkers of two regions were answered at each address that is in question. */
function hasWon({ plan, proved, checkers }: Contest): boolean {
  const isProved = (key: string) => {
    const regions = new Set([...(proved.get(key) ?? [])].map((id) => checkers.get(id)?.region));
    return regions.size >= REGIONS_MIN;
  };
  return plan.questions.every(
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
