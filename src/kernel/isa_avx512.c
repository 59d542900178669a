/* x86-64 with AVX-512 F and DQ. */
#include "kernel/kernel.h"
#if defined(__x86_64__) && !defined(RONDO_DOUBLE)
#include <immintrin.h>
#define SIMD_AVX512
#define ISA avx512
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx2,fma"))),                 \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx2,fma")
#endif
#include "kernel/kernels.inc"
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
