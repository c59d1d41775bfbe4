/* SPDX-License-Identifier: MIT */
/* The asymmetric barrier where the system has none. */
#include "platform/sync.h"

bool barrier_available(void) { return false; }
bool barrier_heavy(void) { return false; }
