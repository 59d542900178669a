/* The same in double precision. */
#include "adapt_test.c"
