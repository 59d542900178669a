/* Text to tree.  Loosest first: comparison, sum, product, sign, power; as in mathematics -x^2 is
 * -(x^2), and powers group to the right.  What is wrong is said with a caret under the place. */
#include "formula.h"
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

typedef struct parser {
    const char *text;
    size_t at, end; /* the expression ends before `with` */
    tree *t;
    formula_names *names;
    bool used[RONDO_MAX_PARAMETERS];
    int depth;
} parser;

static const struct function {
    const char *name;
    int op, operands;
} functions[] = {
    { "exp", PROGRAM_EXP, 1 },           { "log", PROGRAM_LOG, 1 },
    { "log1p", PROGRAM_LOG1P, 1 },       { "expm1", PROGRAM_EXPM1, 1 },
    { "tanh", PROGRAM_TANH, 1 },         { "sigmoid", PROGRAM_SIGMOID, 1 },
    { "erf", PROGRAM_ERF, 1 },           { "normal", PROGRAM_NORMAL, 1 },
    { "sin", PROGRAM_SIN, 1 },           { "cos", PROGRAM_COS, 1 },
    { "atan", PROGRAM_ATAN, 1 },         { "abs", PROGRAM_ABS, 1 },
    { "sign", PROGRAM_SIGN, 1 },         { "sqrt", PROGRAM_SQRT, 1 },
    { "softplus", PROGRAM_SOFTPLUS, 1 }, { "min", PROGRAM_MIN, 2 },
    { "max", PROGRAM_MAX, 2 },           { "where", PROGRAM_WHERE, 3 },
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };
static const char *const others[] = { "x", "e", "pi", "with", "shared" };
enum { OTHERS = sizeof others / sizeof *others };

static const struct function *find_function(const char *name)
{
    for (int i = 0; i < FUNCTIONS; i++)
        if (!strcmp(functions[i].name, name)) return &functions[i];
    return NULL;
}

bool formula_has_function(const char *name)
{
    return find_function(name) != NULL;
}

const char *op_text(int op)
{
    for (int i = 0; i < FUNCTIONS; i++)
        if (functions[i].op == op) return functions[i].name;
    return NULL;
}

/* ---- Failures ---- */

