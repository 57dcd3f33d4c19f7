import type { Clock } from '../clock.js';
import type { RandomBytes } from '../random.js';
import type { Trunk } from '../trunk/trunk.js';
import type { CloseRequests } from './close-requests.js';
import type { Forwarding, OverlayPlane } from './forwarding.js';
import type { LegNonces } from './leg-nonces.js';
import type { LegTable } from './leg-table.js';
import type { OverlayLog } from './overlay-log.js';
import type { OverlayStats } from './overlay-stats.js';
import type { ReceivedOffers } from './received-offers.js';
import type { Responses } from './responses.js';
import type { SentOffers } from './sent-offers.js';
import type { SessionIndexes } from './session-indexes.js';
import type { SilenceWatch } from './silence-watch.js';

/** State and services that the overlay's rules share; `Overlay` creates it. */
export interface OverlayContext {
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** Sends datagrams to peers; legs' entries are managed by `forwarding`. */
  readonly plane: Pick<OverlayPlane, 'send'>;
  readonly forwarding: Forwarding;
  readonly trunk: Trunk;
  readonly legs: LegTable;
  readonly offers: ReceivedOffers;
  readonly sentOffers: SentOffers;
  readonly nonces: LegNonces;
  readonly indexes: SessionIndexes;
  readonly closes: CloseRequests;
  readonly responses: Responses;
  readonly stats: OverlayStats;
  readonly log: OverlayLog;
  readonly silence: SilenceWatch;
}
