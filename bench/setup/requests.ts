import type { TransportAddress } from '../../src/address.js';
import { AttributeType, PasswordAlgorithmNumber } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { type LegIdentity, REALM } from './cluster.js';

/** IANA's protocol number of UDP. */
const UDP = 17;

/** Kinds of transactions, as their ids have them. */
export const Exchange = { Challenge: 0, Allocate: 1, Connect: 2, Close: 3 } as const;

/**
 * Returns a transaction id that contains its kind, leg and round, so that responses need no table.
 * @param exchange - a value of `Exchange`
 * @param number - of the leg, or of the source address
 */
export function transactionId(exchange: number, number: number, round: number): Uint8Array {
  const id = Buffer.alloc(12);
  id.writeUInt8(exchange, 0);
  id.writeUInt32BE(number, 1);
  id.writeUInt32BE(round, 5);
  return id;
}

/** The credential and nonce that sign a request. */
export interface Signing {
  readonly identity: LegIdentity;
  readonly nonce: string;
}

/** Returns an Allocate without credentials, to which a relay responds with a nonce. */
export function challengeRequest(id: Uint8Array): Uint8Array {
  return new MessageWriter('request', Method.Allocate, id).finish();
}

/** Returns a signed Allocate. */
export function allocateRequest(
  id: Uint8Array,
  signing: Signing,
  allocation: { readonly peerRelay: TransportAddress; readonly lifetimeSeconds: number },
): Uint8Array {
  const { connectionId, role } = signing.identity;
  const writer = new MessageWriter('request', Method.Allocate, id)
    .requestedTransport(UDP)
    .connectionIdentifier(connectionId)
    .connectionRole(role)
    .u32(AttributeType.Lifetime, allocation.lifetimeSeconds)
    .address(AttributeType.XorPeerRelayAddress, allocation.peerRelay);
  return sign(writer, signing);
}

/** Returns a signed Connect that names the other peer's address. */
export function connectRequest(
  id: Uint8Array,
  signing: Signing,
  other: TransportAddress,
): Uint8Array {
  const writer = new MessageWriter('request', Method.Connect, id)
    .connectionIdentifier(signing.identity.connectionId)
    .address(AttributeType.XorPeerAddress, other);
  return sign(writer, signing);
}

/** Returns a signed Refresh with LIFETIME 0, which closes the connection. */
export function closeRequest(id: Uint8Array, signing: Signing): Uint8Array {
  const writer = new MessageWriter('request', Method.Refresh, id)
    .connectionIdentifier(signing.identity.connectionId)
    .u32(AttributeType.Lifetime, 0);
  return sign(writer, signing);
}

function sign(writer: MessageWriter, { identity, nonce }: Signing): Uint8Array {
  return writer
    .text(AttributeType.Username, identity.username)
    .text(AttributeType.Realm, REALM)
    .text(AttributeType.Nonce, nonce)
    .passwordAlgorithms([2, 1])
    .passwordAlgorithm(PasswordAlgorithmNumber.sha256)
    .integrity('sha256', identity.key)
    .finish();
}
