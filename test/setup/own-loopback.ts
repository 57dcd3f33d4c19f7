/**
 * Returns a loopback address that no other process uses. A port that is free there stays free while
 * nobody listens, unlike a port of 127.0.0.1, which the system may give to any socket.
 */
export function ownLoopback(): string {
  // pid_max is at most 2^22.
  const { pid } = process;
  return `127.${64 + (pid >> 16)}.${(pid >> 8) & 255}.${pid & 255}`;
}
