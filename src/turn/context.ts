import type { Clock } from '../clock.js';
import type { RandomBytes } from '../random.js';
import type { AllocationEvent } from './allocation-events.js';
import type { AllocationTable } from './allocation-table.js';
import type { Forwarding } from './forwarding.js';
import type { Moves } from './moves.js';
import type { RelayedAddresses } from './relayed-addresses.js';
import type { Reservations } from './reservations.js';
import type { ResponseMemory } from './response-memory.js';
import type { Responses } from './responses.js';
import type { TurnLog } from './turn-log.js';
import type { PeerRules, TurnLimits } from './turn-options.js';
import type { TurnStats } from './turn-stats.js';
import type { TurnTrunk } from './turn-trunk.js';
import type { UserBandwidth } from './user-bandwidth.js';

/** State and services that the rules of TURN share; `Turn` creates it. */
export interface TurnContext {
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly table: AllocationTable;
  readonly addresses: RelayedAddresses;
  readonly reservations: Reservations;
  readonly forwarding: Forwarding;
  readonly moves: Moves;
  readonly bandwidth: UserBandwidth;
  readonly memory: ResponseMemory;
  readonly responses: Responses;
  readonly stats: TurnStats;
  readonly log: TurnLog;
  /** Where there are other relays. */
  readonly trunk: TurnTrunk | undefined;
  readonly onEvent: (event: AllocationEvent) => void;
  /** Replaced at a reload. */
  policy: PeerRules;
  /** Replaced at a reload. */
  limits: TurnLimits;
}
