import { TurnpikeError } from '../../errors.js';

/** Maximum bytes of a line in coturn; it reads the rest of a longer one as another line. */
const LINE_BYTES_MAX = 1_023;

/** A setting of a `turnserver.conf`. */
export interface CoturnEntry {
  readonly key: string;
  /** Empty if the line has none. */
  readonly value: string;
  /** From 1. */
  readonly line: number;
  /** Whether something separates key and value. */
  readonly isSeparated: boolean;
}

/**
 * Reads the lines of a `turnserver.conf` as coturn does: a key, then a run of blanks and `=`, then
 * the value up to the end of the line. A comment has a line of its own, which begins with `#`: what
 * follows a value belongs to it. Double quotes around a value are left out.
 * @param file - its name, for messages
 * @param text - its content; lines end with LF or CRLF
 * @returns the settings in order; keys are not checked
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG for a setting longer than coturn reads at once
 */
export function parseCoturnFile(file: string, text: string): CoturnEntry[] {
  // Some editors put a byte order mark in front.
  const lines = text.replace(/^\ufeff/, '').split('\n');
  return lines.flatMap((raw, index) => {
    const line = index + 1;
    const setting = raw.replace(/^[ \t]+/, '').replace(/[ \t\v\f\r]+$/, '');
    if (setting === '' || setting.startsWith('#')) return [];
    if (Buffer.byteLength(setting) > LINE_BYTES_MAX) {
      const message = `${file}:${line}: it is longer than ${LINE_BYTES_MAX} bytes`;
      throw new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
    }
    const [, key = '', separator = '', value = ''] =
      /^([^ =\t]*)([ =\t]*)(.*)$/s.exec(setting) ?? [];
    return [{ key, value: unquoted(value), line, isSeparated: separator !== '' }];
  });
}

function unquoted(value: string): string {
  if (!value.startsWith('"')) return value;
  const inner = value.slice(1).replace(/[ \t\r]+$/, '');
  return inner.endsWith('"') ? inner.slice(0, -1) : inner;
}
