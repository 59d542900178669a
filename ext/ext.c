/* The modules that were built. */
#include "ext/ext.h"

void ext_register(void)
{
#ifdef RONDO_WITH_PCRE2
    rondo_register_regex(&ext_pcre2);
#endif
}
