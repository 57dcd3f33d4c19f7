import type { Link } from '../../../src/cli/peer/peer-mode.js';

const ADDRESS = { address: '192.0.2.1', port: 1 } as const;

/** Members of a fake link that a test can set. */
export interface FakeLinkOptions {
  readonly role?: 0 | 1;
  readonly connectionId?: string;
  readonly send?: (payload: Uint8Array) => void;
}

/** Makes a link without a network. */
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
