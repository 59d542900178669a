/* The same in double, where nothing is left to rounding. */
#include "scan_time_test.c"
