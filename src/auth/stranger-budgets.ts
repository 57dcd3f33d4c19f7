import type { TransportAddress } from '../address.js';
import type { Clock } from '../clock.js';
import type { RandomBytes } from '../random.js';
import { ProvenSources } from './proven-sources.js';
import { SourceBudget } from './source-budget.js';
import { STRANGER_LIMITS } from './stranger-limits.js';

/** Responses per second and in a burst. */
export interface AnswerRate {
  readonly perSecond: number;
  readonly burst: number;
}

/**
 * Budgets of responses to unauthenticated requests (PROTOCOL.md section 2), per source: an IPv4
 * address or an IPv6 /64. Anybody can forge a source address, so each kind of response has a
 * separate budget: a flood of one kind leaves the others. Sources from which a credential was
 * proved recently have larger budgets, and proven 5-tuples their own.
 */
export class StrangerBudgets {
  readonly #bindings: SourceBudget;
  readonly #bindingsOfPort: SourceBudget;
  readonly #challenges: SourceBudget;
  readonly #challengesOfProven: SourceBudget;
  readonly #wrongAnswered: SourceBudget;
  readonly #wrongTried: SourceBudget;
  readonly #wrongOfPort: SourceBudget;
  readonly #proven: ProvenSources;
  #rate: AnswerRate;

  constructor(options: AnswerRate & { readonly clock: Clock; readonly random: RandomBytes }) {
    const { clock, random, perSecond, burst } = options;
    const sourcesMax = STRANGER_LIMITS.sourcesMax;
    const budget = (rate: AnswerRate) => new SourceBudget({ ...rate, sourcesMax, clock, random });
    const given = { perSecond, burst };
    this.#rate = given;
    this.#bindings = budget(given);
    this.#bindingsOfPort = budget(given);
    this.#challenges = budget(given);
    this.#challengesOfProven = budget(ofProven(given));
    this.#wrongAnswered = budget(given);
    this.#wrongTried = budget({
      perSecond: STRANGER_LIMITS.wrongCredentialsPerSecond,
      burst: STRANGER_LIMITS.wrongCredentialsBurst,
    });
    this.#wrongOfPort = budget({
      perSecond: STRANGER_LIMITS.wrongCredentialsOfPortPerSecond,
      burst: STRANGER_LIMITS.wrongCredentialsOfPortBurst,
    });
    this.#proven = new ProvenSources({
      sourcesMax,
      memoryMs: STRANGER_LIMITS.provenSourceMs,
      clock,
      random,
    });
  }

  /**
   * Sets the rate from now on; an absent member keeps its value.
   * @throws TurnpikeError ERR_TURNPIKE_CONFIG for a rate of zero or a burst below 1
   */
  limit(change: Partial<AnswerRate>): void {
    const rate = { ...this.#rate, ...change };
    this.#bindings.limit(rate);
    this.#bindingsOfPort.limit(rate);
    this.#challenges.limit(rate);
    this.#challengesOfProven.limit(ofProven(rate));
    this.#wrongAnswered.limit(rate);
    this.#rate = rate;
  }

  /** Notes that an authenticated request came from the source. */
  proved({ address }: TransportAddress): void {
    this.#proven.add(address);
  }

  /** Returns whether an authenticated request came from the source lately (`provenSourceMs`). */
  isProven({ address }: TransportAddress): boolean {
    return this.#proven.has(address);
  }

  /**
   * Pays for a Binding response that is longer than its request.
   * @param isProven - whether the 5-tuple is proven, and so has a budget of its own
   * @returns false if the budget is used up
   */
  binding({ address, port }: TransportAddress, isProven: boolean): boolean {
    return isProven ? this.#bindingsOfPort.take(address, { port }) : this.#bindings.take(address);
  }

  /**
   * Pays for a challenge that is longer than its request.
   * @returns false if the budget is used up
   */
  challenge(client: TransportAddress, tokens: number): boolean {
    const budget = this.isProven(client) ? this.#challengesOfProven : this.#challenges;
    return budget.take(client.address, { tokens });
  }

  /** Returns whether a credential may be checked; to be called before any key is derived for it. */
  mayTry({ address, port }: TransportAddress): boolean {
    return this.#wrongOfPort.has(address, port) && this.#wrongTried.has(address);
  }

  /** Counts a wrong credential and pays for its challenge. @returns whether it may be answered */
  wrong({ address, port }: TransportAddress, tokens: number): boolean {
    this.#wrongOfPort.take(address, { port });
    this.#wrongTried.take(address);
    return this.#wrongAnswered.take(address, { tokens });
  }
}

function ofProven({ perSecond, burst }: AnswerRate): AnswerRate {
  const factor = STRANGER_LIMITS.provenSourceFactor;
  return { perSecond: perSecond * factor, burst: burst * factor };
}
