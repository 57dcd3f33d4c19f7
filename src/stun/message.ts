import { isUtf8 } from 'node:buffer';
import type { TransportAddress } from '../address.js';
import { decodeAddress } from './address-coding.js';
import { AttributeType, COMPREHENSION_OPTIONAL_MIN, XOR_ADDRESS_TYPES } from './attribute-types.js';
import { padded, readU16, readU32 } from './bytes.js';
import { isChannel } from './channel-data.js';
import { fingerprintOf } from './fingerprint.js';
import { decodeLegQuality, type LegQuality } from './leg-quality.js';
import { classOf, type MessageClass, methodOf } from './methods.js';

/** Maximum attributes of a STUN message; more indicate an attack. */
export const ATTRIBUTES_MAX = 64;

/** The magic cookie (RFC 8489 section 5). */
export const MAGIC_COOKIE = 0x2112a442;
/** Length of a STUN header (RFC 8489 section 5). */
export const HEADER_BYTES = 20;
/** Length of a transaction id (RFC 8489 section 5). */
export const TRANSACTION_ID_BYTES = 12;

/** Why bytes are not a STUN message, as the receiver's counters name it. */
export type DecodeFailure =
  | 'too-short'
  | 'not-stun'
  | 'bad-cookie'
  | 'bad-length'
  | 'attribute-overrun'
  | 'too-many-attributes'
  | 'fingerprint-not-last'
  | 'bad-fingerprint';

/** One attribute of a message. */
export interface RawAttribute {
  readonly type: number;
  /** A view of the value, without padding. */
  readonly value: Uint8Array;
  /** Offset of the attribute's header in the message. */
  readonly offset: number;
}

export type DecodeResult =
  | { readonly ok: true; readonly message: StunMessage }
  | { readonly ok: false; readonly reason: DecodeFailure };

const MESSAGE_INTEGRITY_BIT = 1;
const MESSAGE_INTEGRITY_SHA256_BIT = 2;

/**
 * Copies a transaction id. That of a message is a view, which would keep the message's memory
 * alive.
 * @param transactionId - of a message, 12 bytes
 */
export function copiedTransactionId(transactionId: Uint8Array): Uint8Array {
  return new Uint8Array(transactionId);
}

/**
 * A decoded message: views of its bytes, which must not change while it is used. If an attribute
 * occurs twice, the first one counts (RFC 8489 section 14). A getter returns undefined for an
 * absent and for a malformed attribute; `has` tells them apart.
 */
export class StunMessage {
  readonly messageClass: MessageClass;
  readonly method: number;
  /** A view; `copiedTransactionId` makes a copy to keep. */
  readonly transactionId: Uint8Array;
  /** The attributes in order, without those that follow an integrity attribute. */
  readonly attributes: readonly RawAttribute[];
  readonly bytes: Uint8Array;

  /** Called by `decodeMessage` only. */
  constructor(bytes: Uint8Array, attributes: readonly RawAttribute[]) {
    const type = readU16(bytes, 0);
    this.messageClass = classOf(type);
    this.method = methodOf(type);
    this.transactionId = bytes.subarray(8, HEADER_BYTES);
    this.attributes = attributes;
    this.bytes = bytes;
  }

  /** Returns the first attribute of a type, with its offset. */
  find(type: number): RawAttribute | undefined {
    for (const attribute of this.attributes) {
      if (attribute.type === type) return attribute;
    }
    return undefined;
  }

  /** Returns whether the message has an attribute of a type. */
  has(type: number): boolean {
    return this.find(type) !== undefined;
  }

  /** Returns the value of the first attribute of a type. */
  get(type: number): Uint8Array | undefined {
    return this.find(type)?.value;
  }

  /** Returns an address attribute, decoded as XOR-coded or plain by its type. */
  address(type: number): TransportAddress | undefined {
    const value = this.get(type);
    if (value === undefined) return undefined;
    const pad = XOR_ADDRESS_TYPES.has(type) ? this.bytes.subarray(4, HEADER_BYTES) : undefined;
    return decodeAddress(value, pad);
  }

  /**
   * Returns every address of a type, in order of appearance, decoded as `address` does.
   * @returns undefined if one of them is malformed
   */
  addresses(type: number): TransportAddress[] | undefined {
    const pad = XOR_ADDRESS_TYPES.has(type) ? this.bytes.subarray(4, HEADER_BYTES) : undefined;
    const found: TransportAddress[] = [];
    for (const { type: each, value } of this.attributes) {
      if (each !== type) continue;
      const address = decodeAddress(value, pad);
      if (address === undefined) return undefined;
      found.push(address);
    }
    return found;
  }

  /** Returns an unsigned 32-bit attribute. */
  u32(type: number): number | undefined {
    const value = this.get(type);
    return value?.length === 4 ? readU32(value, 0) : undefined;
  }

