/** Length of every secret, and of a key without another stated length (PROTOCOL.md section 1). */
export const SECRET_BYTES = 32;
