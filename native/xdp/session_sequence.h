/* SPDX-License-Identifier: Apache-2.0 */
/* What the sequence of a session's record says about loss. */
#ifndef TURNPIKE_XDP_SESSION_SEQUENCE_H_
#define TURNPIKE_XDP_SESSION_SEQUENCE_H_

#include "xdp/checksum.h"

/* A session's cell: the newest sequence, and this bit once there is one. */
#define TP_SESSION_STARTED 0x10000u

/* The cell after a record, and in `lost` by how much the count of lost records changes. */
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
