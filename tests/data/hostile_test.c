/* Every reader against files cut or spoilt at every byte, and memory that gives out at every
 * allocation. */
#include "data/files.h"

typedef struct specimen {
    const char *name, *spec;
    unsigned char bytes[4096];
    size_t n;
    bool knows_its_size; /* cut anywhere it is refused */
} specimen;

enum { SPECIMENS = 17, TEXTS = 11 };
static specimen specimens[SPECIMENS];

static void add(int i, const char *name, const char *spec_text, const void *bytes, size_t n)
{
    specimens[i] = (specimen){
        .name = name, .spec = spec_text, .n = n, .knows_its_size = i >= 4 && i < TEXTS
    };
    assert_true(n <= sizeof specimens[i].bytes);
    memcpy(specimens[i].bytes, bytes, n);
}

static void add_text(int i, const char *name, const char *spec_text, const char *text)
{
    add(i, name, spec_text, text, strlen(text));
}

static void add_file(int i, const char *name, const char *spec_text, const char *path)
{
    static unsigned char bytes[4096];
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    const size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    add(i, name, spec_text, bytes, n);
}

static int begin(void **state)
{
    static const char csv[] = "id,x,y,c\n\"a\",1,2,up\na,3,4,down\nb,5,6,\"u\"\"p\"\nb,7,8.5,up\n";
    static const char rolls[] = "[[0,87],[],[12]]\n[[3],[4]]\n";
    static const char reviews[] = "stars,review\n2,\"so \"\"so\"\"\n really\"\n5,fine\n";
    static const char objects[] =
        "{\"text\": \"one\", \"label\": 1}\n{\"label\": 0, \"text\": \"\\u4e2d\"}\n";
    static const char ts[] = "@dimensions 2\n@classLabel true a b\n@data\n1,2:3,4:a\n5:6:b\n";
    static const unsigned char idx[] = { 0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2,
                                         0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8 };
    static const float x[4] = { 1, 2, 3, 4 };
    static const int64_t y[2] = { 3, 4 };
    static zip z;
    unsigned char npy[512];
    if (files_begin(state)) return -1;
    add(0, "a.csv", "target=c", csv, sizeof csv - 1);
    add(1, "b.csv", "target=y sequence=id per_step features=x", csv, sizeof csv - 1);
    add(2, "c.csv", "target=y window=1 features=x,y missing=NA", csv, sizeof csv - 1);
    add(3, "d.ts", "", ts, sizeof ts - 1);
    add(4, "e.idx", "no_target", idx, sizeof idx);
    add_file(5, "f.idx.gz", "no_target", put_gzip("t.gz", idx, sizeof idx));
    size_t n = make_npy(npy, "<f4", "(2, 2)", x, sizeof x);
    add(6, "g.npy", "no_target", npy, n);
    zip_add(&z, "x.npy", npy, n, true);
    n = make_npy(npy, "<i8", "(2,)", y, sizeof y);
    zip_add(&z, "y.npy", npy, n, false);
    add(7, "h.npz", "", z.bytes, zip_end(&z));
    add_file(8, "i.csv.gz", "target=c", put_gzip("t.gz", csv, sizeof csv - 1));
    add(9, "j.idx", "no_target pixels permute=3", idx, sizeof idx);
    add_file(10, "k.jsonl.gz", "", put_gzip("t.gz", rolls, sizeof rolls - 1));
    add_text(TEXTS, "l.txt", "format=text label=first", "good A caf\xC3\xA9 .\n\nbad Dull\n");
    add_text(12, "m.txt", "format=text encoding=cp1252 sample_by=paragraph",
             "caf\xE9 \x93is\x94\n\nb");
    add_text(13, "n.csv", "text=review target=stars", reviews);
    add_text(14, "o.jsonl", "target=label", objects);
    add_text(16, "q.conllu", "target=upos",
             "# a\n1-2\tab\t_\t_\t_\t_\t_\t_\t_\t_\n1\ta\ta\tDET\tx\t_\t0\troot\t_\t_\n2\tb "
             "c\tb\tADJ\tx\t_\t1\tdep\t_\t_\n\n1\tc\tc\tDET\tx\t_\t0\troot\t_\t_\n");
    add_text(15, "p.json", "text=lines", "[{\"lines\": [\"a\", \"b\"]}, {\"lines\": \"c\"}]");
    return 0;
}

