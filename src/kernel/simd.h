/* simd - a small vector vocabulary, spelled for each ISA.  Included by kernels.inc inside the
 * ISA's target region, after the ISA file has defined one of SIMD_SCALAR, SIMD_AVX2,
 * SIMD_AVX512, SIMD_NEON.
 *
 * vf is a vector of LANES reals, vm a mask of LANES truths; + - * / and unary - work on vf as on
 * real. In the scalar tables vf is `real` itself, so one text serves float, double and every
 * vector. */
#ifndef RONDO_SIMD_H
#define RONDO_SIMD_H
#include "kernel/kernel.h"
#include <math.h>
#include <string.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum { ROOT_HALF = 0x3f3504f3, FRACTION = 0x7fffff }; /* the bits of √½; of a float's fraction */

/* vf_min and vf_max: when either operand is NaN the result is the second; so clamp with the
 * limit first. vf_ldexp: x 2^n for integral n in [-252, 254], rounded once.
 * vf_exponent: the float whose sign and exponent are the lowest bits of x (vectors only).
 * vf_split: m and integral *n with x = m 2^n, √½ ≤ m < √2, for normal x > 0 (vectors only).
 * vf_hold: keeps x in its register from here on; the compiler cannot read it again from memory.
 * vf_turn: the square of numbers that LANES vectors are, rows to columns.
 * vf_load_n, vf_store_n: the first n elements, 0 < n < LANES; the others read as 0 and are left alone. */

#ifdef SIMD_SCALAR
/* ---- one real at a time; libm of its width ---- */
#ifdef RONDO_DOUBLE
#define LIBM(function) function
#else
#define LIBM(function) function##f
#endif
typedef real vf;
typedef bool vm;
enum { LANES = 1, PANEL = 8, TILE_SUMS = 32 };
/* The most vectors of sums that a tile holds, and the widths, in vectors, that it comes in. */
#define TILE_WIDTHS(X) X(1) X(8)
ALWAYS_INLINE vf vf_set1(real x)
{
    return x;
}
ALWAYS_INLINE vf vf_load(const real *p)
{
    return *p;
}
ALWAYS_INLINE void vf_store(real *p, vf x)
{
    *p = x;
}
ALWAYS_INLINE vf vf_load_n(const real *p, int64_t n)
{
    return n > 0 ? *p : 0;
}
ALWAYS_INLINE void vf_store_n(real *p, vf x, int64_t n)
{
    if (n > 0) *p = x;
}
ALWAYS_INLINE vf vf_fma(vf a, vf b, vf c)
{
    return a * b + c;
}
ALWAYS_INLINE vf vf_min(vf a, vf b)
{
    return a < b ? a : b;
}
ALWAYS_INLINE vf vf_max(vf a, vf b)
{
    return a > b ? a : b;
}
ALWAYS_INLINE vf vf_abs(vf x)
{
    return LIBM(fabs)(x);
}
ALWAYS_INLINE vf vf_sqrt(vf x)
{
    return LIBM(sqrt)(x);
}
ALWAYS_INLINE vf vf_copysign(vf x, vf sign)
{
    return LIBM(copysign)(x, sign);
}
ALWAYS_INLINE vf vf_ldexp(vf x, vf n)
{
    return LIBM(ldexp)(x, (int)n);
}
ALWAYS_INLINE vm vf_lt(vf a, vf b)
{
    return a < b;
}
ALWAYS_INLINE vm vf_le(vf a, vf b)
{
    return a <= b;
}
ALWAYS_INLINE vf vf_select(vm m, vf a, vf b)
{
    return m ? a : b;
}
ALWAYS_INLINE bool vm_all(vm m)
{
    return m;
}
#define vf_hold(x)    ((void)0)
#define vf_turn(rows) ((void)(rows))
#endif