  /** Returns an unsigned 64-bit attribute. */
  u64(type: number): bigint | undefined {
    const value = this.get(type);
    if (value?.length !== 8) return undefined;
    return (BigInt(readU32(value, 0)) << 32n) | BigInt(readU32(value, 4));
  }

  /** Returns a text attribute; undefined unless it is well-formed UTF-8. */
  text(type: number): string | undefined {
    const value = this.get(type);
    return value === undefined ? undefined : strictText(value);
  }

  /** Returns CHANNEL-NUMBER (RFC 8656 section 18.1); undefined if it is not a channel number. */
  channelNumber(): number | undefined {
    const value = this.get(AttributeType.ChannelNumber);
    const channel = value?.length === 4 ? readU16(value, 0) : undefined;
    return channel !== undefined && isChannel(channel) ? channel : undefined;
  }

  /** Returns LIFETIME in seconds (RFC 8656 section 18.2). */
  lifetimeSeconds(): number | undefined {
    return this.u32(AttributeType.Lifetime);
  }

  /** Returns REQUESTED-TRANSPORT's protocol number (RFC 8656 section 18.8); 17 is UDP. */
  requestedTransport(): number | undefined {
    const value = this.get(AttributeType.RequestedTransport);
    return value?.length === 4 ? value[0] : undefined;
  }

  /**
   * Returns the family number of REQUESTED-ADDRESS-FAMILY or ADDITIONAL-ADDRESS-FAMILY: 1 is IPv4,
   * 2 is IPv6 (RFC 8656 sections 18.6 and 18.11).
   */
  addressFamilyNumber(type: number): number | undefined {
    const value = this.get(type);
    return value?.length === 4 ? value[0] : undefined;
  }

  /** Returns whether EVEN-PORT asks for a reservation: its R bit (RFC 8656 section 18.7). */
  evenPortReserves(): boolean | undefined {
    const value = this.get(AttributeType.EvenPort);
    return value?.length === 1 ? ((value[0] as number) & 0x80) !== 0 : undefined;
  }

  /**
   * Returns the flags of CHANGE-REQUEST (RFC 5780 section 7.2): whether the response is to leave
   * from the other IP address, and whether from the other port.
   */
  changeRequest(): { ip: boolean; port: boolean } | undefined {
    const flags = this.u32(AttributeType.ChangeRequest);
    return flags === undefined ? undefined : { ip: (flags & 4) !== 0, port: (flags & 2) !== 0 };
  }

  /** Returns RESPONSE-PORT, 0 to 65,535 (RFC 5780 section 7.5). */
  responsePort(): number | undefined {
    const value = this.get(AttributeType.ResponsePort);
    return value?.length === 4 ? readU16(value, 0) : undefined;
  }

  /** Returns CONNECTION-IDENTIFIER as 32 lower-case hex digits (PROTOCOL.md section 2). */
  connectionIdentifier(): string | undefined {
    const value = this.get(AttributeType.ConnectionIdentifier);
    return value?.length === 16 ? asBuffer(value).toString('hex') : undefined;
  }

  /** Returns CONNECTION-ROLE: 0 or 1 and three zero bytes (PROTOCOL.md section 2). */
  connectionRole(): 0 | 1 | undefined {
    const number = this.u32(AttributeType.ConnectionRole);
    if (number === 0) return 0;
    return number === 0x0100_0000 ? 1 : undefined;
  }

  /** Returns LEG-QUALITY: what a peer has measured of its leg (PROTOCOL.md section 2). */
  legQuality(): LegQuality | undefined {
    const value = this.get(AttributeType.LegQuality);
    return value === undefined ? undefined : decodeLegQuality(value);
  }

  /** Returns ERROR-CODE (RFC 8489 section 14.8): 300 to 699, and a reason phrase in UTF-8. */
  errorCode(): { code: number; reason: string } | undefined {
    const value = this.get(AttributeType.ErrorCode);
    if (value === undefined || value.length < 4) return undefined;
    const hundreds = (value[2] as number) & 0x07;
    const rest = value[3] as number;
    const reason = strictText(value.subarray(4));
    if (hundreds < 3 || hundreds > 6 || rest > 99 || reason === undefined) return undefined;
    return { code: hundreds * 100 + rest, reason };
  }

  /** Returns UNKNOWN-ATTRIBUTES (RFC 8489 section 14.13). */
  unknownAttributes(): number[] | undefined {
    const value = this.get(AttributeType.UnknownAttributes);
    if (value === undefined || value.length % 2 !== 0) return undefined;
    return Array.from({ length: value.length / 2 }, (_, index) => readU16(value, index * 2));
  }

  /**
   * Returns the number in PASSWORD-ALGORITHM (RFC 8489 section 14.12). No known algorithm has
   * parameters.
   */
  passwordAlgorithm(): number | undefined {
    const value = this.get(AttributeType.PasswordAlgorithm);
    const numbers = value === undefined ? undefined : algorithmNumbers(value);
    return numbers?.length === 1 ? numbers[0] : undefined;
  }