/* Opens and reads all; whatever happens is a status with a sentence. */
static rondo_status use(const char *path, const char *spec_text)
{
    rondo_dataset *d;
    batch b = { 0 };
    rondo_status s = rondo_dataset_open(&d, path, spec_text);
    if (s) {
        assert_null(d);
        return s;
    }
    const bool raw = dataset_is_raw_text(d);
    for (int64_t i = 0; raw && !s && i < d->count; i++) {
        const char *text;
        size_t n;
        s = d->text(d, NULL, i, &text, &n);
        assert_true(utf8_valid(text, n) == n && !memchr(text, 0, n));
    }
    for (int64_t i = 0; !s && i < d->count && i < 100; i++) {
        const int64_t items[] = { i, d->count - 1 };
        s = batch_gather(&b, d, items, 2, NULL, NULL);
    }
    scaler scale;
    if (!s && !raw) s = scaler_fit(&scale, "standard", d, false, 0);
    if (!s && !raw) scaler_free(&scale);
    batch_free(&b);
    rondo_dataset_free(d);
    return s;
}

static void check_failure(const specimen *p, rondo_status s)
{
    if (!s) return;
    if (s == RONDO_E_NOMEM) print_error("%s: %s\n", p->name, rondo_error());
    assert_true(s == RONDO_E_FORMAT || s == RONDO_E_IO || s == RONDO_E_LIMIT ||
                s == RONDO_E_SHAPE || s == RONDO_E_NAME || s == RONDO_E_ARG);
    assert_true(strlen(rondo_error()) > 10);
}

static void cut_at_every_byte(void **state)
{
    (void)state;
    for (int k = 0; k < SPECIMENS; k++) {
        const specimen *p = &specimens[k];
        assert_int_equal(use(put(p->name, p->bytes, p->n), p->spec), RONDO_OK);
        for (size_t n = 0; n < p->n; n++) {
            const rondo_status s = use(put(p->name, p->bytes, n), p->spec);
            check_failure(p, s);
            if (p->knows_its_size) assert_int_not_equal(s, RONDO_OK);
        }
    }
}

static void spoilt_at_every_byte(void **state)
{
    (void)state;
    static const unsigned char masks[] = { 0x01, 0x80, 0xff };
    for (int k = 0; k < SPECIMENS; k++)
        for (size_t i = 0; i < specimens[k].n; i++)
            for (size_t m = 0; m < sizeof masks; m++) {
                specimen *p = &specimens[k];
                p->bytes[i] ^= masks[m];
                check_failure(p, use(put(p->name, p->bytes, p->n), p->spec));
                p->bytes[i] ^= masks[m];
            }
}

/* ---- Memory that gives out ---- */
static int64_t left;
static void *(*real_hook)(void *, size_t);
static void *fail_at_last(void *p, size_t n)
{
    if (n && left-- == 0) return NULL;
    return real_hook(p, n);
}

static void sweep(const char *path, const char *spec_text)
{
    real_hook = alloc_hook;
    for (int64_t after = 0;; after++) {
        left = after;
        alloc_hook = fail_at_last;
        const rondo_status s = use(path, spec_text);
        const bool reached = left < 0;
        alloc_hook = real_hook;
        if (!reached) {
            assert_int_equal(s, RONDO_OK);
            assert_true(after > 3);
            return;
        }
        if (s != RONDO_E_NOMEM)
            print_error("%s, allocation %lld: %s\n", path, (long long)after, rondo_error());
        assert_int_equal(s, RONDO_E_NOMEM);
    }
}

static void no_memory_at_every_allocation(void **state)
{
    (void)state;
    rondo_tables();
    use("task:parity?count=2", ""); /* what is made once in a process stays out of the sweep */
    for (int k = 0; k < SPECIMENS; k++)
        sweep(put(specimens[k].name, specimens[k].bytes, specimens[k].n), specimens[k].spec);
    sweep("task:parity?count=20&min_length=3", "");
    sweep("task:digits?count=4", "size=9");
}

static void no_memory_for_views(void **state)
{
    (void)state;
    rondo_dataset *d = must_open("task:sine?count=5", "");
    real_hook = alloc_hook;
    for (int64_t after = 0; after < 3; after++) {
        rondo_dataset *part;
        left = after;
        alloc_hook = fail_at_last;
        const rondo_status s = dataset_subset(&part, d, (int64_t[]){ 1, 2 }, 2);
        alloc_hook = real_hook;
        assert_int_equal(s, after < 2 ? RONDO_E_NOMEM : RONDO_OK);
        rondo_dataset_free(part);
    }
    rondo_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_at_every_byte),
        cmocka_unit_test(spoilt_at_every_byte),
        cmocka_unit_test(no_memory_at_every_allocation),
        cmocka_unit_test(no_memory_for_views),
    };
    return cmocka_run_group_tests(tests, begin, files_end);
}