#ifdef SIMD_AVX2
typedef __m256 vf;
typedef __m256 vm;
enum { LANES = 8, PANEL = 16, TILE_SUMS = 12 };
#define TILE_WIDTHS(X) X(1) X(2) X(3) X(4)
ALWAYS_INLINE vf vf_set1(real x)
{
    return _mm256_set1_ps(x);
}
ALWAYS_INLINE vf vf_load(const real *p)
{
    return _mm256_loadu_ps(p);
}
ALWAYS_INLINE void vf_store(real *p, vf x)
{
    _mm256_storeu_ps(p, x);
}
ALWAYS_INLINE __m256i first_n(int64_t n)
{
    static const int32_t on_off[16] = { -1, -1, -1, -1, -1, -1, -1, -1 };
    return _mm256_loadu_si256((const __m256i *)(const void *)(on_off + 8 - n));
}
ALWAYS_INLINE vf vf_load_n(const real *p, int64_t n)
{
    return _mm256_maskload_ps(p, first_n(n));
}
ALWAYS_INLINE void vf_store_n(real *p, vf x, int64_t n)
{
    _mm256_maskstore_ps(p, first_n(n), x);
}
ALWAYS_INLINE vf vf_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}
ALWAYS_INLINE vf vf_min(vf a, vf b)
{
    return _mm256_min_ps(a, b);
}
ALWAYS_INLINE vf vf_max(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}
ALWAYS_INLINE vf vf_abs(vf x)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x);
}
ALWAYS_INLINE vf vf_sqrt(vf x)
{
    return _mm256_sqrt_ps(x);
}
ALWAYS_INLINE vf vf_round(vf x)
{
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
ALWAYS_INLINE vf vf_copysign(vf x, vf sign)
{
    vf bit = _mm256_set1_ps(-0.0f);
    return _mm256_or_ps(_mm256_andnot_ps(bit, x), _mm256_and_ps(bit, sign));
}
ALWAYS_INLINE vf vf_ldexp(vf x, vf n)
{
    __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
    __m256i rest = _mm256_sub_epi32(whole, half), bias = _mm256_set1_epi32(127);
    half = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
    rest = _mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23);
    return x * _mm256_castsi256_ps(half) * _mm256_castsi256_ps(rest);
}
ALWAYS_INLINE vf vf_exponent(vf x)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(x), 23));
}
ALWAYS_INLINE vf vf_split(vf *n, vf x)
{
    __m256i root = _mm256_set1_epi32(ROOT_HALF), fraction = _mm256_set1_epi32(FRACTION);
    __m256i bits = _mm256_sub_epi32(_mm256_castps_si256(x), root);
    *n = _mm256_cvtepi32_ps(_mm256_srai_epi32(bits, 23));
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_and_si256(bits, fraction), root));
}
ALWAYS_INLINE vm vf_lt(vf a, vf b)
{
    return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}
