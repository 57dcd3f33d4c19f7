import type { TransportAddress } from '../address.js';
import type { Incarnation } from '../registry/incarnation.js';
import { AttributeType } from '../stun/attribute-types.js';
import { ErrorCode, type ErrorCodeOf } from '../stun/error-codes.js';
import type { StunMessage } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import { MessageWriter } from '../stun/writer.js';
import {
  type BindMessage,
  bindWriter,
  decodeBind,
  isBindMessage,
  writeBind,
} from './bind-message.js';
import { type ControlSequence, encodeSequence } from './control-sequence.js';

/** Names a connection's leg between relays. */
export interface LegName {
  readonly tenant: string;
  /** 32 lower-case hex digits. */
  readonly connectionId: string;
  /** The role of the sender's own peer. */
  readonly role: 0 | 1;
}

/** A relay's offer to connect its peer's leg with the receiver's (PROTOCOL.md section 3). */
export interface Offer extends LegName {
  readonly type: 'offer';
  readonly transactionId: Uint8Array;
  /** The sender's peer as the sender sees it. */
  readonly mapped: TransportAddress;
  /** The other peer as the sender's peer names it. */
  readonly peerAddress: TransportAddress;
  /** The session index that the receiver writes into records to the sender. */
  readonly sessionIndex: number;
}

/** Success response to an offer, with the responder's session index. */
export interface OfferAccepted {
  readonly type: 'offer-accepted';
  readonly transactionId: Uint8Array;
  readonly sessionIndex: number;
}

/** Error response to an offer, with its ERROR-CODE. */
export interface OfferRefused {
  readonly type: 'offer-refused';
  readonly transactionId: Uint8Array;
  readonly code: number;
}

/** Closes a connection, by its name or by the session index of received data. */
export interface CloseRequest {
  readonly type: 'close';
  readonly transactionId: Uint8Array;
  readonly subject: LegName | { readonly sessionIndex: number };
  /** 408: the sender's peer is silent. Absent or another code: 437. */
  readonly code?: ErrorCodeOf<'PeerSilent'> | undefined;
}

/** Success response to a close request. */
export interface CloseDone {
  readonly type: 'close-done';
  readonly transactionId: Uint8Array;
}

/**
 * Response to a request for another incarnation of the receiver, which had no effect (PROTOCOL.md
 * section 3). Its RELAY-START is the receiver's present incarnation.
 */
export interface OtherStart {
  readonly type: 'other-start';
  readonly transactionId: Uint8Array;
  readonly request: 'offer' | 'close';
}

/** A control message about a connection of the overlay. */
export type ConnectionMessage =
  | Offer
  | OfferAccepted
  | OfferRefused
  | CloseRequest
  | CloseDone
  | OtherStart;

/** A control message on the trunk port. */
export type ControlMessage = ConnectionMessage | BindMessage;

/** The position of a message in its sender's sequence. */
export interface ControlOrder {
  /** The sender's counter; 0 from a relay of version 0.1.0, which has none. */
  readonly counter: number;
  /**
   * Whether it was processed before: then it is answered by the present state and changes nothing.
   */
  readonly repeated: boolean;
}

/** Returns the map key of a transaction. */
export function transactionKey(transactionId: Uint8Array): string {
  return Buffer.from(transactionId).toString('latin1');
}

/** The sender's identity, part of every trunk control message. */
export interface ControlSender {
  readonly id: string;
  readonly incarnation: Incarnation;
}

const KNOWN_ATTRIBUTES: ReadonlySet<number> = new Set([
  AttributeType.Username,
  AttributeType.RelayStart,
  AttributeType.MessageIntegritySha256,
  AttributeType.Fingerprint,
  AttributeType.Tenant,
  AttributeType.ConnectionIdentifier,
  AttributeType.ConnectionRole,
  AttributeType.XorMappedAddress,
  AttributeType.XorPeerAddress,
  AttributeType.XorRelayedAddress,
  AttributeType.SessionIndex,
  AttributeType.Lifetime,
  AttributeType.ErrorCode,
]);

/**
 * Encodes a trunk control message (PROTOCOL.md section 3).
 * @param sender - this relay
 * @param key - trunk control key from this relay to the receiver, 32 bytes
 * @param sequence - absent as from relays of version 0.1.0
 * @returns the datagram
 */
export function encodeControlMessage(
  sender: ControlSender,
  key: Uint8Array,
  control: ControlMessage,
  sequence?: ControlSequence,
): Uint8Array {
  const writer = (isBindMessage(control) ? bindWriter(control) : writerFor(control))
    .text(AttributeType.Username, sender.id)
    .u64(AttributeType.RelayStart, BigInt(sender.incarnation));
  if (isBindMessage(control)) writeBind(writer, control);
  else writeContent(writer, control);
  if (sequence) writer.bytes(AttributeType.ControlSequence, encodeSequence(sequence));
  return writer.integrity('sha256', key).finish();
}

