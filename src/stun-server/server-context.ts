import type { TransportAddress } from '../address.js';
import type { AuthenticationFailure } from '../auth/long-term.js';
import type { StrangerBudgets } from '../auth/stranger-budgets.js';
import { KeyCounter } from '../collections/key-counter.js';
import type { DataPlane } from '../native/types.js';
import { type Origin, tupleKey } from './origin.js';
import type { ProvenClients } from './proven-clients.js';

/** Why what came from a client's address gets no response. */
export type ClientDrop =
  | 'malformed'
  | 'over-binding-budget'
  | 'over-challenge-budget'
  | 'over-wrong-credentials';

/** Why a request is challenged, or answered 400. */
export type ChallengeReason = AuthenticationFailure | 'expired';

/** Counts of what came from clients, by name; each becomes a metric. */
export class ServerStats {
  /** Requests and indications, and what was dropped of them without a response. */
  readonly client = {
    requests: 0,
    indications: 0,
    malformed: 0,
    over_binding_budget: 0,
    over_challenge_budget: 0,
    over_wrong_credential_budget: 0,
    challenges: 0,
  };
  /** Requests that were not authenticated, whether that was answered or not. */
  readonly authentication = new KeyCounter<ChallengeReason>();
}

/** What the log is told of clients' messages. */
export interface RequestLog {
  /** What came from an address was dropped without a response. */
  dropped(client: TransportAddress, reason: ClientDrop): void;
  /** A request is challenged, or answered 400, because it is not authenticated. */
  unauthenticated(
    client: TransportAddress,
    code: number,
    reason: ChallengeReason,
    username: string | undefined,
  ): void;
}

/** What every usage of the port works on. */
export interface ServerContext {
  readonly plane: Pick<DataPlane, 'send'>;
  /** What responses to strangers are paid from. */
  readonly budgets: StrangerBudgets;
  readonly proven: ProvenClients;
  readonly stats: ServerStats;
  readonly log: RequestLog;
  /** Something came from a 5-tuple that says that its client lives. */
  readonly onHeard: (tupleKey: string) => void;
}

/** How it is counted and logged that a budget has nothing left. */
const OVER_BUDGET = {
  binding: { count: 'over_binding_budget', reason: 'over-binding-budget' },
  challenge: { count: 'over_challenge_budget', reason: 'over-challenge-budget' },
  'wrong-credential': { count: 'over_wrong_credential_budget', reason: 'over-wrong-credentials' },
} as const;

/** What a response to a request that nobody has proved is paid from. */
export type Payment = keyof typeof OVER_BUDGET;

/** Pays for one response. @returns false where nothing is left, which is counted and logged */
export function pays(context: ServerContext, origin: Origin, payment: Payment): boolean {
  if (isPaid(context, origin, payment)) return true;
  dropOverBudget(context, origin, payment);
  return false;
}

function isPaid({ budgets, proven }: ServerContext, { tuple }: Origin, payment: Payment): boolean {
  switch (payment) {
    case 'binding':
      return budgets.binding(tuple.remote, proven.has(tupleKey(tuple)));
    case 'challenge':
      return budgets.challenge(tuple.remote);
    case 'wrong-credential':
      return budgets.wrong(tuple.remote);
  }
}

/** Counts and logs that a request gets no response. */
export function dropOverBudget(
  { stats, log }: ServerContext,
  { tuple }: Origin,
  payment: Payment,
): void {
  stats.client[OVER_BUDGET[payment].count] += 1;
  log.dropped(tuple.remote, OVER_BUDGET[payment].reason);
}

/** Sends a message back to where a request came from. */
export function respond({ plane }: ServerContext, { tuple }: Origin, data: Uint8Array): void {
  plane.send([{ side: 'client', tuple, data }]);
}
