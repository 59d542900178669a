/* The same, where a `real` is a double and nothing can be borrowed from a file. */
#include "formats_test.c"
