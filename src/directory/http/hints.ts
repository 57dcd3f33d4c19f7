import Type, { type Static } from 'typebox';
import { canonicalIp } from '../../address.js';
import { NAME_PATTERN } from '../../auth/keys.js';
import { isTurnpikeError } from '../../errors.js';
import { LIMITS } from '../../limits.js';
import { AddressText, Name } from '../../registry/schemas.js';
import type { PeerHints } from '../selection-terms.js';

/** A peer of `POST /v1/connections` and of the rendezvous' `join`. */
export const PeerShape = Type.Object(
  {
    address: Type.Optional(
      Type.String({ ...AddressText, description: 'Its public IP address, without a port.' }),
    ),
    latencies: Type.Optional(
      Type.Record(
        Type.String({ pattern: `^${NAME_PATTERN}$` }),
        Type.Number({ minimum: 0, maximum: 60_000 }),
        {
          additionalProperties: false,
          maxProperties: LIMITS.latenciesMax,
          description: 'Relay or region id to milliseconds, as the peer measured.',
        },
      ),
    ),
    region: Type.Optional(
      Type.String({ ...Name, description: 'Binds while a relay there can serve.' }),
    ),
    family: Type.Optional(
      Type.Union([Type.Literal(4), Type.Literal(6)], {
        description: 'The address family it must be served with.',
      }),
    ),
  },
  { additionalProperties: false },
);

/**
 * Reads a peer's hints.
 * @param peer - one that matches `PeerShape`
 * @returns undefined when `address` is no IP address
 */
export function peerHints(peer: Static<typeof PeerShape>): PeerHints | undefined {
  const { address, latencies, region, family } = peer;
  try {
    return {
      ...(address === undefined ? {} : { address: canonicalIp(address) }),
      // A map: a relay may be named `constructor`, which every plain object seems to have.
      ...(latencies === undefined ? {} : { latencies: new Map(Object.entries(latencies)) }),
      ...(region === undefined ? {} : { region }),
      ...(family === undefined ? {} : { family }),
    };
  } catch (error) {
    if (isTurnpikeError(error, 'ERR_TURNPIKE_ADDRESS')) return undefined;
    throw error;
  }
}
