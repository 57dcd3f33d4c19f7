/** The genuine users' API key and tenant. */
export const VICTIM = { key: 'the-api-key-of-the-victim', tenant: 'victim' };
/** Those of a tenant that floods. */
export const ATTACKER = { key: 'the-api-key-of-the-attacker', tenant: 'attacker' };
/** Where genuine peers are, as relays see them: loopback has an address for everybody. */
export const VICTIM_IP = '127.99.0.1';
