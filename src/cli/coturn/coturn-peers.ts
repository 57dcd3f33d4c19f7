import { PEER_PREFIXES_MAX } from '../../turn/peer-policy.js';
import { isInRange, type PeerRange, parsePeerRange } from '../../turn/peer-ranges.js';
import type { CoturnEntry } from './coturn-file.js';
import type { CoturnReading } from './coturn-reading.js';

const LOOPBACK: readonly string[] = ['127.0.0.0/8', '::1'];

/** All IPv4-mapped addresses; coturn judges these apart from the IPv4 addresses in them. */
const ALL_MAPPED = /^::ffff:(0\.0\.0\.0|0:0)-::ffff:(255\.255\.255\.255|ffff:ffff)$/i;

/** Takes `allowed-peer-ip`, `allow-loopback-peers` and `denied-peer-ip`. */
export function takePeers(reading: CoturnReading): void {
  const allowed = rangesOf(reading, 'allowed-peer-ip');
  const denied = rangesOf(reading, 'denied-peer-ip');
  const loopback = reading.last('allow-loopback-peers');
  if (loopback !== undefined && reading.isTrue(loopback)) {
    for (const range of LOOPBACK) {
      allowed.set(range, { entry: loopback, prefixes: parsePeerRange(range) });
    }
    reading.warn(loopback, 'clients reach the services of this host at loopback addresses');
  }
  give(reading, 'allowPeer', allowed);
  give(reading, 'denyPeer', denied);
  sayOverruled(reading, allowed, denied);
}

/** Ranges as they are written, with the setting and the prefixes of each. */
type Ranges = Map<string, { readonly entry: CoturnEntry; readonly prefixes: PeerRange[] }>;

function give(reading: CoturnReading, option: string, ranges: Ranges): void {
  const entries = [...ranges.values()].map(({ entry }) => entry);
  reading.give(option, [...ranges.keys()], entries);
}

/** Warns of denied ranges that coturn allows. */
function sayOverruled(reading: CoturnReading, allowed: Ranges, denied: Ranges): void {
  const wider = [...allowed.values()].flatMap(({ prefixes }) => prefixes);
  const all = [...denied.values()].flatMap(({ prefixes }) => prefixes);
  // The server refuses more of them, and to compare all with all would take long.
  if (wider.length + all.length > PEER_PREFIXES_MAX) return;
  for (const { entry, prefixes } of denied.values()) {
    const isOverruled = prefixes.every(({ bytes, bits }) =>
      wider.some((range) => range.bits < bits && isInRange(bytes, range)),
    );
    if (!isOverruled) continue;
    reading.warn(entry, 'refused here, since it is within an allowed range; coturn allows it');
  }
}

/** Returns the ranges of a key. One that cannot be read is a problem. */
function rangesOf(reading: CoturnReading, key: string): Ranges {
  const ranges: Ranges = new Map();
  for (const entry of reading.all(key)) {
    if (ALL_MAPPED.test(entry.value)) {
      const what = 'an IPv4-mapped peer is judged as the IPv4 address that it is';
      reading.say('info', `${reading.sourceOf(entry)}: not used: ${what}`, { keys: [key] });
    } else if (!ranges.has(entry.value)) {
      const prefixes = reading.checked(entry, () => parsePeerRange(entry.value));
      if (prefixes !== undefined) ranges.set(entry.value, { entry, prefixes });
    }
  }
  return ranges;
}