/* The sentence, then the text around the place, and a caret under it. */
static rondo_status fail_at(const parser *p, size_t at, rondo_status code, const char *format, ...)
{
    enum { WIDTH = 72, BEFORE = 48 };
    char sentence[LIMIT_NAME], shown[WIDTH + 1];
    const size_t length = strlen(p->text), first = at > BEFORE && length > WIDTH ? at - BEFORE : 0;
    size_t n = 0;
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    for (; n < WIDTH && p->text[first + n]; n++) {
        const unsigned char c = (unsigned char)p->text[first + n];
        shown[n] = c >= ' ' && c < 127 ? (char)c : '?';
    }
    shown[n] = 0;
    return rondo_fail(code, "formula: %s\n  %s\n  %*s^", sentence, shown, (int)(at - first), "");
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t word_length(const char *text)
{
    size_t n = 0;
    if (is_letter(*text))
        while (is_letter(text[n]) || is_digit(text[n])) n++;
    return n;
}

/* The first word of the text that is the given one, or its end. */
static size_t find_word(const char *text, const char *wanted)
{
    size_t at = 0;
    while (text[at]) {
        const size_t n = word_length(text + at);
        if (n && n == strlen(wanted) && !strncmp(text + at, wanted, n)) return at;
        if (n)
            at += n;
        else if (is_digit(text[at])) /* 1e5 has no word e5 */
            while (is_digit(text[at]) || is_letter(text[at]) || text[at] == '.') at++;
        else
            at++;
    }
    return at;
}

bool formula_mentions_x(const char *text)
{
    return text[find_word(text, "x")] != 0;
}

static char peek(parser *p)
{
    while (p->at < p->end && isspace((unsigned char)p->text[p->at])) p->at++;
    return p->at < p->end ? p->text[p->at] : 0;
}

static bool take(parser *p, const char *token)
{
    peek(p);
    const size_t n = strlen(token);
    if (p->end - p->at < n || strncmp(p->text + p->at, token, n) != 0) return false;
    p->at += n;
    return true;
}

static rondo_status unexpected(parser *p, const char *wanted)
{
    const char c = peek(p);
    if (!c) return fail_at(p, p->at, RONDO_E_ARG, "it ends where %s is expected", wanted);
    if ((unsigned char)c >= 127 || (unsigned char)c < ' ')
        return fail_at(p, p->at, RONDO_E_ARG,
                       "only ASCII characters may stand in it: names, numbers and + - * / ^ ( ) , "
                       "< > = !");
    return fail_at(p, p->at, RONDO_E_ARG, "\"%c\" stands where %s is expected", c, wanted);
}

/* A node made of others, unless there are too many. */
static rondo_status built(const parser *p, int *out, int node)
{
    *out = node;
    if (node >= 0) return RONDO_OK;
    return fail_at(p, p->at, RONDO_E_LIMIT, "it has more than %d different parts",
                   LIMIT_FORMULA_NODES);
}

/* ---- Numbers and names ---- */
static rondo_status read_number(parser *p, double *value)
{
    const size_t begin = p->at;
    char digits[LIMIT_WORD];
    size_t at = begin;
    while (is_digit(p->text[at]) || p->text[at] == '.') at++;
    if (p->text[at] == 'e' || p->text[at] == 'E') {
        const size_t sign = p->text[at + 1] == '+' || p->text[at + 1] == '-';
        if (is_digit(p->text[at + 1 + sign]))
            for (at += 1 + sign; is_digit(p->text[at]);) at++;
    }
    char *stop = digits;
    const size_t n = at - begin;
    if (n < sizeof digits) {
        snprintf(digits, sizeof digits, "%.*s", (int)n, p->text + begin);
        *value = strtod(digits, &stop);
    }
    if (n >= sizeof digits || stop != digits + n)
        return fail_at(p, begin, RONDO_E_ARG, "this is not a number");
    if (!isfinite(*value)) return fail_at(p, begin, RONDO_E_ARG, "this number is too large");
    p->at = at;
    if (is_letter(p->text[at]) && at < p->end)
        return fail_at(p, at, RONDO_E_ARG, "a * is missing between the number and the name");
    return RONDO_OK;
}

static rondo_status read_word(parser *p, char word[LIMIT_WORD])
{
    const size_t n = word_length(p->text + p->at);
    if (n >= LIMIT_WORD)
        return fail_at(p, p->at, RONDO_E_LIMIT, "this name is longer than %d bytes",
                       LIMIT_WORD - 1);
    memcpy(word, p->text + p->at, n);
    word[n] = 0;
    p->at += n;
    return RONDO_OK;
}

static int find_parameter(const formula_names *names, const char *word)
{
    for (int i = 0; i < names->n; i++)
        if (!strcmp(names->list[i].name, word)) return i;
    return -1;
}

static rondo_status unknown(const parser *p, size_t at, const char *word, bool called)
{
    const char *known[FUNCTIONS + OTHERS + RONDO_MAX_PARAMETERS];
    int n = 0;
    for (int i = 0; i < FUNCTIONS; i++) known[n++] = functions[i].name;
    for (int i = 0; i < p->names->n && !called; i++) known[n++] = p->names->list[i].name;
    const char *near = name_nearest(word, n, known);
    if (near)
        return fail_at(p, at, RONDO_E_NAME, "unknown name \"%s\"; did you mean \"%s\"?", word,
                       near);
    if (called)
        return fail_at(p, at, RONDO_E_NAME,
                       "unknown function \"%s\"; there are exp log log1p expm1 tanh sigmoid erf "
                       "normal sin cos atan abs sign sqrt softplus min max where",
                       word);
    return fail_at(p, at, RONDO_E_NAME,
                   "unknown name \"%s\"; a learned parameter is declared at the end: \"… with "
                   "%s=1\"",
                   word, word);
}

/* ---- The expression ---- */
static rondo_status comparison(parser *p, int *out);

static rondo_status call_function(parser *p, int *out, const char *word, size_t begin)
{
    const struct function *f = find_function(word);
    int in[3] = { -1, -1, -1 }, n = 0;
    if (!f) return unknown(p, begin, word, true);
    do {
        if (n == f->operands)
            return fail_at(p, p->at - 1, RONDO_E_ARG, "%s takes %d operand%s", word, f->operands,
                           f->operands == 1 ? "" : "s");
        RONDO_TRY(comparison(p, &in[n++]));
    } while (take(p, ","));
    if (n < f->operands && peek(p) == ')')
        return fail_at(p, p->at, RONDO_E_ARG, "%s takes %d operands, and has %d", word, f->operands,
                       n);
    if (!take(p, ")")) return unexpected(p, "\")\"");
    return built(p, out, make(p->t, f->op, in[0], in[1], in[2]));
}

static rondo_status name(parser *p, int *out)
{
    const size_t begin = p->at;
    char word[LIMIT_WORD];
    RONDO_TRY(read_word(p, word));
    if (take(p, "(")) return call_function(p, out, word, begin);
    const int i = find_parameter(p->names, word);
    if (i >= 0) {
        const formula_parameter *known = &p->names->list[i];
        p->used[i] = true;
        return built(p, out,
                     known->symbolic ? tree_node(p->t, NODE_PARAMETER, i, -1, -1, 0)
                                     : tree_constant(p->t, known->value));
    }
    if (!strcmp(word, "x")) return built(p, out, tree_node(p->t, NODE_X, -1, -1, -1, 0));
    if (!strcmp(word, "e")) return built(p, out, tree_constant(p->t, EULER));
    if (!strcmp(word, "pi")) return built(p, out, tree_constant(p->t, PI));
    if (find_function(word))
        return fail_at(p, p->at, RONDO_E_ARG, "%s is a function: \"(\" is expected after it", word);
    return unknown(p, begin, word, false);
}

static rondo_status primary(parser *p, int *out)
{
    double value;
    const char c = peek(p);
    if (is_digit(c) || c == '.') {
        RONDO_TRY(read_number(p, &value));
        return built(p, out, tree_constant(p->t, value));
    }
    if (is_letter(c)) return name(p, out);
    if (!take(p, "(")) return unexpected(p, "a number, a name or \"(\"");
    RONDO_TRY(comparison(p, out));
    return take(p, ")") ? RONDO_OK : unexpected(p, "an operator or \")\"");
}

static rondo_status sign(parser *p, int *out)
{
    rondo_status status;
    int exponent;
    if (++p->depth > LIMIT_DEPTH)
        return fail_at(p, p->at, RONDO_E_LIMIT, "it is nested deeper than %d times", LIMIT_DEPTH);
    if (take(p, "-")) {
        status = sign(p, out);
        if (!status) status = built(p, out, make1(p->t, PROGRAM_NEG, *out));
    } else if (take(p, "+")) {
        status = sign(p, out);
    } else {
        status = primary(p, out);
        if (!status && (take(p, "**") || take(p, "^"))) {
            status = sign(p, &exponent);
            if (!status) status = built(p, out, make2(p->t, PROGRAM_POW, *out, exponent));
        }
    }
    p->depth--;
    return status;
}

static rondo_status product(parser *p, int *out)
{
    int right;
    RONDO_TRY(sign(p, out));
    for (;;) {
        const bool times = take(p, "*");
        if (!times && !take(p, "/")) return RONDO_OK;
        RONDO_TRY(sign(p, &right));
        RONDO_TRY(built(p, out, make2(p->t, times ? PROGRAM_MUL : PROGRAM_DIV, *out, right)));
    }
}

static rondo_status sum(parser *p, int *out)
{
    int right;
    RONDO_TRY(product(p, out));
    for (;;) {
        const bool plus = take(p, "+");
        if (!plus && !take(p, "-")) return RONDO_OK;
        RONDO_TRY(product(p, &right));
        RONDO_TRY(built(p, out, make2(p->t, plus ? PROGRAM_ADD : PROGRAM_SUB, *out, right)));
    }
}

static rondo_status comparison(parser *p, int *out)
{
    static const struct {
        const char *text;
        int op;
        bool swapped, negated;
    } kinds[] = {
        { "<=", PROGRAM_LESS_EQUAL, false, false }, { "<", PROGRAM_LESS, false, false },
        { ">=", PROGRAM_LESS_EQUAL, true, false },  { ">", PROGRAM_LESS, true, false },
        { "==", PROGRAM_EQUAL, false, false },      { "!=", PROGRAM_EQUAL, false, true }
    };
    int right, result;
    RONDO_TRY(sum(p, out));
    for (int i = 0; i < 6; i++) {
        if (!take(p, kinds[i].text)) continue;
        RONDO_TRY(sum(p, &right));
        result = kinds[i].swapped ? make2(p->t, kinds[i].op, right, *out)
                                  : make2(p->t, kinds[i].op, *out, right);
        if (kinds[i].negated) result = make2(p->t, PROGRAM_SUB, tree_constant(p->t, 1), result);
        return built(p, out, result);
    }
    if (peek(p) == '=')
        return fail_at(
            p, p->at, RONDO_E_ARG,
            "\"=\" belongs after \"with\", as in \"a*x with a=1\"; to compare, write ==");
    return RONDO_OK;
}

/* ---- "with a=1, b=0.5 shared" ---- */
static rondo_status declare(parser *p)
{
    const size_t begin = p->at;
    formula_parameter *fresh = &p->names->list[p->names->n];
    char word[LIMIT_WORD];
    RONDO_TRY(read_word(p, word));
    if (find_function(word)) return fail_at(p, begin, RONDO_E_NAME, "%s is a function", word);
    for (int i = 0; i < OTHERS; i++)
        if (!strcmp(others[i], word))
            return fail_at(p, begin, RONDO_E_NAME, "\"%s\" has a meaning of its own", word);
    if (find_parameter(p->names, word) >= 0)
        return fail_at(p, begin, RONDO_E_NAME, "\"%s\" is there already", word);
    if (p->names->n == RONDO_MAX_PARAMETERS)
        return fail_at(p, begin, RONDO_E_LIMIT, "it has more than %d parameters",
                       RONDO_MAX_PARAMETERS);
    *fresh = (formula_parameter){ .symbolic = true };
    memcpy(fresh->name, word, sizeof word);
    if (!take(p, "=")) return unexpected(p, "\"=\" and a number to begin with");
    const bool minus = take(p, "-");
    const char c = peek(p);
    if (!is_digit(c) && c != '.') return unexpected(p, "a number to begin with");
    RONDO_TRY(read_number(p, &fresh->value));
    if (minus) fresh->value = -fresh->value;
    p->names->n++;
    return RONDO_OK;
}

static rondo_status declarations(parser *p, size_t with)
{
    p->at = with + strlen("with");
    p->end = strlen(p->text);
    if (!is_letter(peek(p))) return unexpected(p, "a name, as in \"with a=1\"");
    while (is_letter(peek(p))) {
        const size_t n = word_length(p->text + p->at);
        if (n == 6 && !strncmp(p->text + p->at, "shared", n)) {
            p->names->shared = true;
            p->at += n;
            break;
        }
        RONDO_TRY(declare(p));
        take(p, ",");
    }
    return peek(p) ? unexpected(p, "the end, or one more name") : RONDO_OK;
}

rondo_status formula_parse(tree *t, int *root, const char *text, formula_names *names)
{
    const size_t length = strlen(text), with = find_word(text, "with");
    const int given = names->n;
    parser p = { .text = text, .t = t, .names = names };
    if (length > LIMIT_FORMULA)
        return rondo_fail(RONDO_E_LIMIT, "a formula is %zu bytes long, at most %d are possible",
                          length, LIMIT_FORMULA);
    if (with < length && given)
        return fail_at(&p, with, RONDO_E_ARG, "the row that it belongs to declares its parameters");
    if (with < length) RONDO_TRY(declarations(&p, with));
    p.at = 0;
    p.end = with;
    RONDO_TRY(comparison(&p, root));
    if (peek(&p)) return unexpected(&p, "an operator");
    for (int i = given; i < names->n; i++)
        if (!p.used[i])
            return fail_at(&p, with + find_word(text + with, names->list[i].name), RONDO_E_NAME,
                           "\"%s\" is declared, and does not stand in the formula",
                           names->list[i].name);
    return RONDO_OK;
}
