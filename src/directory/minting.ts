import type { Logger } from 'pino';
import type { TenantSecrets } from '../auth/tenant-secrets.js';
import type { Clock } from '../clock.js';
import type { RandomBytes } from '../random.js';
import type { LiveSelection } from './live-selection.js';
import type { DirectoryMetrics } from './metrics.js';
import type { SelectionPolicy } from './selection-policy.js';

/** What selects relays and mints credentials for them: for connections, and for TURN. */
export interface Minting {
  readonly tenantSecrets: TenantSecrets;
  readonly live: LiveSelection;
  readonly policy: SelectionPolicy;
  readonly metrics: DirectoryMetrics;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly logger: Logger;
}
