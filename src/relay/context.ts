import type { Clock } from '../clock.js';
import type { DataPlane } from '../native/types.js';
import type { RandomBytes } from '../random.js';
import type { Trunk } from '../trunk/trunk.js';
import type { Answers } from './answers.js';
import type { CloseRequests } from './close-requests.js';
import type { LegLog } from './leg-log.js';
import type { LegTable } from './leg-table.js';
import type { NonceRules } from './nonce-rules.js';
import type { OfferTable } from './offer-table.js';
import type { ProvenPeers } from './proven-peers.js';
import type { SessionIndexes } from './session-indexes.js';
import type { SilenceWatch } from './silence-watch.js';
import type { RelayStats } from './stats.js';

/** What the rules of a relay work on; made once by the service, or by a test with a fake plane. */
export interface RelayContext {
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly plane: DataPlane;
  readonly trunk: Trunk;
  readonly legs: LegTable;
  readonly proven: ProvenPeers;
  readonly offers: OfferTable;
  readonly nonces: NonceRules;
  readonly indexes: SessionIndexes;
  readonly closes: CloseRequests;
  readonly answers: Answers;
  readonly stats: RelayStats;
  readonly log: LegLog;
  readonly silence: SilenceWatch;
}
