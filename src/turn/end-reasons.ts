/** Why an allocation ends; each is a counter's label. */
export type EndReason =
  /** A Refresh with lifetime 0. */
  | 'deleted'
  /** Its lifetime is over. */
  | 'expired'
  /** The data plane closed the socket of its relayed transport address. */
  | 'socket-failed'
  /** Its user is no longer known, or no longer allowed. */
  | 'user-removed'
  /** The server stops. */
  | 'server-stopped';
