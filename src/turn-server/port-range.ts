import { TurnpikeError } from '../errors.js';
import type { PortRange } from '../turn/turn-options.js';

/** Smallest port that may be a relayed one: those below need a privilege. */
export const RELAYED_PORT_MIN = 1_024;

const PORT_MAX = 65_535;

/**
 * Parses a range of ports for relayed transport addresses (RFC 8656 section 7.2).
 * @param text - `MIN-MAX`
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG for ports below RELAYED_PORT_MIN or above 65535, and
 *   for a range without a pair of an even port and the next one, which EVEN-PORT asks for
 */
export function parsePortRange(text: string): PortRange {
  const [, min, max] = (/^(\d{1,5})-(\d{1,5})$/.exec(text) ?? []).map(Number);
  if (
    min === undefined ||
    max === undefined ||
    min < RELAYED_PORT_MIN ||
    max > PORT_MAX ||
    min > max
  ) {
    const expected = `two ports from ${RELAYED_PORT_MIN} to ${PORT_MAX}, the smaller one first`;
    throw wrong(text, `expected ${expected}`);
  }
  if (min + (min % 2) >= max) {
    throw wrong(text, 'there is no even port with the next one in it, which clients ask for');
  }
  return { min, max };
}

/** Returns the number of ports in a range. */
export function portCount({ min, max }: PortRange): number {
  return max - min + 1;
}

function wrong(text: string, why: string): TurnpikeError {
  const message = `relay ports ${text} (\`relayPorts\`, --relay-ports): ${why}`;
  return new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
}
