/* SPDX-License-Identifier: Apache-2.0 */
/* Loss accounting by the sequences of a session's records. */
#ifndef TURNPIKE_XDP_SESSION_SEQUENCE_H_
#define TURNPIKE_XDP_SESSION_SEQUENCE_H_

#include "xdp/checksum.h"

/* Flag in a session's cell: a record was received. The lower 16 bits hold the newest sequence. */
#define TP_SESSION_STARTED 0x10000u

/* Returns the cell's value after a record with this sequence. `lost` receives the change of the
 * number of lost records: -1 for a late record. */
TP_INLINE __u32 tp_session_step(__u32 cell, __u16 sequence, int* lost) {
  const __u16 ahead = (__u16)(sequence - cell);
  const __u16 behind = (__u16)(cell - sequence);
  *lost = 0;
  if ((cell & TP_SESSION_STARTED) == 0) return TP_SESSION_STARTED | sequence;
  if (ahead != 0 && ahead <= TP_SEQUENCE_GAP_MAX) {
    *lost = ahead - 1;
    return TP_SESSION_STARTED | sequence;
  }
  if (behind <= TP_SEQUENCE_GAP_MAX) {
    *lost = -1;
    return cell;
  }
  return TP_SESSION_STARTED | sequence;
}

#endif
