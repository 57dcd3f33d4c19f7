import type { TransportAddress } from '../address.js';
import type { AuthenticationFailure } from '../auth/long-term.js';
import type { StrangerBudgets } from '../auth/stranger-budgets.js';
import { KeyCounter } from '../collections/key-counter.js';
import type { DataPlane } from '../native/types.js';
import type { AccessNetworks } from './access-networks.js';
import { type Origin, tupleKey } from './origin.js';
import type { ProvenClients } from './proven-clients.js';

/** Why a client's datagram gets no response. */
export type ClientDrop =
  | 'malformed'
  | 'binding-off'
  | 'over-binding-budget'
  | 'over-challenge-budget'
  | 'over-wrong-credentials'
  | 'over-lookup-bound';

/** Why a request is challenged or answered 400. */
export type ChallengeReason = AuthenticationFailure | 'expired';

/** Counters of clients' messages; each becomes a metric. */
export class ServerStats {
  /** Requests and indications received, and datagrams dropped without a response. */
  readonly client = {
    requests: 0,
    indications: 0,
    malformed: 0,
    binding_off: 0,
    over_binding_budget: 0,
    over_challenge_budget: 0,
    over_wrong_credential_budget: 0,
    challenges: 0,
  };
  /** Unauthenticated requests, answered or not, by reason. */
  readonly authentication = new KeyCounter<ChallengeReason>();
}

/** The log of clients' messages. */
export interface ServerLog {
  /** A datagram was dropped without a response. */
  dropped(client: TransportAddress, reason: ClientDrop): void;
  /** An unauthenticated request is challenged or answered 400. */
  unauthenticated(
    client: TransportAddress,
    code: number,
    reason: ChallengeReason,
    username: string | undefined,
  ): void;
}

/** State shared by the usages of the client port. */
export interface ServerContext {
  readonly plane: Pick<DataPlane, 'send'>;
  /** Budgets of responses to unauthenticated requests. */
  readonly budgets: StrangerBudgets;
  readonly proven: ProvenClients;
  /** Measures how far clients are; undefined where nobody asks. */
  readonly access?: AccessNetworks | undefined;
  readonly stats: ServerStats;
  readonly log: ServerLog;
}

/** Counter and reason of a drop, by budget. */
const OVER_BUDGET = {
  binding: { count: 'over_binding_budget', reason: 'over-binding-budget' },
  challenge: { count: 'over_challenge_budget', reason: 'over-challenge-budget' },
  'wrong-credential': { count: 'over_wrong_credential_budget', reason: 'over-wrong-credentials' },
} as const;

/** A budget of responses to unauthenticated requests. */
export type BudgetName = keyof typeof OVER_BUDGET;

/**
 * Charges a budget for one response.
 * @param tokens - its price
 * @returns false if the budget is used up, which is counted and logged
 */
export function spendBudget(
  context: ServerContext,
  origin: Origin,
  budget: BudgetName,
  tokens = 1,
): boolean {
  if (charge(context, origin, budget, tokens)) return true;
  dropOverBudget(context, origin, budget);
  return false;
}

function charge(
  { budgets, proven }: ServerContext,
  { tuple }: Origin,
  budget: BudgetName,
  tokens: number,
): boolean {
  switch (budget) {
    case 'binding':
      return budgets.binding(tuple.remote, proven.has(tupleKey(tuple)));
    case 'challenge':
      return budgets.challenge(tuple.remote, tokens);
    case 'wrong-credential':
      return budgets.wrong(tuple.remote, tokens);
  }
}

/** Counts and logs that a request gets no response. */
export function dropOverBudget(
  { stats, log }: ServerContext,
  { tuple }: Origin,
  budget: BudgetName,
): void {
  stats.client[OVER_BUDGET[budget].count] += 1;
  log.dropped(tuple.remote, OVER_BUDGET[budget].reason);
}

/** Sends a response to a request's origin. */
export function respond(
  { plane }: ServerContext,
  { worker, tuple }: Origin,
  data: Uint8Array,
): void {
  plane.send([{ side: 'client', worker, tuple, data }]);
}
