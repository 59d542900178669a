/* narrow - the vector vocabulary of weights kept in bf16 and int8, spelled for each ISA.
 *
 * Words of bf16: one uint32 holds two weights, that of one vector in its low half and that of the
 * next vector in its high half, so that a shift and a mask widen them.
 *
 * Bytes: vw is a vector of LANES int32; four bytes of weights stand beside each other for each
 * lane.  vw_dot adds Σ u[i] w[i] of four unsigned numbers of 7 bits, the same for all lanes, and
 * the lanes' four signed weights: products of 7 bits never saturate 16, so all ISAs agree. */
#ifndef RONDO_NARROW_H
#define RONDO_NARROW_H

#ifdef SIMD_SCALAR
typedef int32_t vw;
ALWAYS_INLINE vw vw_zero(void)
{
    return 0;
}
ALWAYS_INLINE vf word_half(uint32_t half)
{
    float x;
    memcpy(&x, &half, sizeof x);
    return (vf)x;
}
ALWAYS_INLINE void vf_load_words(vf *low, vf *high, const uint32_t *p)
{
    *low = word_half(*p << 16);
    *high = word_half(*p & 0xffff0000u);
}
ALWAYS_INLINE vw vw_dot(vw sum, uint32_t u, const int8_t *w, bool vnni)
{
    (void)vnni;
    for (int i = 0; i < 4; i++) sum += (int32_t)(u >> 8 * i & 0xff) * w[i];
    return sum;
}
ALWAYS_INLINE vf vf_from_int(vw x)
{
    return (vf)x;
}
ALWAYS_INLINE vw vw_load(const int32_t *p)
{
    return *p;
}
/* x rounded, as two numbers of 7 bits; 0 ≤ x < 2^14. */
ALWAYS_INLINE void store_pieces(uint8_t *high, uint8_t *low, vf x)
{
    const int32_t whole = (int32_t)LIBM(rint)(x);
    *high = (uint8_t)(whole >> 7);
    *low = (uint8_t)(whole & 127);
}
#endif

#if defined SIMD_AVX2 || defined SIMD_AVX512
/* Pairs of products in 16 bits, pairs of those in 32. */
ALWAYS_INLINE __m256i dot_pairs(__m256i sum, uint32_t u, __m256i w)
{
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi32((int32_t)u), w);
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
#endif

#ifdef SIMD_AVX2
typedef __m256i vw;
ALWAYS_INLINE vw vw_zero(void)
{
    return _mm256_setzero_si256();
}
ALWAYS_INLINE void vf_load_words(vf *low, vf *high, const uint32_t *p)
{
    const __m256i words = _mm256_loadu_si256((const __m256i *)(const void *)p);
    *low = _mm256_castsi256_ps(_mm256_slli_epi32(words, 16));
    *high = _mm256_castsi256_ps(_mm256_and_si256(words, _mm256_set1_epi32(-65536)));
}
ALWAYS_INLINE vw vw_dot(vw sum, uint32_t u, const int8_t *w, bool vnni)
{
    (void)vnni;
    return dot_pairs(sum, u, _mm256_loadu_si256((const __m256i *)(const void *)w));
}
ALWAYS_INLINE vf vf_from_int(vw x)
{
    return _mm256_cvtepi32_ps(x);
}
ALWAYS_INLINE vw vw_load(const int32_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}
ALWAYS_INLINE void store_pieces(uint8_t *high, uint8_t *low, vf x)
{
    const __m256i whole = _mm256_cvtps_epi32(x);
    const __m256i pieces = _mm256_or_si256(_mm256_slli_epi32(_mm256_srli_epi32(whole, 7), 16),
                                           _mm256_and_si256(whole, _mm256_set1_epi32(127)));
    int32_t lanes[LANES];
    _mm256_storeu_si256((__m256i *)(void *)lanes, pieces);
    for (int i = 0; i < LANES; i++) {
        high[i] = (uint8_t)(lanes[i] >> 16);
        low[i] = (uint8_t)(lanes[i] & 127);
    }
}
#endif