  /** Returns the numbers in PASSWORD-ALGORITHMS, in the server's order (RFC 8489 section 14.11). */
  passwordAlgorithms(): number[] | undefined {
    const value = this.get(AttributeType.PasswordAlgorithms);
    return value === undefined ? undefined : algorithmNumbers(value);
  }

  /**
   * Returns the comprehension-required types that the receiver does not know (RFC 8489 section
   * 6.3.1).
   * @param known - attributes that the usage knows, AUTHENTICATION_ATTRIBUTES included
   * @returns each unknown type once, in order of appearance
   */
  unknownRequired(known: ReadonlySet<number>): number[] {
    const unknown: number[] = [];
    for (const { type } of this.attributes) {
      if (type < COMPREHENSION_OPTIONAL_MIN && !known.has(type) && !unknown.includes(type)) {
        unknown.push(type);
      }
    }
    return unknown;
  }
}

/**
 * Decodes one datagram as a STUN message (RFC 8489 sections 5, 6.3 and 14). Never throws, and never
 * reads beyond `bytes`. Verifies FINGERPRINT if present; `verifyIntegrity` verifies integrity.
 * @param bytes - one UDP payload; the message keeps views of it
 */
export function decodeMessage(bytes: Uint8Array): DecodeResult {
  if (bytes.length < HEADER_BYTES) return failed('too-short');
  if ((bytes[0] as number) > 0x3f) return failed('not-stun');
  if (readU32(bytes, 4) !== MAGIC_COOKIE) return failed('bad-cookie');
  const length = readU16(bytes, 2);
  if (length % 4 !== 0 || length !== bytes.length - HEADER_BYTES) return failed('bad-length');
  const attributes: RawAttribute[] = [];
  const reason = scanAttributes(bytes, attributes);
  return reason === undefined
    ? { ok: true, message: new StunMessage(bytes, attributes) }
    : failed(reason);
}

/** Copies a message, whose memory is that of a batch, to keep it. */
export function copiedMessage(message: StunMessage): StunMessage {
  const bytes = new Uint8Array(message.bytes);
  const attributes = message.attributes.map(({ type, value, offset }) => {
    const start = offset + 4;
    return { type, value: bytes.subarray(start, start + value.length), offset };
  });
  return new StunMessage(bytes, attributes);
}

/**
 * Scans the attributes once. Those after an integrity attribute are not covered by it and are
 * ignored, except MESSAGE-INTEGRITY-SHA256 after MESSAGE-INTEGRITY, and FINGERPRINT (RFC 8489
 * section 9). Otherwise anybody on the path could append attributes.
 */
function scanAttributes(bytes: Uint8Array, into: RawAttribute[]): DecodeFailure | undefined {
  let integrityBits = 0;
  let count = 0;
  for (let offset = HEADER_BYTES; offset < bytes.length; ) {
    // The message's length is a multiple of 4, so there is always room for a header.
    const type = readU16(bytes, offset);
    const start = offset + 4;
    const end = start + readU16(bytes, offset + 2);
    const next = start + padded(end - start);
    if (next > bytes.length) return 'attribute-overrun';
    count += 1;
    if (count > ATTRIBUTES_MAX) return 'too-many-attributes';
    if (type === AttributeType.Fingerprint) {
      if (next !== bytes.length) return 'fingerprint-not-last';
      const wrong = end - start !== 4 || readU32(bytes, start) !== fingerprintOf(bytes, offset);
      if (wrong) return 'bad-fingerprint';
    }
    if (counts(type, integrityBits)) {
      into.push({ type, value: bytes.subarray(start, end), offset });
      integrityBits |= integrityBitOf(type);
    }
    offset = next;
  }
  return undefined;
}

/** Returns whether an attribute counts after the integrity attributes seen so far. */
function counts(type: number, integrityBits: number): boolean {
  if (integrityBits === 0 || type === AttributeType.Fingerprint) return true;
  return integrityBits === MESSAGE_INTEGRITY_BIT && type === AttributeType.MessageIntegritySha256;
}

function integrityBitOf(type: number): number {
  if (type === AttributeType.MessageIntegrity) return MESSAGE_INTEGRITY_BIT;
  return type === AttributeType.MessageIntegritySha256 ? MESSAGE_INTEGRITY_SHA256_BIT : 0;
}

function failed(reason: DecodeFailure): DecodeResult {
  return { ok: false, reason };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function strictText(bytes: Uint8Array): string | undefined {
  return isUtf8(bytes) ? asBuffer(bytes).toString('utf8') : undefined;
}

/** Returns the number of each entry; parameters are padded like attributes. */
function algorithmNumbers(value: Uint8Array): number[] | undefined {
  const numbers: number[] = [];
  let offset = 0;
  while (offset + 4 <= value.length) {
    numbers.push(readU16(value, offset));
    offset += 4 + padded(readU16(value, offset + 2));
  }
  return offset === value.length ? numbers : undefined;
}
