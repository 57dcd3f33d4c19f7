import type { TransportAddress } from '../address.js';

/** Why an allocation ends; each is a counter's label. */
export type EndReason =
  /** A Refresh with lifetime 0. */
  | 'deleted'
  /** Its lifetime is over. */
  | 'expired'
  /** The data plane closed the socket of its relayed transport address. */
  | 'socket-failed'
  /** Its user is no longer known, or no longer allowed. */
  | 'user-removed'
  /** The server stops. */
  | 'server-stopped';

/** Traffic of an allocation: payloads, without headers. */
export interface AllocationTraffic {
  readonly packetsFromClient: number;
  readonly bytesFromClient: number;
  readonly packetsToClient: number;
  readonly bytesToClient: number;
  /** Datagrams of both directions that were dropped: the user's bandwidth was used up. */
  readonly packetsOverBandwidth: number;
}

/** An allocation, for logs and embedders. */
export interface AllocationSummary {
  readonly username: string;
  /** The user without an expiry. */
  readonly user: string;
  readonly client: TransportAddress;
  /** Its relayed transport addresses as peers see them: one, or one of each family. */
  readonly relayed: readonly TransportAddress[];
}

/** An allocation that has ended. */
export interface EndedAllocation extends AllocationSummary {
  readonly reason: EndReason;
  readonly seconds: number;
  readonly traffic: AllocationTraffic;
}

/** An allocation whose client has moved to another 5-tuple. */
export interface MovedAllocation extends AllocationSummary {
  /** The client's address before. */
  readonly from: TransportAddress;
}

/** An event of an allocation. */
export type AllocationEvent =
  | ({ readonly type: 'allocated'; readonly lifetimeSeconds: number } & AllocationSummary)
  | ({ readonly type: 'refreshed'; readonly lifetimeSeconds: number } & AllocationSummary)
  | ({ readonly type: 'moved' } & MovedAllocation)
  | ({ readonly type: 'ended' } & EndedAllocation);
