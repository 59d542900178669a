/* arm64: NEON is part of the architecture. */
#include "kernel/kernel.h"
#if defined(__aarch64__) && !defined(RONDO_DOUBLE)
#include <arm_neon.h>
#define SIMD_NEON
#define ISA neon
#include "kernel/kernels.inc"
#endif
