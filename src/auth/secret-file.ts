import { readFile } from 'node:fs/promises';
import { TurnpikeError } from '../errors.js';
import { SECRET_BYTES } from '../limits.js';

/** What `turnpike secret relay` writes. */
export interface RelaySecrets {
  readonly relaySecret: Uint8Array;
  readonly tenantRoot: Uint8Array;
}

/**
 * Reads a file of one secret: one line of standard base64, 32 bytes.
 * @throws TurnpikeError ERR_TURNPIKE_SECRET naming the file and what is wrong, never its content
 */
export async function readSecretFile(path: string): Promise<Uint8Array> {
  const [secret] = await readSecrets(path, ['secret']);
  return secret as Uint8Array;
}

/**
 * Reads a relay's secret file: the relay secret on the first line, the tenant root on the second.
 * @throws TurnpikeError ERR_TURNPIKE_SECRET naming the file and what is wrong, never its content
 */
export async function readRelaySecretFile(path: string): Promise<RelaySecrets> {
  const [relaySecret, tenantRoot] = await readSecrets(path, ['relay secret', 'tenant root']);
  return { relaySecret: relaySecret as Uint8Array, tenantRoot: tenantRoot as Uint8Array };
}

/**
 * Decodes one secret of standard base64.
 * @param line - without line end; blanks around it are ignored
 * @returns undefined unless it is padded base64 of 32 bytes
 */
export function decodeSecret(line: string): Uint8Array | undefined {
  const text = line.trim();
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === SECRET_BYTES && bytes.toString('base64') === text
    ? new Uint8Array(bytes)
    : undefined;
}

async function readSecrets(path: string, names: readonly string[]): Promise<Uint8Array[]> {
  const lines = (await readLines(path)).filter((line) => line.trim() !== '');
  if (lines.length !== names.length) {
    const expected = names.length === 1 ? 'one line' : `${names.length} lines`;
    throw unreadable(path, `expected ${expected} (${names.join(', ')}), found ${lines.length}`);
  }
  return lines.map((line, index) => {
    const secret = decodeSecret(line);
    if (secret === undefined) {
      throw unreadable(path, `the ${names[index]} is not 32 bytes of standard base64`);
    }
    return secret;
  });
}

async function readLines(path: string): Promise<string[]> {
  try {
    return (await readFile(path, 'utf8')).split('\n');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw unreadable(path, `cannot be read: ${code ?? cause}`, { cause, errno: code ?? 'UNKNOWN' });
  }
}

function unreadable(
  path: string,
  what: string,
  details: { cause?: unknown; errno?: string } = {},
): TurnpikeError {
  return new TurnpikeError('ERR_TURNPIKE_SECRET', `secret file ${path}: ${what}`, details);
}
