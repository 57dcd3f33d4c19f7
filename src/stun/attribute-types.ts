/**
 * Attribute types of RFC 8489, RFC 8656, RFC 7635, RFC 8016 and PROTOCOL.md section 2. To add an
 * attribute: name it here, list it below if it is an XOR-coded address, and use the getter and the
 * writer method of its type (`u32`, `text`, `address`, `bytes`). A new type of value gets one
 * method in each.
 */
export const AttributeType = {
  MappedAddress: 0x0001,
  ChangeRequest: 0x0003,
  Username: 0x0006,
  MessageIntegrity: 0x0008,
  ErrorCode: 0x0009,
  UnknownAttributes: 0x000a,
  ChannelNumber: 0x000c,
  Lifetime: 0x000d,
  XorPeerAddress: 0x0012,
  Data: 0x0013,
  Realm: 0x0014,
  Nonce: 0x0015,
  XorRelayedAddress: 0x0016,
  RequestedAddressFamily: 0x0017,
  EvenPort: 0x0018,
  RequestedTransport: 0x0019,
  DontFragment: 0x001a,
  AccessToken: 0x001b,
  MessageIntegritySha256: 0x001c,
  PasswordAlgorithm: 0x001d,
  UserHash: 0x001e,
  XorMappedAddress: 0x0020,
  ReservationToken: 0x0022,
  /** PADDING of RFC 5780; `Padding` is that of PROTOCOL.md. */
  BindingPadding: 0x0026,
  ResponsePort: 0x0027,
  ConnectionIdentifier: 0x7f01,
  XorPeerRelayAddress: 0x7f02,
  ConnectionRole: 0x7f03,
  SessionIndex: 0x7f04,
  RelayStart: 0x7f05,
  Tenant: 0x7f06,
  AdditionalAddressFamily: 0x8000,
  AddressErrorCode: 0x8001,
  PasswordAlgorithms: 0x8002,
  Icmp: 0x8004,
  Software: 0x8022,
  AlternateServer: 0x8023,
  Fingerprint: 0x8028,
  ResponseOrigin: 0x802b,
  OtherAddress: 0x802c,
  ThirdPartyAuthorization: 0x802e,
  MobilityTicket: 0x8030,
  Liveness: 0xff01,
  RecommendedPayload: 0xff02,
  Padding: 0xff03,
  RefusalCause: 0xff04,
  ControlSequence: 0xff05,
  LegQuality: 0xff06,
} as const;

/** Addresses coded as XOR-MAPPED-ADDRESS (RFC 8489 section 14.2); all others are plain. */
export const XOR_ADDRESS_TYPES: ReadonlySet<number> = new Set([
  AttributeType.XorMappedAddress,
  AttributeType.XorPeerAddress,
  AttributeType.XorRelayedAddress,
  AttributeType.XorPeerRelayAddress,
]);

/**
 * The comprehension-required attributes of any authenticated request, which each usage knows
 * (`StunMessage.unknownRequired`).
 */
export const AUTHENTICATION_ATTRIBUTES: readonly number[] = [
  AttributeType.Username,
  AttributeType.UserHash,
  AttributeType.Realm,
  AttributeType.Nonce,
  AttributeType.PasswordAlgorithm,
  AttributeType.MessageIntegrity,
  AttributeType.MessageIntegritySha256,
];

/** Lowest comprehension-optional type (RFC 8489 section 14). */
export const COMPREHENSION_OPTIONAL_MIN = 0x8000;

/** Numbers in PASSWORD-ALGORITHM and PASSWORD-ALGORITHMS (RFC 8489 section 18.5). */
export const PasswordAlgorithmNumber = { md5: 0x0001, sha256: 0x0002 } as const;

/** The algorithm that derives a long-term key from a password. */
export type PasswordAlgorithm = keyof typeof PasswordAlgorithmNumber;

/** Returns the algorithm of a number; undefined if it is unknown. */
export function passwordAlgorithmOf(number: number | undefined): PasswordAlgorithm | undefined {
  if (number === PasswordAlgorithmNumber.md5) return 'md5';
  return number === PasswordAlgorithmNumber.sha256 ? 'sha256' : undefined;
}

/** Maximum length of USERNAME (RFC 8489 section 14.3). */
export const USERNAME_BYTES_MAX = 508;

/** Maximum length of REALM (RFC 8489 section 14.9). */
export const REALM_CHARACTERS_MAX = 127;

/** Maximum length of NONCE (RFC 8489 section 14.10). */
export const NONCE_CHARACTERS_MAX = 127;

/** IANA's protocol number of UDP, for REQUESTED-TRANSPORT (RFC 8656 section 18.8). */
export const UDP_PROTOCOL = 17;
