/**
 * STUN methods of RFC 8489, RFC 8656, RFC 6062 (Connect, redefined by PROTOCOL.md) and PROTOCOL.md.
 */
export const Method = {
  Binding: 0x001,
  Allocate: 0x003,
  Refresh: 0x004,
  Send: 0x006,
  Data: 0x007,
  CreatePermission: 0x008,
  ChannelBind: 0x009,
  Connect: 0x00a,
  /** The relay has ended a peer's connection (PROTOCOL.md section 2). */
  Closed: 0x0f1,
} as const;

/** The class of a message (RFC 8489 section 5). */
export type MessageClass = 'request' | 'indication' | 'success' | 'error';

const CLASSES: readonly MessageClass[] = ['request', 'indication', 'success', 'error'];

/** Maximum method: 12 bits. */
export const METHOD_MAX = 0xfff;

/**
 * Interleaves class and method bits as in figure 3 of RFC 8489 section 5.
 * @returns the 14-bit message type
 */
export function encodeType(messageClass: MessageClass, method: number): number {
  const c = CLASSES.indexOf(messageClass);
  const methodBits = ((method & 0xf80) << 2) | ((method & 0x070) << 1) | (method & 0x00f);
  return methodBits | ((c & 2) << 7) | ((c & 1) << 4);
}

/** Returns the class in a 14-bit message type (RFC 8489 section 5). */
export function classOf(type: number): MessageClass {
  return CLASSES[((type >>> 7) & 2) | ((type >>> 4) & 1)] as MessageClass;
}

/** Returns the method in a 14-bit message type (RFC 8489 section 5). */
export function methodOf(type: number): number {
  return ((type >>> 2) & 0xf80) | ((type >>> 1) & 0x070) | (type & 0x00f);
}
