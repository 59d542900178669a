/* The same with the double library. */
#include "functions_test.c"
