/** Bytes of every secret, and of a key where no other length is said (PROTOCOL.md section 1). */
export const SECRET_BYTES = 32;
