import { type AddressFamily, familyOf, type TransportAddress } from '../address.js';
import { AttributeType, UDP_PROTOCOL } from '../stun/attribute-types.js';
import type { StunMessage } from '../stun/message.js';
import type { RefusalReason } from './refusals.js';
import type { PortWish } from './relayed-ports.js';
import { RESERVATION_TOKEN_BYTES } from './reservations.js';
import type { DefaultFamily, TurnLimits } from './turn-options.js';
import { familyOfNumber, hasMalformedLifetime, lifetimeOf } from './turn-request.js';

/** What an Allocate request asks for. */
export interface AllocateWish {
  /** The families of the relayed transport addresses: one, or IPv4 and IPv6. */
  readonly families: readonly AddressFamily[];
  readonly port: PortWish;
  /** RESERVATION-TOKEN, a copy. It alone determines the relayed transport address. */
  readonly token: Uint8Array | undefined;
  /** Whether its client may move (RFC 8016 section 3.1.1). */
  readonly isMobile: boolean;
  readonly lifetimeSeconds: number;
}

/** What a server allows an Allocate request. */
export interface AllocateRules {
  /** Returns whether this server has relayed addresses of a family. */
  readonly hasFamily: (family: AddressFamily) => boolean;
  /** The family of a request that names none. */
  readonly defaultFamily: AddressFamily;
  readonly limits: TurnLimits;
  /** How long the access token counts, s; infinite without one. */
  readonly tokenSeconds: number;
}

/**
 * Returns the family that a client gets where its request names none. By RFC 8656 section 7.2 it is
 * IPv4; an operator may decide otherwise. `client` is the family of the client's own address, or
 * the other one where there are no relayed addresses of that.
 */
export function defaultFamilyOf(
  setting: DefaultFamily,
  client: TransportAddress,
  hasFamily: AllocateRules['hasFamily'],
): AddressFamily {
  if (setting !== 'client') return setting === 'ipv6' ? 6 : 4;
  const own = familyOf(client);
  if (hasFamily(own)) return own;
  return own === 4 ? 6 : 4;
}

/**
 * Checks the attributes of an Allocate request in the order of RFC 8656 section 7.2.
 * @returns what the request asks for, or why it is refused
 */
export function allocateWish(
  message: StunMessage,
  { hasFamily, defaultFamily, limits, tokenSeconds }: AllocateRules,
): AllocateWish | RefusalReason {
  const transport = message.requestedTransport();
  if (transport === undefined) return 'attribute-missing';
  if (transport !== UDP_PROTOCOL) return 'transport-not-udp';
  const refusal = malformation(message) ?? forbiddenCombination(message);
  if (refusal !== undefined) return refusal;
  const families = familiesOf(message, defaultFamily);
  const isServed = families.some(hasFamily) || message.has(AttributeType.ReservationToken);
  if (!isServed) return 'family-not-supported';
  const token = message.get(AttributeType.ReservationToken);
  const reserves = message.evenPortReserves();
  return {
    families,
    port: reserves === undefined ? 'any' : reserves ? 'pair' : 'even',
    token: token && new Uint8Array(token),
    isMobile: message.has(AttributeType.MobilityTicket),
    lifetimeSeconds: lifetimeOf(message, limits, tokenSeconds),
  };
}

function malformation(message: StunMessage): RefusalReason | undefined {
  const { EvenPort, ReservationToken, RequestedAddressFamily, AdditionalAddressFamily } =
    AttributeType;
  const { MobilityTicket } = AttributeType;
  const token = message.get(ReservationToken);
  const isMalformed =
    hasMalformedLifetime(message) ||
    (token !== undefined && token.length !== RESERVATION_TOKEN_BYTES) ||
    // Its value is the server's to give (RFC 8016 section 3.1.2).
    (message.get(MobilityTicket)?.length ?? 0) > 0 ||
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
function familiesOf(message: StunMessage, defaultFamily: AddressFamily): readonly AddressFamily[] {
  const { RequestedAddressFamily, AdditionalAddressFamily } = AttributeType;
  if (message.has(AdditionalAddressFamily)) return [4, 6];
  if (!message.has(RequestedAddressFamily)) return [defaultFamily];
  const family = familyOfNumber(message.addressFamilyNumber(RequestedAddressFamily));
  return family === undefined ? [] : [family];
}
