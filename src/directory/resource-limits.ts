import type { Logger } from 'pino';
import type { Clock } from '../clock.js';
import { ClientSources } from '../http/client-sources.js';
import { ConnectionLimiter } from '../http/connection-limiter.js';
import {
  type ConnectionBounds,
  connectionBounds,
  readDescriptors,
} from '../http/file-descriptors.js';
import { REQUEST_LIMITS, RequestLimiter, requestLimiterBounds } from '../http/request-limiter.js';
import { WEB_SOCKET_LIMITS } from '../http/web-socket-limits.js';
import { type Bound, BoundWatch } from '../logging/bound-watch.js';
import { REGISTRATION_LIMITS } from '../registry/registration-limits.js';
import { CLAIM_LIMITS } from './claims/claim-limits.js';
import { TENANT_REQUESTS_WAITING_MAX, TenantRequestQueue } from './http/tenant-request-queue.js';
import type { DirectoryMetrics } from './metrics.js';
import { RECORD_CHANGE_INTERVAL_MS, RECORD_CHANGES_BURST } from './record-change-limiter.js';
import { RENDEZVOUS_LIMITS } from './rendezvous/rendezvous-limits.js';
import { NONCES_PER_RELAY_MAX } from './replay-filter.js';

/**
 * Divides the file descriptors of the process among connections, and creates the limiters.
 * @param trustedProxies - as in `DirectoryOptions`
 * @returns the limiters, the maximum number of rendezvous sockets, and the watch over all bounds
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG for a proxy that is neither an address nor a prefix
 */
export function createResourceLimits(
  trustedProxies: readonly string[],
  metrics: DirectoryMetrics,
  clock: Clock,
  logger: Logger,
) {
  const shares = connectionBounds(readDescriptors());
  const sources = new ClientSources(trustedProxies);
  const connections = new ConnectionLimiter(shares, sources, clock);
  const requestLimiter = new RequestLimiter(REQUEST_LIMITS, sources, clock);
  const tenantRequests = new TenantRequestQueue();
  const all = [
    ...connectionBoundsOf(metrics, connections, shares),
    ...requestBounds(metrics, shares),
    ...requestLimiterBounds(requestLimiter),
    tenantBound(tenantRequests),
  ];
  const bounds = new BoundWatch(all, clock, logger);
  metrics.observeBounds(bounds);
  const socketsMax = shares.rendezvousMax;
  return { sources, connections, requestLimiter, socketsMax, tenantRequests, bounds };
}

function tenantBound(requests: TenantRequestQueue): Bound {
  return {
    name: 'tenant-requests',
    detail:
      `requests are refused with 429: ${TENANT_REQUESTS_WAITING_MAX} of their tenant wait ` +
      'for their turn',
    met: () => requests.refused,
  };
}

/** Returns the bounds of connections and of record changes. */
function connectionBoundsOf(
  metrics: DirectoryMetrics,
  limiter: ConnectionLimiter,
  { connectionsMax, relaysReserve, perSourceMax, perNetworkMax }: ConnectionBounds,
): Bound[] {
  const refused = (code: string) => () => metrics.refused.of(code);
  return [
    {
      name: 'connections',
      detail:
        `connections are refused: ${connectionsMax} can be open; a higher limit of open ` +
        'files (ulimit -n) allows more',
      met: () => limiter.refused,
    },
    {
      name: 'idle-connections',
      detail:
        `idle connections are closed for new ones: of ${connectionsMax} ${relaysReserve} are ` +
        'kept for relays',
      met: () => limiter.closedIdle,
    },
    {
      name: 'source-connections',
      detail:
        `one address has ${perSourceMax} connections without an API key, or one IPv6 /48 ` +
        `${perNetworkMax}, as many as it may: its idle ones are closed, or new ones refused; for ` +
        'a proxy give --trusted-proxy',
      met: () => limiter.ofSource,
    },
    {
      name: 'record-changes',
      detail:
        `a relay registers changes all the time: ${RECORD_CHANGES_BURST} are taken, and ` +
        `one every ${RECORD_CHANGE_INTERVAL_MS / 1_000} s`,
      met: refused('too-many-changes'),
    },
  ];
}

/** Returns the bounds of peers' and relays' requests. */
function requestBounds(metrics: DirectoryMetrics, { rendezvousMax }: ConnectionBounds): Bound[] {
  const isShort = rendezvousMax < WEB_SOCKET_LIMITS.socketsMax;
  const moreFiles = isShort ? '; a higher limit of open files (ulimit -n) allows more' : '';
  const refused = (code: string) => () => metrics.refused.of(code);
  return [
    {
      name: 'rendezvous-sockets',
      detail:
        `peers cannot wait for others: ${rendezvousMax} sockets can be open, ` +
        `${RENDEZVOUS_LIMITS.socketsPerTenantMax} of a tenant${moreFiles}`,
      met: refused('socket-limit'),
    },
    {
      name: 'rooms',
      detail:
        `peers cannot open rooms: there can be ${RENDEZVOUS_LIMITS.roomsMax}, ` +
        `${RENDEZVOUS_LIMITS.roomsPerTenantMax} of a tenant`,
      met: refused('room-limit'),
    },
    {
      name: 'rendezvous-messages',
      detail:
        `peers are cut off: ${RENDEZVOUS_LIMITS.messagesPerSecond} messages a second are taken ` +
        'from each',
      met: refused('rate-limited'),
    },
    {
      name: 'relays',
      detail: `relays are refused: ${REGISTRATION_LIMITS.relaysMax} can be registered`,
      met: refused('registry-full'),
    },
    {
      name: 'claims',
      detail:
        `relays that claim addresses of others wait: ${CLAIM_LIMITS.contestsMax} such claims are ` +
        'looked into at a time',
      met: refused('too-many-claims'),
    },
    {
      name: 'relay-requests',
      detail: `relays' requests are refused: ${NONCES_PER_RELAY_MAX} of one relay are remembered`,
      met: refused('too-many-requests'),
    },
  ];
}
