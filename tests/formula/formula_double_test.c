/* The same in double precision. */
#include "formula/formula_test.c"
