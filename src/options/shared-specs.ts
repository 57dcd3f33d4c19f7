import type { OptionSpecs } from './option-spec.js';

/** Maximum length of a room's name, in characters. */
export const ROOM_CHARACTERS_MAX = 128;

/** Minimum length of an API key, in characters. */
export const API_KEY_CHARACTERS_MIN = 16;

/** Maximum length of an API key, in characters. */
export const API_KEY_CHARACTERS_MAX = 512;

/**
 * Specs of options that both the library and the command line take, or several calls of the
 * library. This module imports no other at run time, because `turnpike --help` loads it.
 */
export const SPECS = {
  address: { kind: 'address' },
  directoryUrl: { kind: 'url' },
  file: { kind: 'file' },
  name: { kind: 'name' },
  secret: { kind: 'secret' },
  /** The b64token of a bearer token (RFC 6750 section 2.1). */
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
  signal: { kind: 'signal' },
  logger: { kind: 'methods', methods: ['debug', 'info', 'warn', 'error'] },
  clock: { kind: 'methods', methods: ['now', 'monotonic'] },
  scheduler: { kind: 'methods', methods: ['now', 'monotonic', 'after'] },
  random: { kind: 'function' },
} as const satisfies OptionSpecs;
