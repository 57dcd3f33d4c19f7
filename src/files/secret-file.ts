import { TurnpikeError } from '../errors.js';
import { SECRET_BYTES } from '../secret-bytes.js';
import { readSmallFile } from './small-file.js';

/** The name of the file in messages, if the caller gives none. */
const SOURCE = 'secret file';

/** The content of a file that `turnpike secret relay` writes. */
export interface RelaySecrets {
  readonly relaySecret: Uint8Array;
  readonly tenantRoot: Uint8Array;
}

/**
 * Reads a file with one secret: one line of standard base64 (RFC 4648 section 4), 32 bytes.
 * @param source - the option that names the file, for messages
 * @returns the 32 bytes
 * @throws TurnpikeError ERR_TURNPIKE_SECRET with the file and the fault, never its content
 */
export async function readSecretFile(path: string, source = SOURCE): Promise<Uint8Array> {
  const [secret] = await readSecrets(path, source, ['secret']);
  return secret as Uint8Array;
}

/**
 * Reads a relay's secret file: the relay secret on the first line, the tenant root on the second.
 * @param source - the option that names the file, for messages
 * @throws TurnpikeError ERR_TURNPIKE_SECRET with the file and the fault, never its content
 */
export async function readRelaySecretFile(path: string, source = SOURCE): Promise<RelaySecrets> {
  const [relaySecret, tenantRoot] = await readSecrets(path, source, [
    'relay secret',
    'tenant root',
  ]);
  return { relaySecret: relaySecret as Uint8Array, tenantRoot: tenantRoot as Uint8Array };
}

/**
 * Decodes a secret in standard base64 with padding (RFC 4648 section 4).
 * @param line - the text; surrounding white space is ignored
 * @returns the 32 bytes; undefined for any other text
 */
export function decodeSecret(line: string): Uint8Array | undefined {
  const text = line.trim();
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === SECRET_BYTES && bytes.toString('base64') === text
    ? new Uint8Array(bytes)
    : undefined;
}

async function readSecrets(
  path: string,
  source: string,
  names: readonly string[],
): Promise<Uint8Array[]> {
  const text = await readSmallFile({ path, source, code: 'ERR_TURNPIKE_SECRET' });
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length !== names.length) {
    const expected = names.length === 1 ? 'one line' : `${names.length} lines`;
    throw unreadable(
      path,
      source,
      `expected ${expected} (${names.join(', ')}), found ${lines.length}`,
    );
  }
  return lines.map((line, index) => {
    const secret = decodeSecret(line);
    if (secret === undefined) {
      throw unreadable(path, source, `the ${names[index]} is not 32 bytes of standard base64`);
    }
    return secret;
  });
}

function unreadable(path: string, source: string, what: string): TurnpikeError {
  return new TurnpikeError('ERR_TURNPIKE_SECRET', `${source} ${path}: ${what}`);
}
