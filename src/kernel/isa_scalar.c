/* Plain C: the oracle, and what runs anywhere.  The only table of the double build. */
#define SIMD_SCALAR
#define ISA scalar
#include "kernel/kernels.inc"
