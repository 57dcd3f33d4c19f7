import type { Link } from '../../../src/cli/peer/peer-mode.js';

const ADDRESS = { address: '192.0.2.1', port: 1 } as const;

/** What a fake link is made from; everything else about it is made up. */
export interface FakeLinkOptions {
  readonly role?: 0 | 1;
  readonly connectionId?: string;
  readonly send?: (payload: Uint8Array) => void;
}

/** A link without a network. */
export function fakeLink(options: FakeLinkOptions = {}): Link {
  const { role = 0, connectionId = '00'.repeat(16), send = () => {} } = options;
  return {
    connectionId,
    role,
    relay: { id: 'fra-1', region: 'fra' },
    peerRelay: { address: '192.0.2.20', port: 3478 },
    natAddress: ADDRESS,
    peerNatAddress: ADDRESS,
    payloadBytesMax: 1_424,
    send,
  };
}