#ifdef SIMD_AVX512
typedef __m512i vw;
ALWAYS_INLINE vw vw_zero(void)
{
    return _mm512_setzero_si512();
}
ALWAYS_INLINE void vf_load_words(vf *low, vf *high, const uint32_t *p)
{
    __m512i words = _mm512_loadu_si512(p);
    __asm__("" : "+v"(words)); /* or gcc loads it twice */
    *low = _mm512_castsi512_ps(_mm512_slli_epi32(words, 16));
    *high = _mm512_castsi512_ps(_mm512_and_si512(words, _mm512_set1_epi32(-65536)));
}
/* The instruction is spelled out because the rest of the table runs without it. */
ALWAYS_INLINE vw vw_dot(vw sum, uint32_t u, const int8_t *w, bool vnni)
{
    const __m512i weights = _mm512_loadu_si512(w);
    if (vnni) {
        __asm__("vpdpbusd %2, %1, %0"
                : "+v"(sum)
                : "v"(_mm512_set1_epi32((int32_t)u)), "v"(weights));
        return sum;
    }
    const __m256i low = dot_pairs(_mm512_castsi512_si256(sum), u, _mm512_castsi512_si256(weights));
    const __m256i high = dot_pairs(_mm512_extracti64x4_epi64(sum, 1), u,
                                   _mm512_extracti64x4_epi64(weights, 1));
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}
ALWAYS_INLINE vf vf_from_int(vw x)
{
    return _mm512_cvtepi32_ps(x);
}
ALWAYS_INLINE vw vw_load(const int32_t *p)
{
    return _mm512_loadu_si512(p);
}
ALWAYS_INLINE void store_pieces(uint8_t *high, uint8_t *low, vf x)
{
    const __m512i whole = _mm512_cvtps_epi32(x);
    _mm_storeu_si128((__m128i *)(void *)high, _mm512_cvtepi32_epi8(_mm512_srli_epi32(whole, 7)));
    _mm_storeu_si128((__m128i *)(void *)low,
                     _mm512_cvtepi32_epi8(_mm512_and_si512(whole, _mm512_set1_epi32(127))));
}
#endif

#ifdef SIMD_NEON
typedef int32x4_t vw;
ALWAYS_INLINE vw vw_zero(void)
{
    return vdupq_n_s32(0);
}
ALWAYS_INLINE void vf_load_words(vf *low, vf *high, const uint32_t *p)
{
    const uint32x4_t words = vld1q_u32(p);
    *low = vreinterpretq_f32_u32(vshlq_n_u32(words, 16));
    *high = vreinterpretq_f32_u32(vandq_u32(words, vdupq_n_u32(0xffff0000u)));
}
ALWAYS_INLINE vw vw_dot(vw sum, uint32_t u, const int8_t *w, bool vnni)
{
    const int8x16_t numbers = vreinterpretq_s8_u32(vdupq_n_u32(u)), weights = vld1q_s8(w);
    const int16x8_t first = vmull_s8(vget_low_s8(numbers), vget_low_s8(weights));
    const int16x8_t second = vmull_s8(vget_high_s8(numbers), vget_high_s8(weights));
    (void)vnni;
    return vaddq_s32(sum, vpaddq_s32(vpaddlq_s16(first), vpaddlq_s16(second)));
}
ALWAYS_INLINE vf vf_from_int(vw x)
{
    return vcvtq_f32_s32(x);
}
ALWAYS_INLINE vw vw_load(const int32_t *p)
{
    return vld1q_s32(p);
}
ALWAYS_INLINE void store_pieces(uint8_t *high, uint8_t *low, vf x)
{
    int32_t lanes[LANES];
    vst1q_s32(lanes, vcvtnq_s32_f32(x));
    for (int i = 0; i < LANES; i++) {
        high[i] = (uint8_t)(lanes[i] >> 7);
        low[i] = (uint8_t)(lanes[i] & 127);
    }
}
#endif
#endif
