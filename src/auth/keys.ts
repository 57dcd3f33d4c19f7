import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';
import { types } from 'node:util';
import type { UnixMs } from '../clock.js';
import { describe } from '../describe-value.js';
import { TurnpikeError } from '../errors.js';
import { NAME_PATTERN } from '../names.js';
import { SECRET_BYTES } from '../secret-bytes.js';

const NAME = new RegExp(`^${NAME_PATTERN}$`);
const TRUNK_DATA_KEY_BYTES = 16;
const EPOCH_ZERO_MS = Date.UTC(2026, 0, 1);
const EPOCH_MS = 86_400_000;
const EPOCH_MAX = 0xffff;

/** DER prefixes of raw X25519 keys in PKCS #8 and SubjectPublicKeyInfo (RFC 8410). */
const X25519_PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');
const X25519_SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');

/** A relay's X25519 key pair. */
export interface RelayKeyPair {
  readonly privateKey: KeyObject;
  /** 32 raw bytes. */
  readonly publicKey: Uint8Array;
}

/** Returns whether a value is a name of a tenant, relay or region. */
export function isName(text: unknown): boolean {
  return typeof text === 'string' && NAME.test(text);
}

/**
 * Derives the tenant root, 32 bytes, from the cluster secret (PROTOCOL.md section 1).
 * @param clusterSecret - 32 bytes
 * @throws TurnpikeError ERR_TURNPIKE_SECRET for anything else
 */
export function tenantRoot(clusterSecret: Uint8Array): Uint8Array {
  requireSecret('tenantRoot', 'the cluster secret', clusterSecret);
  return derive(clusterSecret, ['turnpike tenants v1']);
}

/**
 * Derives a tenant secret, 32 bytes, from the tenant root (PROTOCOL.md section 1).
 * @param root - 32 bytes
 * @param tenant - a name
 * @throws TurnpikeError ERR_TURNPIKE_SECRET for another root; ERR_TURNPIKE_CONFIG for an invalid
 *   name
 */
export function tenantSecret(root: Uint8Array, tenant: string): Uint8Array {
  requireSecret('tenantSecret', 'the tenant root', root);
  requireName('tenantSecret', tenant);
  return derive(root, ['turnpike tenant v1', tenant]);
}

/**
 * Derives the key of a tenant's credentials for standard TURN, 32 bytes (PROTOCOL.md section 1). It
 * differs from the tenant secret, so that no credential of a leg is one of TURN, and the reverse.
 * @param secret - the tenant secret, 32 bytes
 */
export function tenantTurnKey(secret: Uint8Array): Uint8Array {
  return derive(secret, ['turnpike turn v1']);
}

/**
 * Derives a relay secret, 32 bytes, from the cluster secret (PROTOCOL.md section 1).
 * @param clusterSecret - 32 bytes
 * @param relayId - a name
 * @throws TurnpikeError ERR_TURNPIKE_SECRET for another secret; ERR_TURNPIKE_CONFIG for an invalid
 *   name
 */
export function relaySecret(clusterSecret: Uint8Array, relayId: string): Uint8Array {
  requireSecret('relaySecret', 'the cluster secret', clusterSecret);
  requireName('relaySecret', relayId);
  return derive(clusterSecret, ['turnpike relay v1', relayId]);
}

/**
 * Derives the key of the nonces that expire on one day, 32 bytes. It is the same at every server
 * with the secret and after a restart (PROTOCOL.md section 2).
 * @param secret - 32 bytes; at a relay the tenant root
 * @param day - `utcDay` of the nonces' expiry
 */
export function nonceKey(secret: Uint8Array, day: number): Uint8Array {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(day);
  return hkdf(secret, Buffer.concat([joined(['turnpike nonce v1', '']), bytes]), SECRET_BYTES);
}

/**
 * Derives the key of a relay's requests to directories, 32 bytes (PROTOCOL.md sections 1 and 5).
 * @param secret - the relay secret, 32 bytes
 */
export function registrationKey(secret: Uint8Array): Uint8Array {
  return derive(secret, ['turnpike registration v1']);
}

/**
 * Derives a relay's X25519 key pair (RFC 7748). It needs no storage of its own, and the directory
 * can compute the public key (PROTOCOL.md section 1).
 * @param secret - the relay secret, 32 bytes
 */
