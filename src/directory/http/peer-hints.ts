import Type, { type Static } from 'typebox';
import { canonicalIp } from '../../address.js';
import { isTurnpikeError } from '../../errors.js';
import { AddressText, AvoidedRelays, Families, Latencies, Name } from '../../registry/schemas.js';
import type { PeerHints } from '../selection/score.js';

/** A peer of `POST /v1/connections` and of the rendezvous' `join`. */
export const PeerShape = Type.Object(
  {
    address: Type.Optional(
      Type.String({ ...AddressText, description: 'Its public IP address, without a port.' }),
    ),
    latencies: Type.Optional(Latencies),
    region: Type.Optional(
      Type.String({ ...Name, description: 'Binds while a relay there can serve.' }),
    ),
    family: Type.Optional(
      Type.Union([Type.Literal(4), Type.Literal(6)], {
        description: 'The address family it must be served with.',
      }),
    ),
    families: Type.Optional(Families),
    avoid: Type.Optional(AvoidedRelays),
  },
  { additionalProperties: false },
);

/** A peer's hints, or what is wrong with them. */
export type HintsResult =
  | { readonly ok: true; readonly hints: PeerHints }
  | {
      readonly ok: false;
      /** JSON Pointer (RFC 6901) into the peer. */
      readonly pointer: string;
      readonly detail: string;
    };

/**
 * Reads a peer's hints.
 * @param peer - one that matches `PeerShape`
 * @returns what a schema cannot refuse: an address that is none, a family that is not among the
 *   peer's own
 */
export function peerHints(peer: Static<typeof PeerShape>): HintsResult {
  const { address, latencies, region, family, families, avoid } = peer;
  if (family !== undefined && families !== undefined && !families.includes(family)) {
    return { ok: false, pointer: '/family', detail: 'must be one of families' };
  }
  try {
    const hints = {
      ...(address === undefined ? {} : { address: canonicalIp(address) }),
      // A map: a relay may be named `constructor`, which every plain object seems to have.
      ...(latencies === undefined ? {} : { latencies: new Map(Object.entries(latencies)) }),
      ...(region === undefined ? {} : { region }),
      ...(family === undefined ? {} : { family }),
      ...(families === undefined ? {} : { families: [...new Set(families)] }),
      ...(avoid === undefined ? {} : { avoid: new Set(avoid) }),
    };
    return { ok: true, hints };
  } catch (error) {
    if (!isTurnpikeError(error, 'ERR_TURNPIKE_ADDRESS')) throw error;
    return { ok: false, pointer: '/address', detail: 'must be an IP address' };
  }
}
