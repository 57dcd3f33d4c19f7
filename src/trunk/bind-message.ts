import type { TransportAddress } from '../address.js';
import { AttributeType } from '../stun/attribute-types.js';
import type { StunMessage } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import { MessageWriter } from '../stun/writer.js';

/**
 * Asks to bind what comes from a relayed transport address of the sender to a session index, for
 * one of the receiver (PROTOCOL.md section 3).
 */
export interface BindRequest {
  readonly type: 'bind';
  readonly transactionId: Uint8Array;
  /** The sender's relayed transport address. */
  readonly from: TransportAddress;
  /** The receiver's relayed transport address. */
  readonly to: TransportAddress;
}

/** Success response: the sender of the request writes the index into its records. */
export interface BindAccepted {
  readonly type: 'bind-accepted';
  readonly transactionId: Uint8Array;
  /** In the numbering of the sender of this response. */
  readonly sessionIndex: number;
  readonly lifetimeSeconds: number;
}

/** Error response, with its ERROR-CODE. 438: the request was for another incarnation. */
export interface BindRefused {
  readonly type: 'bind-refused';
  readonly transactionId: Uint8Array;
  readonly code: number;
}

/** A control message about what clients of standard TURN exchange. */
export type BindMessage = BindRequest | BindAccepted | BindRefused;

/** Returns whether a control message is one of these. */
export function isBindMessage(control: { readonly type: string }): control is BindMessage {
  return ['bind', 'bind-accepted', 'bind-refused'].includes(control.type);
}

/** Begins a message. @returns its writer */
export function bindWriter({ type, transactionId }: BindMessage): MessageWriter {
  const messageClass = type === 'bind' ? 'request' : type === 'bind-accepted' ? 'success' : 'error';
  return new MessageWriter(messageClass, Method.ChannelBind, transactionId);
}

/** Appends the attributes that are a message's own. */
export function writeBind(writer: MessageWriter, control: BindMessage): void {
  switch (control.type) {
    case 'bind':
      writer
        .address(AttributeType.XorRelayedAddress, control.from)
        .address(AttributeType.XorPeerAddress, control.to);
      break;
    case 'bind-accepted':
      writer
        .u32(AttributeType.SessionIndex, control.sessionIndex)
        .u32(AttributeType.Lifetime, control.lifetimeSeconds);
      break;
    case 'bind-refused':
      // Without a reason phrase: no response is longer than its request.
      writer.errorCode(control.code, '');
  }
}

/**
 * Decodes a message of method ChannelBind whose integrity has been verified.
 * @returns undefined for one without what it needs
 */
export function decodeBind(message: StunMessage): BindMessage | undefined {
  const { messageClass, transactionId } = message;
  switch (messageClass) {
    case 'request': {
      const from = message.address(AttributeType.XorRelayedAddress);
      const to = message.address(AttributeType.XorPeerAddress);
      return from && to && { type: 'bind', transactionId, from, to };
    }
    case 'success': {
      const sessionIndex = message.u32(AttributeType.SessionIndex);
      const lifetimeSeconds = message.lifetimeSeconds();
      if (sessionIndex === undefined || lifetimeSeconds === undefined) return undefined;
      return { type: 'bind-accepted', transactionId, sessionIndex, lifetimeSeconds };
    }
    case 'error': {
      const error = message.errorCode();
      return error && { type: 'bind-refused', transactionId, code: error.code };
    }
    default:
      return undefined;
  }
}