function writeContent(writer: MessageWriter, control: ConnectionMessage): void {
  switch (control.type) {
    case 'offer':
      writeName(writer, control)
        .address(AttributeType.XorMappedAddress, control.mapped)
        .address(AttributeType.XorPeerAddress, control.peerAddress)
        .u32(AttributeType.SessionIndex, control.sessionIndex);
      break;
    case 'offer-accepted':
      writer.u32(AttributeType.SessionIndex, control.sessionIndex);
      break;
    case 'offer-refused':
      writer.errorCode(control.code);
      break;
    case 'close':
      writer.u32(AttributeType.Lifetime, 0);
      if ('tenant' in control.subject) writeName(writer, control.subject);
      else writer.u32(AttributeType.SessionIndex, control.subject.sessionIndex);
      if (control.code !== undefined) writer.errorCode(control.code);
      break;
    case 'other-start':
      // Without a reason phrase, so that the response is shorter than its request.
      writer.errorCode(ErrorCode.StaleNonce, '');
      break;
    case 'close-done':
      break;
  }
}

function writerFor(control: ConnectionMessage): MessageWriter {
  switch (control.type) {
    case 'offer':
      return new MessageWriter('request', Method.Connect, control.transactionId);
    case 'offer-accepted':
      return new MessageWriter('success', Method.Connect, control.transactionId);
    case 'offer-refused':
      return new MessageWriter('error', Method.Connect, control.transactionId);
    case 'close':
      return new MessageWriter('request', Method.Refresh, control.transactionId);
    case 'close-done':
      return new MessageWriter('success', Method.Refresh, control.transactionId);
    case 'other-start': {
      const method = control.request === 'offer' ? Method.Connect : Method.Refresh;
      return new MessageWriter('error', method, control.transactionId);
    }
  }
}

function writeName(writer: MessageWriter, name: LegName): MessageWriter {
  return writer
    .text(AttributeType.Tenant, name.tenant)
    .connectionIdentifier(name.connectionId)
    .connectionRole(name.role);
}

/**
 * Decodes a message whose integrity has been verified.
 * @returns undefined if this version does not know it; the caller drops and counts it
 */
export function decodeControlMessage(message: StunMessage): ControlMessage | undefined {
  if (message.unknownRequired(KNOWN_ATTRIBUTES).length > 0) return undefined;
  const { messageClass, method, transactionId } = message;
  if (method === Method.ChannelBind) return decodeBind(message);
  if (method === Method.Connect) {
    if (messageClass === 'request') return decodeOffer(message);
    if (messageClass === 'success') {
      const sessionIndex = message.u32(AttributeType.SessionIndex);
      return sessionIndex === undefined
        ? undefined
        : { type: 'offer-accepted', transactionId, sessionIndex };
    }
    if (messageClass === 'error') {
      const error = message.errorCode();
      if (error?.code === ErrorCode.StaleNonce) {
        return { type: 'other-start', transactionId, request: 'offer' };
      }
      return error && { type: 'offer-refused', transactionId, code: error.code };
    }
  }
  if (method === Method.Refresh) {
    if (messageClass === 'request') return decodeClose(message);
    if (messageClass === 'success') return { type: 'close-done', transactionId };
    if (messageClass === 'error' && message.errorCode()?.code === ErrorCode.StaleNonce) {
      return { type: 'other-start', transactionId, request: 'close' };
    }
  }
  return undefined;
}

function decodeName(message: StunMessage): LegName | undefined {
  const tenant = message.text(AttributeType.Tenant);
  const connectionId = message.connectionIdentifier();
  const role = message.connectionRole();
  if (tenant === undefined || connectionId === undefined || role === undefined) return undefined;
  return { tenant, connectionId, role };
}

function decodeOffer(message: StunMessage): Offer | undefined {
  const name = decodeName(message);
  const mapped = message.address(AttributeType.XorMappedAddress);
  const peerAddress = message.address(AttributeType.XorPeerAddress);
  const sessionIndex = message.u32(AttributeType.SessionIndex);
  if (!name || !mapped || !peerAddress || sessionIndex === undefined) return undefined;
  const { transactionId } = message;
  return { type: 'offer', transactionId, ...name, mapped, peerAddress, sessionIndex };
}

function decodeClose(message: StunMessage): CloseRequest | undefined {
  if (message.lifetimeSeconds() !== 0) return undefined;
  const { transactionId } = message;
  const name = decodeName(message);
  const silent = message.errorCode()?.code === ErrorCode.PeerSilent;
  const code = silent ? { code: ErrorCode.PeerSilent } : {};
  if (name) return { type: 'close', transactionId, subject: name, ...code };
  if (message.has(AttributeType.ConnectionIdentifier)) return undefined;
  const sessionIndex = message.u32(AttributeType.SessionIndex);
  return sessionIndex === undefined
    ? undefined
    : { type: 'close', transactionId, subject: { sessionIndex }, ...code };
}
