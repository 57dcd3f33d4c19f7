import type { Bound } from '../logging/bound-watch.js';
import type { DataPlane } from '../native/types.js';
import { CLOSES_PENDING_MAX } from '../overlay/close-requests.js';
import { OFFERS_OF_RELAY_MAX, OFFERS_REMEMBERED_MAX } from '../overlay/received-offers.js';
import type { RefusalReason } from '../overlay/refusals.js';
import { SENT_OFFER_LIMITS } from '../overlay/sent-offers.js';
import { REGISTRATION_LIMITS } from '../registry/registration-limits.js';
import { planeBounds, strangerBounds } from '../stun-server/server-bounds.js';
import { CONTROL_WINDOW } from '../trunk/control-sequence.js';
import { turnBounds } from '../turn-server/turn-server-bounds.js';
import { CLAIM_ANSWERS_PER_SECOND } from './claim-responder.js';
import type { RelayCore } from './relay-core.js';

/** Returns every bound that peers or relays can meet (table in ARCHITECTURE.md). */
export function relayBounds(core: RelayCore, plane: DataPlane): Bound[] {
  const { stats, legs, trunk } = core.context;
  const refused = (reason: RefusalReason) => () => stats.refusals.of(reason);
  return [
    {
      name: 'legs',
      detail: `peers are refused with 508: the relay holds ${legs.legsMax} legs at most`,
      met: refused('relay-full'),
    },
    {
      name: 'tenant-quota',
      detail:
        `peers are refused with 486: a tenant has ${Math.floor(legs.legsMax / 2)} legs at ` +
        'most, with those that ended in the last minute, and no more than are left for others; ' +
        '`default` has three times as many',
      met: refused('tenant-quota'),
    },
    {
      name: 'channels',
      detail: 'peers are refused with 508: their 5-tuple has used all channels of the last minute',
      met: refused('channels-used-up'),
    },
    {
      name: 'data-plane',
      detail:
        'peers are refused with 508, or for now not answered: a table or queue of the data plane ' +
        'is full',
      met: refused('data-plane-full'),
    },
    ...strangerBounds(core.server.stats),
    {
      name: 'claim-challenges',
      detail:
        `challenges of this relay's addresses are dropped: ${CLAIM_ANSWERS_PER_SECOND} a ` +
        'second are answered',
      met: () => core.claimResponder.counts.over,
    },
    ...boundsOfTurn(core),
    ...trunkBounds(core),
    {
      name: 'control-window',
      detail:
        `messages of relays are dropped: they were sent before ${CONTROL_WINDOW} ` +
        'others that have come already',
      met: () => trunk.drops.trunk_control_too_old,
    },
    {
      name: 'relays',
      detail: `relays of the registry are left out: ${REGISTRATION_LIMITS.relaysMax} can be known`,
      met: () => core.relaysLeftOut,
    },
    ...planeBounds(plane),
    {
      name: 'closed-indications',
      detail: 'senders of data that meets no leg are not told so: the budget for it is used up',
      met: () => Number(plane.counters().closed_indications_over_budget),
    },
  ];
}

/** Returns the bounds of TURN, where it is served. */
function boundsOfTurn({ turn }: RelayCore): Bound[] {
  const bounds = turn === undefined ? [] : turnBounds(turn);
  return bounds.map((bound) => ({ ...bound, name: `turn-${bound.name}` }));
}

/** Returns the bounds of state that tenants share toward other relays. */
function trunkBounds({ context: { offers, sentOffers, closes } }: RelayCore): Bound[] {
  return [
    {
      name: 'offers',
      detail:
        `offers of the tenant with most are dropped: ${OFFERS_OF_RELAY_MAX} of one relay ` +
        `are remembered, ${OFFERS_REMEMBERED_MAX} in all`,
      met: () => offers.refused,
    },
    {
      name: 'offers-sent',
      detail:
        'answers to offers are not awaited of the tenant with most: ' +
        `${SENT_OFFER_LIMITS.rememberedMax} are remembered`,
      met: () => sentOffers.forgotten,
    },
    {
      name: 'close-requests',
      detail:
        `closes of the tenant with most are sent once only: ${CLOSES_PENDING_MAX} await an ` +
        'answer',
      met: () => closes.unrepeated,
    },
  ];
}
