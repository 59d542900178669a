/* The same in double precision. */
#include "linear_test.c"
