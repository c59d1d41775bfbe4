/* SPDX-License-Identifier: MIT */
/* What tests/proof/run.sh gives to Frama-C: the functions of base/arith.h as one translation unit. */
#include "base/arith.h"