ALWAYS_INLINE vm vf_le(vf a, vf b)
{
    return _mm256_cmp_ps(a, b, _CMP_LE_OQ);
}
ALWAYS_INLINE vf vf_select(vm m, vf a, vf b)
{
    return _mm256_blendv_ps(b, a, m);
}
ALWAYS_INLINE bool vm_all(vm m)
{
    return _mm256_movemask_ps(m) == 0xff;
}
/* In pairs of numbers, in pairs of those, then in halves. */
ALWAYS_INLINE void vf_turn(vf r[LANES])
{
    vf s[LANES];
    for (int i = 0; i < LANES; i += 2) {
        s[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        s[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < LANES; i += 4)
        for (int j = 0; j < 2; j++) {
            const __m256d a = _mm256_castps_pd(s[i + j]), b = _mm256_castps_pd(s[i + j + 2]);
            r[i + 2 * j] = _mm256_castpd_ps(_mm256_unpacklo_pd(a, b));
            r[i + 2 * j + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(a, b));
        }
    for (int j = 0; j < 4; j++) {
        s[j] = _mm256_permute2f128_ps(r[j], r[4 + j], 0x20);
        s[4 + j] = _mm256_permute2f128_ps(r[j], r[4 + j], 0x31);
    }
    for (int j = 0; j < LANES; j++) r[j] = s[j];
}
#define vf_hold(x) __asm__("" : "+x"(x))
#endif

#ifdef SIMD_AVX512
typedef __m512 vf;
typedef __mmask16 vm;
enum { LANES = 16, PANEL = 64, TILE_SUMS = 25 };
#define TILE_WIDTHS(X) X(1) X(2) X(3) X(4) X(5) X(8)
ALWAYS_INLINE vf vf_set1(real x)
{
    return _mm512_set1_ps(x);
}
ALWAYS_INLINE vf vf_load(const real *p)
{
    return _mm512_loadu_ps(p);
}
ALWAYS_INLINE void vf_store(real *p, vf x)
{
    _mm512_storeu_ps(p, x);
}
ALWAYS_INLINE vf vf_load_n(const real *p, int64_t n)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}
ALWAYS_INLINE void vf_store_n(real *p, vf x, int64_t n)
{
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), x);
}
ALWAYS_INLINE vf vf_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}
ALWAYS_INLINE vf vf_min(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}
ALWAYS_INLINE vf vf_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}
ALWAYS_INLINE vf vf_abs(vf x)
{
    return _mm512_abs_ps(x);
}
ALWAYS_INLINE vf vf_sqrt(vf x)
{
    return _mm512_sqrt_ps(x);
}
ALWAYS_INLINE vf vf_round(vf x)
{
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
ALWAYS_INLINE vf vf_copysign(vf x, vf sign)
{
    __m512i bit = _mm512_set1_epi32(INT32_MIN);
    enum { BIT_CHOOSES = 0xca }; /* bit ? sign : x, bit by bit */
    return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(bit, _mm512_castps_si512(sign),
                                                         _mm512_castps_si512(x), BIT_CHOOSES));
}
ALWAYS_INLINE vf vf_ldexp(vf x, vf n)
{
    return _mm512_scalef_ps(x, n);
}
ALWAYS_INLINE vf vf_exponent(vf x)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(x), 23));
}
ALWAYS_INLINE vf vf_split(vf *n, vf x)
{
    __m512i root = _mm512_set1_epi32(ROOT_HALF), fraction = _mm512_set1_epi32(FRACTION);
    __m512i bits = _mm512_sub_epi32(_mm512_castps_si512(x), root);
    *n = _mm512_cvtepi32_ps(_mm512_srai_epi32(bits, 23));
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_and_si512(bits, fraction), root));
}
ALWAYS_INLINE vm vf_lt(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}
ALWAYS_INLINE vm vf_le(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ);
}
ALWAYS_INLINE vf vf_select(vm m, vf a, vf b)
{
    return _mm512_mask_blend_ps(m, b, a);
}
ALWAYS_INLINE bool vm_all(vm m)
{
    return m == 0xffff;
}
/* In pairs of numbers, in pairs of those, then in fours, as they come. */
ALWAYS_INLINE void vf_turn(vf r[LANES])
{
    vf s[LANES];
    for (int i = 0; i < LANES; i += 2) {
        s[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        s[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < LANES; i += 4)
        for (int j = 0; j < 2; j++) {
            const __m512d a = _mm512_castps_pd(s[i + j]), b = _mm512_castps_pd(s[i + j + 2]);
            r[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
            r[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
        }
    for (int i = 0; i < LANES; i += 8)
        for (int j = 0; j < 4; j++) {
            s[i + j] = _mm512_shuffle_f32x4(r[i + j], r[i + 4 + j], 0x88);
            s[i + 4 + j] = _mm512_shuffle_f32x4(r[i + j], r[i + 4 + j], 0xdd);
        }
    for (int j = 0; j < 8; j++) {
        r[j] = _mm512_shuffle_f32x4(s[j], s[8 + j], 0x88);
        r[8 + j] = _mm512_shuffle_f32x4(s[j], s[8 + j], 0xdd);
    }
}
#define vf_hold(x) __asm__("" : "+v"(x))
#endif

#ifdef SIMD_NEON
typedef float32x4_t vf;
typedef uint32x4_t vm;
enum { LANES = 4, PANEL = 16, TILE_SUMS = 25 };
#define TILE_WIDTHS(X) X(1) X(2) X(3) X(4) X(5) X(8)
ALWAYS_INLINE vf vf_set1(real x)
{
    return vdupq_n_f32(x);
}
ALWAYS_INLINE vf vf_load(const real *p)
{
    return vld1q_f32(p);
}
ALWAYS_INLINE void vf_store(real *p, vf x)
{
    vst1q_f32(p, x);
}
ALWAYS_INLINE vf vf_load_n(const real *p, int64_t n)
{
    real lanes[LANES] = { 0 };
    memcpy(lanes, p, (size_t)n * sizeof *p);
    return vf_load(lanes);
}
ALWAYS_INLINE void vf_store_n(real *p, vf x, int64_t n)
{
    real lanes[LANES];
    vf_store(lanes, x);
    memcpy(p, lanes, (size_t)n * sizeof *p);
}
ALWAYS_INLINE vf vf_fma(vf a, vf b, vf c)
{
    return vfmaq_f32(c, a, b);
}
ALWAYS_INLINE vf vf_min(vf a, vf b)
{
    return vminq_f32(a, b);
}
ALWAYS_INLINE vf vf_max(vf a, vf b)
{
    return vmaxq_f32(a, b);
}
ALWAYS_INLINE vf vf_abs(vf x)
{
    return vabsq_f32(x);
}
ALWAYS_INLINE vf vf_sqrt(vf x)
{
    return vsqrtq_f32(x);
}
ALWAYS_INLINE vf vf_round(vf x)
{
    return vrndnq_f32(x);
}
ALWAYS_INLINE vf vf_copysign(vf x, vf sign)
{
    return vbslq_f32(vdupq_n_u32(0x80000000u), sign, x);
}
ALWAYS_INLINE vf vf_ldexp(vf x, vf n)
{
    int32x4_t whole = vcvtq_s32_f32(n), half = vshrq_n_s32(whole, 1);
    int32x4_t rest = vsubq_s32(whole, half), bias = vdupq_n_s32(127);
    half = vshlq_n_s32(vaddq_s32(half, bias), 23);
    rest = vshlq_n_s32(vaddq_s32(rest, bias), 23);
    return x * vreinterpretq_f32_s32(half) * vreinterpretq_f32_s32(rest);
}
ALWAYS_INLINE vf vf_exponent(vf x)
{
    return vreinterpretq_f32_s32(vshlq_n_s32(vreinterpretq_s32_f32(x), 23));
}
ALWAYS_INLINE vf vf_split(vf *n, vf x)
{
    int32x4_t root = vdupq_n_s32(ROOT_HALF), fraction = vdupq_n_s32(FRACTION);
    int32x4_t bits = vsubq_s32(vreinterpretq_s32_f32(x), root);
    *n = vcvtq_f32_s32(vshrq_n_s32(bits, 23));
    return vreinterpretq_f32_s32(vaddq_s32(vandq_s32(bits, fraction), root));
}
ALWAYS_INLINE vm vf_lt(vf a, vf b)
{
    return vcltq_f32(a, b);
}
ALWAYS_INLINE vm vf_le(vf a, vf b)
{
    return vcleq_f32(a, b);
}
ALWAYS_INLINE vf vf_select(vm m, vf a, vf b)
{
    return vbslq_f32(m, a, b);
}
ALWAYS_INLINE bool vm_all(vm m)
{
    return vminvq_u32(m) != 0;
}
ALWAYS_INLINE void vf_turn(vf r[LANES])
{
    const float32x4x2_t low = vtrnq_f32(r[0], r[1]), high = vtrnq_f32(r[2], r[3]);
    for (int i = 0; i < 2; i++) {
        r[i] = vcombine_f32(vget_low_f32(low.val[i]), vget_low_f32(high.val[i]));
        r[2 + i] = vcombine_f32(vget_high_f32(low.val[i]), vget_high_f32(high.val[i]));
    }
}
#define vf_hold(x) __asm__("" : "+w"(x))
#endif

/* ---- the same for all ---- */
#define VF(x) vf_set1((real)(x))

/* Whole vectors and the tail alike: `left` is what remains of the array at p, and is not 0. */
ALWAYS_INLINE vf load(const real *p, int64_t left)
{
    return left >= LANES ? vf_load(p) : vf_load_n(p, left);
}
ALWAYS_INLINE void store(real *p, vf x, int64_t left)
{
    if (left >= LANES)
        vf_store(p, x);
    else
        vf_store_n(p, x, left);
}
#endif
