import type { Bound } from '../logging/bound-watch.js';
import type { CounterName } from '../native/counters.js';
import type { DataPlane } from '../native/types.js';
import { CLOSES_PENDING_MAX } from '../overlay/close-requests.js';
import { OFFERS_OF_RELAY_MAX, OFFERS_REMEMBERED_MAX } from '../overlay/received-offers.js';
import type { RefusalReason } from '../overlay/refusals.js';
import { SENT_OFFER_LIMITS } from '../overlay/sent-offers.js';
import { REGISTRATION_LIMITS } from '../registry/registration-limits.js';
import { CONTROL_WINDOW } from '../trunk/control-sequence.js';
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
    ...strangerBounds(core),
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
  ];
}

/** Returns the bounds of unauthenticated requests. */
function strangerBounds({ server: { stats }, claimResponder }: RelayCore): Bound[] {
  return [
    {
      name: 'challenge-budget',
      detail: 'strangers get no answer: their address has used up its budget',
      met: () => stats.client.over_challenge_budget,
    },
    {
      name: 'binding-budget',
      detail: 'strangers get no answer to a Binding request: their address has used up its budget',
      met: () => stats.client.over_binding_budget,
    },
    {
      name: 'wrong-credentials',
      detail: 'requests are dropped: too many wrong credentials came from their address or port',
      met: () => stats.client.over_wrong_credential_budget,
    },
    {
      name: 'claim-challenges',
      detail:
        `challenges of this relay's addresses are dropped: ${CLAIM_ANSWERS_PER_SECOND} a ` +
        'second are answered',
      met: () => claimResponder.counts.over,
    },
  ];
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

function planeBounds(plane: DataPlane): Bound[] {
  const counter = (name: CounterName) => () => Number(plane.counters()[name]);
  return [
    {
      name: 'requests-queue',
      detail: 'requests of peers and relays are dropped: they come faster than they are answered',
      met: counter('punt_queue_full'),
    },
    {
      name: 'strangers-queue',
      detail: 'requests of strangers are dropped: they come faster than they are answered',
      met: counter('stranger_queue_full'),
    },
    {
      name: 'requests-share',
      detail: 'requests of a peer or relay are dropped: it sends faster than its share is answered',
      met: counter('punt_over_share'),
    },
    {
      name: 'strangers-share',
      detail: 'requests of a stranger are dropped: it sends faster than its share is answered',
      met: counter('stranger_over_share'),
    },
    {
      name: 'events-queue',
      detail: 'events of the data plane are dropped: they come faster than they are handled',
      met: counter('events_dropped'),
    },
    {
      name: 'answers-queue',
      detail: 'answers are dropped: a forwarding thread sends them too slowly',
      met: counter('control_send_dropped'),
    },
    {
      name: 'closed-indications',
      detail: 'senders of data that meets no leg are not told so: the budget for it is used up',
      met: counter('closed_indications_over_budget'),
    },
  ];
}
