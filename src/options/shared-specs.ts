import { LIMITS } from '../limits.js';
import type { OptionSpecs } from './option-spec.js';

/** The longest name of a room. */
export const ROOM_CHARACTERS_MAX = 128;

/** The shortest API key. */
export const API_KEY_CHARACTERS_MIN = 16;

/** The longest API key. */
export const API_KEY_CHARACTERS_MAX = 512;

/**
 * The specs of options that more than one place takes: the library and the command line, or several
 * calls of the library. Data alone, because `turnpike --help` loads it.
 */
export const SPECS = {
  address: { kind: 'address' },
  addresses: {
    kind: 'address',
    repeat: true,
    itemsMin: 1,
    itemsMax: LIMITS.addressesPerSideMax,
  },
  directoryUrl: { kind: 'url' },
  file: { kind: 'file' },
  name: { kind: 'name' },
  secret: { kind: 'secret' },
  /** RFC 6750 section 2.1: what may stand after `Bearer `. */
  apiKey: {
    kind: 'text',
    pattern: '^[A-Za-z0-9._~+/-]+=*$',
    lengthMin: API_KEY_CHARACTERS_MIN,
    lengthMax: API_KEY_CHARACTERS_MAX,
    words:
      `${API_KEY_CHARACTERS_MIN} to ${API_KEY_CHARACTERS_MAX} letters, digits or ` +
      '"._~+/-", then "=" perhaps (`turnpike secret new` makes one)',
    confidential: true,
  },
  /** The pattern is loose: the consumer parses the prefix. */
  prefixes: {
    kind: 'text',
    pattern: '^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$',
    lengthMin: 2,
    lengthMax: 49,
    repeat: true,
    words: 'an address or a prefix of addresses, such as 10.0.0.0/8',
  },
  room: {
    kind: 'text',
    pattern: '^\\P{Cc}+$',
    lengthMin: 1,
    lengthMax: ROOM_CHARACTERS_MAX,
    words: `text of 1 to ${ROOM_CHARACTERS_MAX} characters, none of them a control character`,
  },
  workers: { kind: 'integer', minimum: 1, maximum: LIMITS.workersMax },
  trunkMtuBytes: {
    kind: 'integer',
    minimum: LIMITS.trunkMtuBytesMin,
    maximum: LIMITS.trunkMtuBytesMax,
    default: LIMITS.trunkMtuBytes,
  },
  coalescingUs: {
    kind: 'integer',
    minimum: 0,
    maximum: LIMITS.coalescingUsMax,
    default: LIMITS.coalescingUs,
  },
  busyPollUs: { kind: 'integer', minimum: 0, maximum: LIMITS.busyPollUsMax, default: 0 },
  cpus: { kind: 'integer', minimum: 0, maximum: LIMITS.cpusMax - 1, repeat: true },
  /** As Linux names them: no space, no slash, 15 characters at most. */
  xdpInterfaces: {
    kind: 'text',
    pattern: '^[^\\s/]+$',
    lengthMin: 1,
    lengthMax: 15,
    repeat: true,
    words: 'the name of a network device',
  },
  signal: { kind: 'signal' },
  logger: { kind: 'methods', methods: ['debug', 'info', 'warn', 'error'] },
  clock: { kind: 'methods', methods: ['now', 'monotonic'] },
  scheduler: { kind: 'methods', methods: ['now', 'monotonic', 'after'] },
  random: { kind: 'function' },
} as const satisfies OptionSpecs;
