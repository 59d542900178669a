/* ext - modules with dependencies of their own.  Each is there when CMake found what it needs. */
#ifndef RONDO_EXT_H
#define RONDO_EXT_H
#include "rondo.h"

void ext_register(void); /* all that were built */
extern const rondo_regex_engine ext_pcre2;
#endif
