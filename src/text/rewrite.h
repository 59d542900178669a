/* rewrite - the functions of the steps, for the table that names them. */
#ifndef RONDO_TEXT_REWRITE_H
#define RONDO_TEXT_REWRITE_H
#include "text/parts.h"

typedef void rewrite_function(const step *, const aligned *in, const piece *, aligned *out);
typedef bool idle_function(const step *, const char *text, int64_t n);
typedef rondo_status cut_function(const step *, const char *text, cutter *);

/* rewrite.c */
rewrite_function rewrite_lowercase, rewrite_without, rewrite_without_set, rewrite_clean,
    rewrite_chinese, rewrite_nmt, rewrite_bytes, rewrite_strip, rewrite_prefix, rewrite_replace,
    rewrite_replace_regex;
idle_function idle_lowercase, idle_ascii, idle_replace;
/* Where text[at, n) has `what`, from the text's beginning; -1: nowhere. */
int64_t text_find(const char *text, int64_t n, int64_t at, const char *what, int64_t size);

/* forms.c: `number` says which of utf8proc's forms. */
rewrite_function rewrite_form;
idle_function idle_form;

/* cut.c */
cut_function cut_letters, cut_text, cut_regex, cut_words, cut_gpt2, cut_length;
#endif
