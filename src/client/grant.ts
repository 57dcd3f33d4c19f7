import Type, { type Static, type TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import { type AddressInput, canonicalIp, type TransportAddress, toAddress } from '../address.js';
import { TurnpikeError } from '../errors.js';
import { plainCopy } from '../options/plain-copy.js';
import { AddressShape, Name } from '../registry/schemas.js';
import { REALM_CHARACTERS_MAX, USERNAME_BYTES_MAX } from '../stun/attribute-types.js';

const GrantAddress = Type.Union([AddressShape, Type.String({ maxLength: 64 })]);

/** One peer's half of a connection, as JSON (PROTOCOL.md section 5). */
const PeerHalf = Type.Object({
  role: Type.Union([Type.Literal(0), Type.Literal(1)]),
  relay: Type.Object({ id: Name, region: Name, ...AddressShape.properties }),
  peerRelay: GrantAddress,
  username: Type.String({ minLength: 1, maxLength: USERNAME_BYTES_MAX }),
  password: Type.String({ minLength: 1, maxLength: USERNAME_BYTES_MAX }),
});

const Common = {
  connectionId: Type.String({ pattern: '^[0-9a-f]{32}$' }),
  expiresAt: Type.String({ maxLength: 64 }),
  realm: Type.String({ minLength: 1, maxLength: REALM_CHARACTERS_MAX }),
};

const GrantPairShape = Type.Object({ ...Common, peers: Type.Tuple([PeerHalf, PeerHalf]) });
/** A grant that `parseGrant` accepts. */
export const GrantShape = Type.Object({ ...Common, ...PeerHalf.properties });

const grantPairValidator = Compile(GrantPairShape);
const grantValidator = Compile(GrantShape);

/** One peer's half of a connection, with its credential. Give each peer its own half only. */
export interface ConnectionGrant {
  /** 32 lower-case hex digits. */
  readonly connectionId: string;
  /** When the credential can no longer start the connection; RFC 3339. */
  readonly expiresAt: string;
  readonly realm: string;
  readonly role: 0 | 1;
  /** This peer's relay. */
  readonly relay: TransportAddress & { readonly id: string; readonly region: string };
  /** The other peer's relay. */
  readonly peerRelay: TransportAddress;
  readonly username: string;
  readonly password: string;
}

/** A grant from an application: the other relay's address may be text or an object. */
export type GrantInput = Omit<ConnectionGrant, 'peerRelay'> & { readonly peerRelay: AddressInput };

/** Both halves of a connection, in the order of the request's peers. */
export interface GrantPair {
  readonly connectionId: string;
  readonly expiresAt: string;
  readonly grants: readonly [ConnectionGrant, ConnectionGrant];
}

/**
 * Parses the response of `POST /v1/connections`.
 * @param value - parsed JSON of any shape
 * @returns both halves with canonical addresses, without unknown members
 * @throws TurnpikeError ERR_TURNPIKE_DIRECTORY with the invalid member
 */
export function parseGrantPair(value: unknown): GrantPair {
  const offer = checked(grantPairValidator, value);
  const { connectionId, expiresAt, realm } = offer;
  const grant = (half: Static<typeof PeerHalf>) =>
    canonicalGrant({ connectionId, expiresAt, realm, ...half });
  const [first, second] = offer.peers;
  if (first.role === second.role) throw malformed('/peers: both have the same role');
  return { connectionId, expiresAt, grants: [grant(first), grant(second)] };
}

/**
 * Parses one half in the flat form that the rendezvous and applications use.
 * @param value - parsed JSON of any shape
 * @returns the grant with canonical addresses
 * @throws TurnpikeError ERR_TURNPIKE_DIRECTORY with the invalid member
 */
export function parseGrant(value: unknown): ConnectionGrant {
  return canonicalGrant(checked(grantValidator, value));
}

function canonicalGrant(grant: Static<typeof GrantShape>): ConnectionGrant {
  const { connectionId, expiresAt, realm, role, relay, peerRelay, username, password } = grant;
  if (Number.isNaN(Date.parse(expiresAt))) throw malformed('/expiresAt: not a time');
  try {
    return {
      connectionId,
      expiresAt,
      realm,
      role,
      relay: { ...relay, address: canonicalIp(relay.address) },
      peerRelay: toAddress(peerRelay),
      username,
      password,
    };
  } catch (cause) {
    throw malformed('a relay has no IP address', cause);
  }
}

function checked<T extends TSchema>(
  validator: Validator<Record<never, never>, T>,
  value: unknown,
): Static<T> {
  let copy: unknown;
  try {
    copy = plainCopy(value);
  } catch (cause) {
    throw malformed('it is no plain data', cause);
  }
  if (validator.Check(copy)) return copy as Static<T>;
  const first = validator.Errors(copy)[0];
  throw malformed(`${first?.instancePath || '/'}: ${first?.message ?? 'wrong shape'}`);
}

function malformed(what: string, cause?: unknown): TurnpikeError {
  return new TurnpikeError('ERR_TURNPIKE_DIRECTORY', `malformed connection grant: ${what}`, {
    cause,
  });
}
