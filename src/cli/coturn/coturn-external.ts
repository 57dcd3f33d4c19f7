import {
  type AddressFamily,
  canonicalIp,
  familyOf,
  isLoopback,
  isUnicast,
  isWildcard,
} from '../../address.js';
import type { CoturnEntry } from './coturn-file.js';
import type { CoturnReading } from './coturn-reading.js';

/** An address of `external-ip`, which others see in place of one of this host. */
export interface External {
  readonly ip: string;
  /** The address of this host behind it; undefined for all of its family. */
  readonly inner: string | undefined;
  readonly entry: CoturnEntry;
}

/**
 * Returns the addresses of `external-ip`. One that no other host can reach, and one that stands for
 * what another stands for, is a problem; a loopback one, with which browsers of this host are
 * tested, is said.
 */
export function externalsOf(reading: CoturnReading): readonly External[] {
  const externals: External[] = [];
  for (const external of reading.all('external-ip').flatMap((entry) => parsed(reading, entry))) {
    const { ip, inner, entry } = external;
    const other = externals.find((each) => isForTheSame(each, external));
    if (other !== undefined) {
      const what = inner ?? 'all addresses of the family';
      reading.refuse(entry, `${what} has another one in line ${other.entry.line}: remove one`);
    } else if (isLoopback({ address: ip, port: 0 })) {
      reading.warn(entry, `no other host reaches ${ip}: give the address that clients see`);
    }
    externals.push(external);
  }
  return externals;
}

function isForTheSame(one: External, other: External): boolean {
  if (one.ip === other.ip && one.inner === other.inner) return false;
  return one.inner === other.inner && (one.inner !== undefined || isAlike(one.ip, other.ip));
}

function parsed(reading: CoturnReading, entry: CoturnEntry): External[] {
  const [outer = '', inner, ...more] = entry.value.split('/');
  if (more.length > 0) {
    reading.refuse(entry, 'expected PUBLIC-IP or PUBLIC-IP/PRIVATE-IP');
    return [];
  }
  const ip = hostIp(reading, entry, outer);
  const behind = inner === undefined ? undefined : hostIp(reading, entry, inner);
  if (ip === undefined || (inner !== undefined && behind === undefined)) return [];
  if (behind !== undefined && !isAlike(ip, behind)) {
    reading.refuse(entry, 'expected PUBLIC-IP/PRIVATE-IP of one family');
    return [];
  }
  return [{ ip, inner: behind, entry }];
}

/** Returns an address that a single host can have; another one is a problem. */
function hostIp(reading: CoturnReading, entry: CoturnEntry, text: string): string | undefined {
  const ip = reading.checked(entry, () => canonicalIp(text));
  if (ip === undefined) return undefined;
  const address = { address: ip, port: 0 };
  if (!isWildcard(address) && isUnicast(address)) return ip;
  reading.refuse(entry, `${ip} is no address of a single host: give the one that others see`);
  return undefined;
}

function isAlike(one: string, other: string): boolean {
  return familyOfIp(one) === familyOfIp(other);
}

/** Returns the family of an IP address. */
export function familyOfIp(ip: string): AddressFamily {
  return familyOf({ address: ip, port: 0 });
}
