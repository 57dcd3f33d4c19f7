import type { Bound } from '../logging/bound-watch.js';
import type { DataPlane } from '../native/types.js';
import { planeBounds, strangerBounds } from '../stun-server/server-bounds.js';
import type { ServerStats } from '../stun-server/server-context.js';
import type { TurnLimits, TurnStats } from '../turn/index.js';
import type { RefusalReason } from '../turn/refusals.js';

/** What clients of a TURN server can use up. */
export interface BoundedTurnServer {
  readonly limits: TurnLimits;
  readonly stats: TurnStats;
  readonly server: ServerStats;
  readonly plane: Pick<DataPlane, 'counters'>;
}

/** Returns every bound that clients can meet (table in docs/turn.md). */
export function turnServerBounds({ limits, stats, server, plane }: BoundedTurnServer): Bound[] {
  const refused = (reason: RefusalReason) => () => stats.refusals.of(reason);
  return [
    {
      name: 'allocations',
      detail: `clients are refused with 508: there are ${limits.allocationsMax} allocations`,
      met: refused('allocations-used-up'),
    },
    {
      name: 'ports',
      detail: 'clients are refused with 508: no port is free on a relay address',
      met: refused('ports-used-up'),
    },
    {
      name: 'sockets',
      detail: 'clients are refused with 508: the system opens no further socket (ulimit -n)',
      met: refused('no-socket'),
    },
    {
      name: 'user-quota',
      detail: 'clients are refused with 486: a user has as many allocations as the quota allows',
      met: refused('user-quota'),
    },
    {
      name: 'permissions',
      detail:
        `clients are refused with 508: an allocation has ${limits.permissionsMax} ` +
        'permissions at most',
      met: refused('permissions-used-up'),
    },
    {
      name: 'channels',
      detail: `clients are refused with 508: an allocation has ${limits.channelsMax} channels`,
      met: refused('channels-used-up'),
    },
    {
      name: 'data-plane',
      detail: 'clients are refused with 508: a table or queue of the data plane is full',
      met: refused('data-plane-full'),
    },
    ...strangerBounds(server),
    ...planeBounds(plane),
  ];
}
