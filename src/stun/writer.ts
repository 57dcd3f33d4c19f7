import type { TransportAddress } from '../address.js';
import { TurnpikeError } from '../errors.js';
import { encodeAddress } from './address-coding.js';
import { AttributeType, XOR_ADDRESS_TYPES } from './attribute-types.js';
import { padded, writeU16, writeU32 } from './bytes.js';
import { reasonPhrase } from './error-codes.js';
import { FINGERPRINT_BYTES, fingerprintOf } from './fingerprint.js';
import { INTEGRITY, type IntegrityKind, integrityMac } from './integrity.js';
import { encodeLegQuality, type LegQuality } from './leg-quality.js';
import { HEADER_BYTES, MAGIC_COOKIE, TRANSACTION_ID_BYTES } from './message.js';
import { encodeType, METHOD_MAX, type MessageClass } from './methods.js';

/** Initial buffer, bytes: enough for every message of this implementation. */
const INITIAL_BYTES = 256;
/** Maximum of the 16-bit length field in whole 32-bit words, bytes. */
const BODY_BYTES_MAX = 0xfffc;

/** The last attribute that restricts what may follow. */
type Seal = 'open' | 'sha1' | 'sha256' | 'fingerprint' | 'finished';

/**
 * Writes one STUN message (RFC 8489 sections 5 and 14), attribute by attribute in the order of the
 * calls. Every method but `finish` returns the writer. The buffer is zeroed, so that padding never
 * leaks memory (CVE-2020-4067).
 *
 * Methods throw ERR_TURNPIKE_STUN for programming errors: a value that does not fit its attribute,
 * or an attribute that must not follow another.
 */
export class MessageWriter {
  // From Node's pool, which costs a tenth of a new Uint8Array.
  #bytes = Buffer.allocUnsafe(INITIAL_BYTES).fill(0);
  #end = HEADER_BYTES;
  #seal: Seal = 'open';

