/**
 * Why an authenticated request is refused, with the STUN code that its peer is answered
 * (PROTOCOL.md section 2). Each is a counter and a line of the log at level debug.
 */
export const REFUSALS = {
  draining: 300,
  /** An attribute that the method needs is not there, or of another form. */
  'attribute-missing': 400,
  'unknown-method': 400,
  'unknown-attribute': 420,
  /** The identifier or the role is another one than the credential's. */
  'credential-of-another-leg': 403,
  'unknown-peer-relay': 403,
  /** A peer named another NAT address than the one the other's relay sees. */
  'address-mismatch': 403,
  'leg-of-another-address': 437,
  'no-such-leg': 437,
  'no-common-family': 440,
  'transport-not-udp': 442,
  /** Connected, or about to be, to another address or relay. */
  'connected-elsewhere': 446,
  'not-connected-in-time': 447,
  /** No way to the other peer's relay answers. */
  'peer-relay-unreachable': 447,
  'refused-by-peer-relay': 447,
  'tenant-quota': 486,
  'relay-full': 508,
  'channels-used-up': 508,
  'data-plane-full': 508,
} as const;

/**
 * Whether another pair of relays may serve where these do not, which 447 alone does not tell
 * (REFUSAL-CAUSE, PROTOCOL.md section 2).
 */
export function isOfThePair(reason: RefusalReason): boolean {
  return reason === 'peer-relay-unreachable' || reason === 'refused-by-peer-relay';
}

export type RefusalReason = keyof typeof REFUSALS;
