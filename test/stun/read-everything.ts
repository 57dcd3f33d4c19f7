import { AttributeType } from '../../src/stun/attribute-types.js';
import { integrityKind, verifyIntegrity } from '../../src/stun/integrity.js';
import type { StunMessage } from '../../src/stun/message.js';

/** Calls every getter, since getters parse the values. */
export function readEverything(message: StunMessage): void {
  for (const number of [...Object.values(AttributeType), 0x1234]) {
    message.has(number);
    message.address(number);
    message.addresses(number);
    message.addressFamilyNumber(number);
    message.u32(number);
    message.u64(number);
    message.text(number);
  }
  message.channelNumber();
  message.lifetimeSeconds();
  message.requestedTransport();
  message.evenPortReserves();
  message.connectionIdentifier();
  message.connectionRole();
  message.legQuality();
  message.errorCode();
  message.unknownAttributes();
  message.passwordAlgorithm();
  message.passwordAlgorithms();
  message.unknownRequired(new Set());
  const kind = integrityKind(message);
  if (kind !== undefined) verifyIntegrity(message, kind, Buffer.alloc(16));
}