  /**
   * @param method - 12 bits
   * @param transactionId - 12 bytes: random for a request, the request's for a response
   */
  constructor(messageClass: MessageClass, method: number, transactionId: Uint8Array) {
    if (!Number.isInteger(method) || method < 0 || method > METHOD_MAX) {
      throw unwritable(`method ${method} is not a 12-bit number`);
    }
    if (transactionId.length !== TRANSACTION_ID_BYTES) {
      throw unwritable(`a transaction id has 12 bytes, not ${transactionId.length}`);
    }
    writeU16(this.#bytes, 0, encodeType(messageClass, method));
    writeU32(this.#bytes, 4, MAGIC_COOKIE);
    this.#bytes.set(transactionId, 8);
  }

  /** Appends an attribute with this value. */
  bytes(type: number, value: Uint8Array): this {
    const at = this.#append(type, value.length);
    this.#bytes.set(value, at);
    return this;
  }

  /** Appends a text attribute in UTF-8. */
  text(type: number, text: string): this {
    return this.bytes(type, Buffer.from(text, 'utf8'));
  }

  /** Appends an unsigned 32-bit attribute. */
  u32(type: number, value: number): this {
    if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
      throw unwritable(`${value} is not an unsigned 32-bit number`);
    }
    const at = this.#append(type, 4);
    writeU32(this.#bytes, at, value);
    return this;
  }

  /** Appends an unsigned 64-bit attribute. */
  u64(type: number, value: bigint): this {
    if (value < 0n || value >= 1n << 64n) {
      throw unwritable(`${value} is not an unsigned 64-bit number`);
    }
    const at = this.#append(type, 8);
    writeU32(this.#bytes, at, Number(value >> 32n));
    writeU32(this.#bytes, at + 4, Number(value & 0xffffffffn));
    return this;
  }

  /** Appends an address attribute, XOR-coded or plain by its type. */
  address(type: number, address: TransportAddress): this {
    const pad = XOR_ADDRESS_TYPES.has(type) ? this.#bytes.subarray(4, HEADER_BYTES) : undefined;
    return this.bytes(type, encodeAddress(address, pad));
  }

  /** Appends CHANNEL-NUMBER (RFC 8656 section 18.1). */
  channelNumber(channel: number): this {
    return this.u32(AttributeType.ChannelNumber, channel * 0x1_0000);
  }

  /** Appends REQUESTED-TRANSPORT (RFC 8656 section 18.8); 17 is UDP. */
  requestedTransport(protocol: number): this {
    return this.u32(AttributeType.RequestedTransport, protocol * 0x100_0000);
  }

  /** Appends CONNECTION-IDENTIFIER from 32 hex digits (PROTOCOL.md section 2). */
  connectionIdentifier(hex: string): this {
    if (!/^[0-9a-f]{32}$/i.test(hex)) throw unwritable('a connection identifier is 32 hex digits');
    return this.bytes(AttributeType.ConnectionIdentifier, Buffer.from(hex, 'hex'));
  }

  /** Appends CONNECTION-ROLE (PROTOCOL.md section 2). */
  connectionRole(role: 0 | 1): this {
    return this.u32(AttributeType.ConnectionRole, role * 0x100_0000);
  }

  /** Appends LEG-QUALITY (PROTOCOL.md section 2); as `encodeLegQuality`. */
  legQuality(quality: LegQuality): this {
    return this.bytes(AttributeType.LegQuality, encodeLegQuality(quality));
  }

  /**
   * Appends ERROR-CODE (RFC 8489 section 14.8).
   * @param code - 300 to 699
   * @param reason - reason phrase; default the RFC's
   */
  errorCode(code: number, reason: string = reasonPhrase(code)): this {
    if (!Number.isInteger(code) || code < 300 || code > 699) {
      throw unwritable(`${code} is not a STUN error code`);
    }
    const phrase = Buffer.from(reason, 'utf8');
    const at = this.#append(AttributeType.ErrorCode, 4 + phrase.length);
    this.#bytes[at + 2] = Math.trunc(code / 100);
    this.#bytes[at + 3] = code % 100;
    this.#bytes.set(phrase, at + 4);
    return this;
  }

  /**
   * Appends ADDRESS-ERROR-CODE (RFC 8656 section 18.12).
   * @param family - 1 for IPv4, 2 for IPv6
   * @param code - 300 to 699
   */
  addressErrorCode(family: number, code: number): this {
    const phrase = Buffer.from(reasonPhrase(code), 'utf8');
    const at = this.#append(AttributeType.AddressErrorCode, 4 + phrase.length);
    this.#bytes[at] = family;
    this.#bytes[at + 2] = Math.trunc(code / 100);
    this.#bytes[at + 3] = code % 100;
    this.#bytes.set(phrase, at + 4);
    return this;
  }

  /**
   * Appends ICMP (RFC 8656 section 18.13).
   * @param type - 0 to 127
   * @param code - 0 to 511
   * @param errorData - 32 bits: the path MTU in bytes if the type has one
   */
  icmp(type: number, code: number, errorData: number): this {
    const at = this.#append(AttributeType.Icmp, 8);
    writeU16(this.#bytes, at + 2, (type << 9) | code);
    writeU32(this.#bytes, at + 4, errorData);
    return this;
  }

  /** Appends UNKNOWN-ATTRIBUTES (RFC 8489 section 14.13), for an error 420. */
  unknownAttributes(types: readonly number[]): this {
    const at = this.#append(AttributeType.UnknownAttributes, types.length * 2);
    types.forEach((type, index) => {
      writeU16(this.#bytes, at + index * 2, type);
    });
    return this;
  }

  /**
   * Appends PASSWORD-ALGORITHMS (RFC 8489 section 14.11) in order of preference, without
   * parameters.
   */
  passwordAlgorithms(numbers: readonly number[]): this {
    const at = this.#append(AttributeType.PasswordAlgorithms, numbers.length * 4);
    numbers.forEach((number, index) => {
      writeU16(this.#bytes, at + index * 4, number);
    });
    return this;
  }

  /** Appends PASSWORD-ALGORITHM (RFC 8489 section 14.12), without parameters. */
  passwordAlgorithm(number: number): this {
    return this.u32(AttributeType.PasswordAlgorithm, number * 0x1_0000);
  }

  /**
   * Appends PADDING (PROTOCOL.md section 2) if the message is shorter than `bytes`, header
   * included.
   */
  paddedTo(bytes: number): this {
    const missing = bytes - this.#end - 4;
    if (missing <= -4) return this;
    this.#append(AttributeType.Padding, Math.max(missing, 0));
    return this;
  }

  /**
   * Appends MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256 over the message so far. Only
   * MESSAGE-INTEGRITY-SHA256 (after the other) and FINGERPRINT may follow.
   * @param key - the long-term key, or a trunk control key
   */
  integrity(kind: IntegrityKind, key: Uint8Array): this {
    const { type, macBytes } = INTEGRITY[kind];
    const offset = this.#end;
    const at = this.#append(type, macBytes);
    this.#bytes.write(integrityMac(this.#bytes, offset, kind, key), at, 'binary');
    this.#seal = kind;
    return this;
  }

  /** Appends FINGERPRINT (RFC 8489 section 14.7). Nothing may follow. */
  fingerprint(): this {
    const offset = this.#end;
    const at = this.#append(AttributeType.Fingerprint, 4);
    writeU32(this.#bytes, at, fingerprintOf(this.#bytes, offset));
    this.#seal = 'fingerprint';
    return this;
  }

  /** Length of the message so far, header included, bytes. */
  get length(): number {
    return this.#end;
  }

  /** Returns the message. The writer must not be used afterwards. */
  finish(): Uint8Array {
    this.#seal = 'finished';
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset, this.#end);
  }

  /**
   * Appends an attribute's header, with room for its value. May replace the buffer, so `#bytes`
   * must be read after the call.
   * @returns the offset of the value
   */
  #append(type: number, valueBytes: number): number {
    this.#assertMayFollow(type);
    const start = this.#end + 4;
    const end = start + padded(valueBytes);
    if (end - HEADER_BYTES > BODY_BYTES_MAX) throw unwritable('the message exceeds 64 KiB');
    if (end > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(end + FINGERPRINT_BYTES, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    writeU16(this.#bytes, this.#end, type);
    writeU16(this.#bytes, this.#end + 2, valueBytes);
    writeU16(this.#bytes, 2, end - HEADER_BYTES);
    this.#end = end;
    return start;
  }

  #assertMayFollow(type: number): void {
    const seal = this.#seal;
    const may =
      seal === 'open' ||
      (seal === 'sha1' && type === AttributeType.MessageIntegritySha256) ||
      (seal !== 'finished' && seal !== 'fingerprint' && type === AttributeType.Fingerprint);
    if (!may) throw unwritable(`attribute 0x${type.toString(16)} cannot follow ${seal}`);
  }
}

function unwritable(message: string): TurnpikeError {
  return new TurnpikeError('ERR_TURNPIKE_STUN', message);
}
