import type { AddressFamily } from '../address.js';
import { AttributeType, UDP_PROTOCOL } from '../stun/attribute-types.js';
import type { StunMessage } from '../stun/message.js';
import type { RefusalReason } from './refusals.js';
import type { PortWish } from './relayed-ports.js';
import { RESERVATION_TOKEN_BYTES } from './reservations.js';
import { familyOfNumber, hasMalformedLifetime, lifetimeOf } from './turn-request.js';

/** What an Allocate request asks for. */
export interface AllocateWish {
  /** The families of the relayed transport addresses: one, or IPv4 and IPv6. */
  readonly families: readonly AddressFamily[];
  readonly port: PortWish;
  /** RESERVATION-TOKEN, a copy. It alone determines the relayed transport address. */
  readonly token: Uint8Array | undefined;
  readonly lifetimeSeconds: number;
}

/**
 * Checks the attributes of an Allocate request in the order of RFC 8656 section 7.2.
 * @param hasFamily - returns whether this server has relayed addresses of a family
 * @returns what the request asks for, or why it is refused
 */
export function allocateWish(
  message: StunMessage,
  hasFamily: (family: AddressFamily) => boolean,
): AllocateWish | RefusalReason {
  const transport = message.requestedTransport();
  if (transport === undefined) return 'attribute-missing';
  if (transport !== UDP_PROTOCOL) return 'transport-not-udp';
  const refusal = malformation(message) ?? forbiddenCombination(message);
  if (refusal !== undefined) return refusal;
  const families = familiesOf(message);
  const isServed = families.some(hasFamily) || message.has(AttributeType.ReservationToken);
  if (!isServed) return 'family-not-supported';
  const token = message.get(AttributeType.ReservationToken);
  const reserves = message.evenPortReserves();
  return {
    families,
    port: reserves === undefined ? 'any' : reserves ? 'pair' : 'even',
    token: token && new Uint8Array(token),
    lifetimeSeconds: lifetimeOf(message),
  };
}

function malformation(message: StunMessage): RefusalReason | undefined {
  const { EvenPort, ReservationToken, RequestedAddressFamily, AdditionalAddressFamily } =
    AttributeType;
  const token = message.get(ReservationToken);
  const isMalformed =
    hasMalformedLifetime(message) ||
    (token !== undefined && token.length !== RESERVATION_TOKEN_BYTES) ||
    (message.has(EvenPort) && message.evenPortReserves() === undefined) ||
    (message.has(RequestedAddressFamily) &&
      message.addressFamilyNumber(RequestedAddressFamily) === undefined) ||
    // The only value that a client may send is IPv6.
    (message.has(AdditionalAddressFamily) &&
      familyOfNumber(message.addressFamilyNumber(AdditionalAddressFamily)) !== 6);
  return isMalformed ? 'attribute-missing' : undefined;
}

function forbiddenCombination(message: StunMessage): RefusalReason | undefined {
  const { EvenPort, ReservationToken, RequestedAddressFamily, AdditionalAddressFamily } =
    AttributeType;
  const isAdditional = message.has(AdditionalAddressFamily);
  const isRequested = message.has(RequestedAddressFamily);
  const isForbidden =
    (message.has(ReservationToken) && (message.has(EvenPort) || isRequested || isAdditional)) ||
    (isRequested && isAdditional) ||
    (isAdditional && message.evenPortReserves() === true);
  return isForbidden ? 'forbidden-combination' : undefined;
}

/** Returns the families that a request asks for; none if it asks for an unknown one. */
function familiesOf(message: StunMessage): readonly AddressFamily[] {
  const { RequestedAddressFamily, AdditionalAddressFamily } = AttributeType;
  if (message.has(AdditionalAddressFamily)) return [4, 6];
  if (!message.has(RequestedAddressFamily)) return [4];
  const family = familyOfNumber(message.addressFamilyNumber(RequestedAddressFamily));
  return family === undefined ? [] : [family];
}
