/** The genuine users' API key and tenant. */
export const VICTIM = { key: 'the-api-key-of-the-victim', tenant: 'victim' };
/** The API key and tenant of the attacker. */
export const ATTACKER = { key: 'the-api-key-of-the-attacker', tenant: 'attacker' };
/** The loopback address of genuine peers. */
export const VICTIM_IP = '127.99.0.1';