export function relayKeyPair(secret: Uint8Array): RelayKeyPair {
  const raw = derive(secret, ['turnpike x25519 v1']);
  const privateKey = createPrivateKey({
    key: Buffer.concat([X25519_PKCS8_PREFIX, raw]),
    format: 'der',
    type: 'pkcs8',
  });
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return { privateKey, publicKey: new Uint8Array(spki.subarray(X25519_SPKI_PREFIX.length)) };
}

/**
 * Returns the X25519 shared secret of two relays, 32 bytes, the same at both.
 * @param peerPublicKey - 32 raw bytes, from the registry
 * @throws TurnpikeError ERR_TURNPIKE_SECRET for an unusable public key: one of another length, or a
 *   point of small order, whose shared secret is public (RFC 7748 section 6.1)
 */
export function sharedSecret(privateKey: KeyObject, peerPublicKey: Uint8Array): Uint8Array {
  try {
    const key = Buffer.concat([X25519_SPKI_PREFIX, peerPublicKey]);
    const publicKey = createPublicKey({ key, format: 'der', type: 'spki' });
    return diffieHellman({ privateKey, publicKey });
  } catch (cause) {
    throw new TurnpikeError('ERR_TURNPIKE_SECRET', 'not a usable X25519 public key', { cause });
  }
}

/**
 * Derives the key of trunk control messages from one relay to another, 32 bytes (PROTOCOL.md
 * section 3).
 * @param shared - `sharedSecret` of the two relays
 */
export function trunkControlKey(
  shared: Uint8Array,
  senderId: string,
  receiverId: string,
): Uint8Array {
  return derive(shared, ['turnpike trunk control v1', senderId, receiverId]);
}

/** The inputs of a trunk data key. */
export interface TrunkDataKeyInput {
  /** `sharedSecret` of the two relays. */
  readonly shared: Uint8Array;
  readonly senderId: string;
  readonly receiverId: string;
  /** `utcDay` of the day. */
  readonly epoch: number;
  /** The receiver's RELAY-START, Unix ms. */
  readonly receiverStart: UnixMs;
}

/**
 * Derives the SipHash key of trunk data from one relay to another, 16 bytes (PROTOCOL.md section
 * 4).
 */
export function trunkDataKey(input: TrunkDataKeyInput): Uint8Array {
  const epoch = Buffer.alloc(2);
  epoch.writeUInt16BE(input.epoch);
  const start = Buffer.alloc(8);
  start.writeBigUInt64BE(BigInt(input.receiverStart));
  const context = ['turnpike trunk data v1', input.senderId, input.receiverId];
  const info = Buffer.concat([joined(context), Buffer.of(0), epoch, start]);
  return hkdf(input.shared, info, TRUNK_DATA_KEY_BYTES);
}

/**
 * Returns the key epoch of a time: whole days since 2026-01-01 UTC (PROTOCOL.md section 4), clamped
 * to the 16 bits on the wire.
 * @param unixMs - Unix ms
 */
export function utcDay(unixMs: UnixMs): number {
  return Math.min(Math.max(Math.floor((unixMs - EPOCH_ZERO_MS) / EPOCH_MS), 0), EPOCH_MAX);
}

function requireSecret(call: string, what: string, secret: unknown): void {
  if (types.isUint8Array(secret) && secret.length === SECRET_BYTES) return;
  const got = describe(secret);
  throw new TurnpikeError(
    'ERR_TURNPIKE_SECRET',
    `${call}: ${what} has ${SECRET_BYTES} bytes (a Uint8Array), got ${got}`,
  );
}

function requireName(call: string, name: unknown): void {
  if (isName(name)) return;
  const message = `${call}: expected a name of the form ${NAME_PATTERN}, got ${describe(name)}`;
  throw new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
}

function derive(secret: Uint8Array, context: readonly string[]): Uint8Array {
  return hkdf(secret, joined(context), SECRET_BYTES);
}

/**
 * Joins parts with zero bytes. No part contains one, so different lists never give the same bytes.
 */
function joined(parts: readonly string[]): Buffer {
  return Buffer.from(parts.join('\0'), 'utf8');
}

/** HKDF-SHA-256 with an empty salt (RFC 5869). */
function hkdf(secret: Uint8Array, info: Uint8Array, bytes: number): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(0), info, bytes));
}
