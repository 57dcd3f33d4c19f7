import { readU16, writeU16 } from './bytes.js';

/**
 * Largest application payload that needs no fragmentation if every link has an MTU of 1,500 bytes.
 */
export const PAYLOAD_BYTES_RECOMMENDED = 1_424;

/** Lowest channel number (RFC 8656 section 12). */
export const CHANNEL_MIN = 0x4000;

/**
 * Highest channel number of RFC 5766 (section 11). RFC 8656 section 12 ends at 0x4FFF and reserves
 * the rest, but clients of the earlier RFC use them.
 */
export const CHANNEL_MAX = 0x7fff;

/** Length of channel number and length field (RFC 8656 section 12.4). */
export const CHANNEL_DATA_HEADER_BYTES = 4;

/** Over UDP padding is allowed but not required (RFC 8656 section 12.5). */
const PADDING_BYTES_MAX = 3;

/** Returns whether a number is a channel number (RFC 8656 section 12). */
export function isChannel(channel: number): boolean {
  return channel >= CHANNEL_MIN && channel <= CHANNEL_MAX;
}

/** One ChannelData message. */
export interface ChannelData {
  readonly channel: number;
  /** A view of the datagram that it was decoded from. */
  readonly payload: Uint8Array;
}

/**
 * Decodes one datagram as ChannelData (RFC 8656 section 12.4). Never throws.
 * @returns undefined unless it is a complete ChannelData message with a valid channel number
 */
export function decodeChannelData(datagram: Uint8Array): ChannelData | undefined {
  if (datagram.length < CHANNEL_DATA_HEADER_BYTES) return undefined;
  const channel = readU16(datagram, 0);
  if (!isChannel(channel)) return undefined;
  const end = CHANNEL_DATA_HEADER_BYTES + readU16(datagram, 2);
  const padding = datagram.length - end;
  if (padding < 0 || padding > PADDING_BYTES_MAX) return undefined;
  return { channel, payload: datagram.subarray(CHANNEL_DATA_HEADER_BYTES, end) };
}

/**
 * Encodes one ChannelData message without padding, as PROTOCOL.md section 2 requires over UDP.
 * @param channel - 0x4000 to 0x4FFF
 * @param payload - at most 65,535 bytes; copied
 * @returns the datagram
 */
export function encodeChannelData(channel: number, payload: Uint8Array): Uint8Array {
  const datagram = Buffer.allocUnsafe(CHANNEL_DATA_HEADER_BYTES + payload.length);
  writeU16(datagram, 0, channel);
  writeU16(datagram, 2, payload.length);
  datagram.set(payload, CHANNEL_DATA_HEADER_BYTES);
  return datagram;
}
