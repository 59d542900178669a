/* The same files with the double library: what remains is not rounding. */
#include "golden_test.c"
