import { createCipheriv, randomBytes } from 'node:crypto';

/** A key of an authorization server. */
export interface TestKey {
  readonly key: Uint8Array;
  readonly algorithm: 'A256GCM' | 'A128GCM';
}

/** What is in a token, and for whom it is (RFC 7635 section 6.2). */
export interface TokenContent {
  readonly serverName: string;
  readonly macKey: Uint8Array;
  readonly timestampSeconds: number;
  readonly lifetimeSeconds: number;
  /** 1/64000 s after `timestampSeconds`. Default: 0. */
  readonly fraction?: number;
  /** Default: random. */
  readonly nonce?: Uint8Array;
}

/** Encrypts a block as a token. */
export function sealed(
  block: Uint8Array,
  { key, algorithm }: TestKey,
  { serverName, nonce = randomBytes(12) }: Pick<TokenContent, 'serverName' | 'nonce'>,
): Uint8Array {
  const cipher = createCipheriv(
    algorithm === 'A256GCM' ? 'aes-256-gcm' : 'aes-128-gcm',
    key,
    nonce,
  );
  cipher.setAAD(Buffer.from(serverName));
  const encrypted = Buffer.concat([cipher.update(block), cipher.final()]);
  return Buffer.concat([Uint8Array.of(0, nonce.length), nonce, encrypted, cipher.getAuthTag()]);
}

/** Returns what is encrypted in a token. */
export function blockOf(content: Omit<TokenContent, 'serverName' | 'nonce'>): Uint8Array {
  const { macKey, timestampSeconds, fraction = 0, lifetimeSeconds } = content;
  const block = Buffer.alloc(2 + macKey.length + 12);
  block.writeUInt16BE(macKey.length, 0);
  block.set(macKey, 2);
  block.writeUIntBE(timestampSeconds, 2 + macKey.length, 6);
  block.writeUInt16BE(fraction, 8 + macKey.length);
  block.writeUInt32BE(lifetimeSeconds, 10 + macKey.length);
  return block;
}

/** Makes a token, as an authorization server does. */
export function mintToken(key: TestKey, content: TokenContent): Uint8Array {
  return sealed(blockOf(content), key, content);
}
