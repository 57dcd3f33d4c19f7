import benny from 'benny';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { integrityKind, verifyIntegrity } from '../../src/stun/integrity.js';
import { decodeMessage, TRANSACTION_ID_BYTES } from '../../src/stun/message.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { report } from './report.js';

const KEY = Buffer.alloc(32, 1);
const TRANSACTION_ID = Buffer.alloc(TRANSACTION_ID_BYTES, 2);
const RELAY = { address: '2001:db8::20', port: 3478 };

function allocate(): MessageWriter {
  return new MessageWriter('request', Method.Allocate, TRANSACTION_ID)
    .requestedTransport(17)
    .connectionIdentifier('000102030405060708090a0b0c0d0e0f')
    .connectionRole(0)
    .address(AttributeType.XorPeerRelayAddress, RELAY)
    .text(AttributeType.Username, '1800000000:default/000102030405060708090a0b0c0d0e0f/0')
    .text(AttributeType.Realm, 'turnpike')
    .text(AttributeType.Nonce, 'obMatJos2gAABabcdefghijklmnopqrstuvwxyz01')
    .passwordAlgorithms([2, 1])
    .passwordAlgorithm(2);
}

const bytes = allocate().integrity('sha256', KEY).fingerprint().finish();
const decodedBytes = decodeMessage(bytes);
if (!decodedBytes.ok) throw new Error(decodedBytes.reason);
const { message } = decodedBytes;

/** Measures the codec with an Allocate, the largest request of a peer. */
export function benchStun(): Promise<unknown> {
  return benny.suite(
    'STUN codec',
    benny.add('decode, FINGERPRINT checked', () => decodeMessage(bytes)),
    benny.add('read an IPv6 XOR address', () => message.address(AttributeType.XorPeerRelayAddress)),
    benny.add('write', () => allocate().finish()),
    benny.add('write and sign (SHA-256)', () => allocate().integrity('sha256', KEY).finish()),
    benny.add('verify (SHA-256)', () => {
      const kind = integrityKind(message);
      return kind !== undefined && verifyIntegrity(message, kind, KEY);
    }),
    ...report(),
  );
}
