#include "insight/insight.h"
rondo_status rondo_diagnosis_page(const rondo_diagnosis *d, const char *title, const char *lang,
                                  char **html)
{
    (void)d, (void)title, (void)lang, (void)html;
    return RONDO_OK;
}
