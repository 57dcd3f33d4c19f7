import type { Bound } from '../logging/bound-watch.js';
import type { DataPlane } from '../native/types.js';
import {
  LOOKUPS_MAX,
  LOOKUPS_OF_NETWORK_MAX,
  LOOKUPS_OF_SOURCE_MAX,
  LOOKUPS_OF_STRANGERS_MAX,
} from '../stun-server/lookup-room.js';
import { planeBounds, strangerBounds } from '../stun-server/server-bounds.js';
import { type LookupStats, REQUESTS_OF_LOOKUP_MAX } from '../stun-server/user-lookups.js';
import type { Turn } from '../turn/index.js';
import type { RefusalReason } from '../turn/refusals.js';
import type { TurnCore } from './turn-core.js';

/** Returns every bound that clients of a TURN server can meet (table in docs/turn.md). */
export function turnServerBounds(
  { turn, server }: Pick<TurnCore, 'turn' | 'server'>,
  plane: Pick<DataPlane, 'counters'>,
): Bound[] {
  return [...turnBounds(turn), ...strangerBounds(server.stats), ...planeBounds(plane)];
}

/** Returns the bounds of allocations, and of look-ups where there are any. */
export function turnBounds(turn: Turn): Bound[] {
  const { lookups } = turn;
  return [...allocationBounds(turn), ...(lookups === undefined ? [] : lookupBounds(lookups.stats))];
}

function allocationBounds({ limits, stats }: Turn): Bound[] {
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
      name: 'tenant-quota',
      detail:
        "clients are refused with 486: a tenant's users have half of all allocations, or as many " +
        'as are left',
      met: refused('tenant-quota'),
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
  ];
}

function lookupBounds({ over }: LookupStats): Bound[] {
  return [
    {
      name: 'authenticate-calls',
      detail: `requests are dropped: ${LOOKUPS_MAX} calls of \`authenticate\` have no result`,
      met: () => over.lookups,
    },
    {
      name: 'authenticate-calls-of-strangers',
      detail:
        `requests are dropped: ${LOOKUPS_OF_STRANGERS_MAX} calls of \`authenticate\` for ` +
        'addresses that proved no credential lately have no result',
      met: () => over.lookups_of_strangers,
    },
    {
      name: 'authenticate-calls-of-network',
      detail:
        `requests are dropped: ${LOOKUPS_OF_NETWORK_MAX} calls of \`authenticate\` for their ` +
        'IPv6 /48 have no result',
      met: () => over.lookups_of_network,
    },
    {
      name: 'authenticate-calls-of-source',
      detail:
        `requests are dropped: ${LOOKUPS_OF_SOURCE_MAX} calls of \`authenticate\` for their ` +
        'address have no result',
      met: () => over.lookups_of_source,
    },
    {
      name: 'authenticate-requests',
      detail:
        `requests are dropped: ${REQUESTS_OF_LOOKUP_MAX} await the same call of ` +
        '`authenticate`, or they are too long',
      met: () => over.waiting_requests,
    },
  ];
}
