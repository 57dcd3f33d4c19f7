import Type, { type Static } from 'typebox';
import { canonicalIp } from '../../address.js';
import { isTurnpikeError } from '../../errors.js';
import { AddressText, AvoidedRelays, Families, Latencies, Name } from '../../registry/schemas.js';
import type { PeerHints } from '../../selection/request.js';

/** A peer in `POST /v1/connections` and in the rendezvous' `join`. */
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

/** A peer's hints, or the error in them. */
export type HintsResult =
  | { readonly ok: true; readonly hints: PeerHints }
  | {
      readonly ok: false;
      /** JSON Pointer (RFC 6901) to the member at fault, relative to the peer. */
      readonly pointer: string;
      readonly detail: string;
    };

/**
 * Parses a peer's hints and checks what the schema cannot: that `address` is an IP address and that
 * `family` is one of `families`.
 * @param peer - one that matches `PeerShape`
 */
export function peerHints(peer: Static<typeof PeerShape>): HintsResult {
  const { address, latencies, region, family, families, avoid } = peer;
  if (family !== undefined && families !== undefined && !families.includes(family)) {
    return { ok: false, pointer: '/family', detail: 'must be one of families' };
  }
  try {
    const hints = {
      ...(address === undefined ? {} : { address: canonicalIp(address) }),
      // A map, since a relay may be named `constructor`, which every plain object inherits.
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
