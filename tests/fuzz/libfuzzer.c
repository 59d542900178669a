/* One target for libFuzzer:  clang -fsanitize=fuzzer,address -DTARGET=model
 * tests/fuzz/libfuzzer.c … librondo_core.a */
#include "fuzz/targets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
#define NAME(target) #target
#define TEXT(target) NAME(target)
    for (int i = 0; i < FUZZ_TARGETS; i++)
        if (!strcmp(fuzz_targets[i].name, TEXT(TARGET))) return fuzz_targets[i].run(data, size);
    return -1;
}
