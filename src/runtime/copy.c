/* SPDX-License-Identifier: MIT */
/* See copy.h. */
#include "runtime/copy.h"

const char copy_here = 0;
