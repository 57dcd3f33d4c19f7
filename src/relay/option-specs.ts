import { CHALLENGE_SPECS } from '../auth/option-specs.js';
import { DATA_PLANE_LIMITS } from '../native/interface.js';
import { DATA_PLANE_SPECS, FORWARDING_SPECS } from '../native/option-specs.js';
import { HOST_SPECS } from '../options/host.js';
import type { Settings } from '../options/option-spec.js';
import { SPECS } from '../options/shared-specs.js';
import { OVERLAY_LIMITS } from '../overlay/overlay-limits.js';
import { TURN_SPECS } from '../turn-server/option-specs.js';
import type { RelayOptions } from './options.js';

/** Returns the pattern of degrees up to a maximum, with at most six decimals. */
function degrees(most: string, less: string): string {
  return `(${most}(\\.0{1,6})?|${less}(\\.\\d{1,6})?)`;
}

/** The settings of a relay without `relays`. Data only, as `options/shared-specs.ts`. */
export const RELAY_BASE_SPECS = {
  id: {
    ...SPECS.name,
    changes: 'at start',
    required: true,
    description: 'name of the relay, unique in the cluster',
    placeholder: 'ID',
  },
  region: {
    ...SPECS.name,
    changes: 'at start',
    required: true,
    description: 'name of the region that it is in, such as `fra`',
    placeholder: 'REGION',
  },
  provider: {
    ...SPECS.name,
    changes: 'at start',
    description: 'name of who runs its host, so that alternates are of another one',
    placeholder: 'NAME',
  },
  location: {
    kind: 'text',
    changes: 'at start',
    pattern: `^-?${degrees('90', '[1-8]?\\d')},-?${degrees('180', '(1[0-7]|[1-9])?\\d')}$`,
    words: 'latitude and longitude in degrees, such as 50.11,8.68 or -33.9,151.2',
    description: 'where it is, degrees north and east',
    placeholder: 'LAT,LON',
  },
  listen: {
    ...FORWARDING_SPECS.addresses,
    changes: 'at start',
    required: true,
    description: 'UDP address for peers; one for IPv4, one for IPv6',
  },
  trunk: {
    ...FORWARDING_SPECS.addresses,
    changes: 'at start',
    required: true,
    description: 'UDP address for other relays',
  },
  directoryUrl: {
    ...SPECS.directoryUrl,
    changes: 'at start',
    description: 'directory to register with',
  },
  relaySecret: { ...SPECS.secret, changes: 'at start', required: true, description: 'its secret' },
  tenantRoot: { ...SPECS.secret, changes: 'at start', required: true, description: 'tenant root' },
  workers: { ...FORWARDING_SPECS.workers, changes: 'at start' },
  trunkMtuBytes: { ...FORWARDING_SPECS.trunkMtuBytes, changes: 'at start' },
  coalescingUs: { ...FORWARDING_SPECS.coalescingUs, changes: 'at start' },
  busyPollUs: { ...FORWARDING_SPECS.busyPollUs, changes: 'at start' },
  cpus: { ...FORWARDING_SPECS.cpus, changes: 'at start' },
  xdp: { ...DATA_PLANE_SPECS.xdp, changes: 'at start', description: 'forwarding in drivers' },
  challengesPerSecond: { ...CHALLENGE_SPECS.challengesPerSecond, changes: 'while running' },
  challengesBurst: { ...CHALLENGE_SPECS.challengesBurst, changes: 'while running' },
  advertise: {
    ...FORWARDING_SPECS.addresses,
    changes: 'at start',
    itemsMin: 0,
    description: 'address to announce to peers for each --listen, in the same order',
    defaultText: 'the bound ones',
  },
  advertiseTrunk: {
    ...FORWARDING_SPECS.addresses,
    changes: 'at start',
    itemsMin: 0,
    description: 'address to announce to relays for each --trunk, in the same order',
    defaultText: 'the bound ones',
  },
  incarnation: {
    kind: 'integer',
    changes: 'at start',
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    description: 'RELAY-START in Unix milliseconds (PROTOCOL.md section 3)',
  },
  legsMax: {
    kind: 'integer',
    changes: 'at start',
    minimum: 1,
    maximum: Math.min(DATA_PLANE_LIMITS.clientFlowsLimit, DATA_PLANE_LIMITS.sessionsLimit / 2),
    default: OVERLAY_LIMITS.legsMax,
    description: 'maximum number of legs at once',
  },
  turn: {
    kind: 'boolean',
    default: false,
    changes: 'at start',
    description: "serve TURN to the users of the directory's tenants",
  },
  ...TURN_SPECS,
  ...HOST_SPECS,
} as const satisfies Settings<Omit<RelayOptions, 'relays'>>;
