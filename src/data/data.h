/* data - where samples come from (one reader per file) and how they become batches. */
#ifndef RONDO_DATA_H
#define RONDO_DATA_H
#include "base/base.h"

enum { MAX_FIELDS = 8 };

/* What a field of a sample is, per example, in the public convention: F32 {T,F} or {F}; I32 {T}
 * tokens or labels per step, {} one label.  T of 0: differs from sample to sample. */
typedef struct field_shape {
    rondo_type type;
    rondo_shape shape;
} field_shape;
static inline bool field_is_sequence(const field_shape *f)
{
    return f->type == RONDO_F32 ? f->shape.rank == 2 : f->shape.rank == 1;
}
static inline int64_t field_features(const field_shape *f)
{
    return f->type == RONDO_F32 ? f->shape.dim[f->shape.rank - 1] : 1;
}

typedef struct field { /* borrowed, contiguous [steps][features] */
    const real *data;
    const int32_t *tokens;
    int64_t steps; /* 1 unless a sequence */
} field;
typedef struct sample {
    field input[MAX_FIELDS], target[MAX_FIELDS];
    float weight;
} sample;

typedef struct cursor { /* memory for readers that convert on the way; one per user */
    void *memory;
    size_t size;
} cursor;
rondo_status cursor_reserve(cursor *, size_t bytes); /* grows memory */
void cursor_free(cursor *);

/* What samples can be told apart by, where the request asked for it. */
typedef struct group_column {
    char *name;
    char **values; /* [n] */
    int n;
    int32_t *of; /* [count] the number of each sample's value */
} group_column;

struct rondo_dataset {
    int64_t count;
    int n_inputs, n_targets; /* no targets: data to predict */
    field_shape input[MAX_FIELDS], target[MAX_FIELDS];
    bool weighted;
    /* Its samples are streams that run beside each other: an epoch goes through all of them at once,
     * a window of steps at a time, with carried states. get borrows, whatever the length. */
    bool streams;
    int64_t text_bytes; /* of the text that the targets of all samples are; 0: they are none */
    /* Steps of sample i's first sequence (input first, then target); 1 when it has none. Cheap. */
    int64_t (*length)(const rondo_dataset *, int64_t i);
    /* Valid until the cursor's next get. Threads with a cursor each may get at a time. */
    rondo_status (*get)(const rondo_dataset *, cursor *, int64_t i, sample *);
    /* The document that sample i is: n bytes of UTF-8, no zero behind them; valid as get's sample is.
     * NULL: samples are no text. Raw text has no inputs until a tokenizer makes tokens of it. */
    rondo_status (*text)(const rondo_dataset *, cursor *, int64_t i, const char **text, size_t *n);
    void (*close)(rondo_dataset *);
    char **classes; /* names of labels, or NULL */
    int n_classes;
    char **features; /* names of the first input's features, or NULL */
    int n_features;
    char **targets; /* names of target columns, or NULL */
    int n_target_names;
    group_column *groups; /* [n_groups] */
    int n_groups;
    uint64_t
        digest; /* of the content (first 8 bytes of its SHA-256), for manifests and resume; 0: not known */
    void *self; /* the reader's */
};
static inline bool dataset_is_raw_text(const rondo_dataset *d)
{
    return d->text && d->n_inputs == 0;
}
int64_t dataset_longest(const rondo_dataset *);
rondo_status dataset_new(rondo_dataset **, int64_t count); /* zeroed, for readers to fill */
/* A view: some samples of another dataset (split for validation). Borrows it; copies the items. */
rondo_status dataset_subset(rondo_dataset **, const rondo_dataset *of, const int64_t *items,
                            int64_t n);
/* A view of streams as samples like others, for those who look at some: of so many steps each, but the
 * last of a stream. Borrows it. */
rondo_status dataset_windows(rondo_dataset **, const rondo_dataset *streams, int64_t steps);
/* *d becomes such a view, which owns what it was. It stays as it is when it fails. */
rondo_status dataset_part(rondo_dataset **d, const int64_t *items, int64_t n);

/* *d becomes a view, which owns what it was, of samples that count by their class: "balanced", all
 * classes together the same; or "good=1 bad=2.5", others 1. It stays as it is when it fails. */
rondo_status class_weights(rondo_dataset **d, const char *how);

/* ---- Readers ---- */
typedef enum target_kind { TARGET_AUTO, TARGET_CLASSES, TARGET_NUMBERS } target_kind;
typedef struct reader_request {
    const char *path, *labels; /* labels: a second file, or NULL */
    const char *spec;          /* the reader's options: "target=y window=24" */
    /* Options that other data were read with: they hold where the spec does not say otherwise and
     * the reader knows them. NULL: none. */
    const char *before;
    bool text; /* text is wanted: the model reads it */
    target_kind
        target; /* AUTO: text means classes, numbers mean numbers (integer label files mean classes) */
    bool no_target; /* predicting, or text that is its own target: none is looked for */
    char *const
        *classes; /* known label names, in order: another label is E_FORMAT; NULL: find them */
    int n_classes;
    /* Columns that a table with a header must have, by name, before what the spec says; NULL: as the
     * spec says. E_FORMAT when one is missing. */
    char *const *features, *const *targets;
    int n_features, n_targets;
    /* Columns that samples are to be grouped by: of the table that they are in, or of a table of its
     * own with a row for each; where there is neither, "label" is their class. */
    char *const *groups;
    int n_groups;
    const char *group_file;
} reader_request;
typedef struct reader_row {
    const char *name, *help;
    option_table options;
    size_t options_size;
    bool (*recognises)(const char *path, const unsigned char *head,
                       size_t n); /* name and first bytes (gunzipped) */
    rondo_status (*open)(rondo_dataset **, const reader_request *, const void *options);
    bool only_text;            /* asked only where text is wanted */
    const char *target_option; /* says where targets are: not taken from `before` where none are
                                * needed; NULL: there is none */
} reader_row;
/* Chooses by spec's format=NAME, "task:NAME?…" or recognises().  Every spec may also have
 * labels=FILE, as=classes or as=numbers, and no_target, as in the request; and rows=, see part.c.
 * A path may bring words of its own: "reviews.csv?text=review&rows=9/10". */
rondo_status reader_open(rondo_dataset **, const reader_request *);

/* Generated data: "task:adding?length=150&count=1000&seed=1". */
typedef struct generator_row {
    const char *name, *help;
    option_table options;
    size_t options_size;
    rondo_status (*open)(rondo_dataset **, const void *options);
} generator_row;

/* ---- Scaling: fitted on training data only, saved with the model ---- */
typedef struct scaler { /* scaled = (x - shift) * factor, per feature */
    char kind[16];      /* "standard" (population variance) or "minmax" (to [0,1]); "" none */
    int64_t n;
    double *shift, *factor; /* a constant feature has factor 1 */
    bool masked;            /* steps filled with `mask` are padding: neither fitted nor scaled */
    double mask;
} scaler;
rondo_status scaler_fit(scaler *, const char *kind, const rondo_dataset *, bool target, int which);
/* The same for a model that masks input steps filled with *mask (NULL: none). */
rondo_status scaler_fit_masked(scaler *, const char *kind, const rondo_dataset *, bool target,
                               int which, const double *mask);
void scaler_apply(const scaler *, real *x, int64_t rows); /* [rows][n], in place */
void scaler_reverse(const scaler *, real *x, int64_t rows);
json_t *scaler_to_json(const scaler *);
rondo_status scaler_from_json(scaler *, const json_t *);
void scaler_free(scaler *);

/* ---- Batches: the only place that knows files are [N][T][F] and the inside is [T][B][F] ---- */
typedef struct batch_field {
    rondo_type type;
    bool sequence;
    int64_t steps, features;
    real *data;       /* [steps][rows][features], zeros after a row's end */
    int32_t *tokens;  /* or [steps][rows]; 0 after the end */
    int64_t *lengths; /* [rows], or NULL when all rows have `steps` */
} batch_field;
typedef struct batch {
    int64_t rows;
    int n_inputs, n_targets;
    batch_field input[MAX_FIELDS], target[MAX_FIELDS];
    real *weight; /* [rows] or NULL */
    cursor cursor;
    void *memory;
    size_t size;
} batch;
/* Gathers items[0…n-1]; memory grows to what it needs and stays, so that a second gather of no
 * larger shapes allocates nothing.  scale_in, scale_out (may be NULL) are applied to the first
 * input and target. */
rondo_status batch_gather(batch *, const rondo_dataset *, const int64_t *items, int64_t n,
                          const scaler *scale_in, const scaler *scale_out);
/* Of every sequence only the steps [first, first+steps), as far as it has them. */
#define ALL_STEPS INT64_MAX
rondo_status batch_gather_steps(batch *, const rondo_dataset *, const int64_t *items, int64_t n,
                                int64_t first, int64_t steps, const scaler *scale_in,
                                const scaler *scale_out);
/* Makes memory for n rows of the longest samples beforehand, for at most so many steps of them. */
rondo_status batch_reserve(batch *, const rondo_dataset *, int64_t n, int64_t steps);
void batch_free(batch *);
/* The other way: y[rows][steps][features] from time-major. */
void batch_to_rows(real *y, const real *x, int64_t rows, int64_t steps, int64_t features);

/* ---- feeder.c: batches one after the other, each asked for before it is taken ---- */
typedef struct feeder feeder;
/* Batches of 80 KiB and more are gathered by a thread of its own from when they are asked for, where
 * there is more than one processor; others by whoever takes them. Which changes nothing but the
 * time. Makes memory for up to so many rows and steps; borrows data and scalers. */
rondo_status feeder_open(feeder **, const rondo_dataset *, int64_t rows, int64_t steps,
                         const scaler *scale_in, const scaler *scale_out);
/* One at a time; items are borrowed until it is taken. The steps as in batch_gather_steps. */
void feeder_ask(feeder *, const int64_t *items, int64_t n, int64_t first, int64_t steps);
/* What was asked for last, or why it could not be gathered. It stays until the next is taken. */
rondo_status feeder_take(feeder *, const batch **);
void feeder_close(feeder *);

/* ---- Between the files of this folder ---- */

/* number.c: decimal numbers, whatever the locale says */
typedef enum number_kind { NUMBER_OK, NUMBER_NOT_FINITE, NUMBER_TEXT } number_kind;
number_kind number_parse(double *, const char *text, size_t n); /* finite as a `real` */
/* OK, or E_FORMAT: where: column "name": "abc" is not a number */
rondo_status number_read(real *, const char *text, size_t n, const char *where, int64_t line,
                         const char *column);

/* source.c: the bytes of a file, mapped; unpacked when it is gzip */
typedef struct source_file {
    const unsigned char *data;
    size_t size;
    file_map map;
    spill unpacked;
} source_file;
rondo_status source_open(source_file *, const char *path);
void source_close(source_file *); /* safe when all zero */
/* encoding.c: what was opened becomes UTF-8, without a byte order mark; from "utf8", "latin1" or
 * "cp1252". E_FORMAT names the line and the byte that is not, or is zero. */
rondo_status source_decode(source_file *, const char *path, const char *encoding);
#define ENCODING_FIELD(options)                                                                    \
    {                                                                                              \
        "encoding", OPTION_TEXT, offsetof(options, encoding), "utf8",                              \
            "of text: utf8, or latin1 or cp1252 as older files are"                                \
    }
/* Whether bytes begin as UTF-16 with a byte order mark does; the sentence that refuses such a file. */
bool text_is_utf16(const unsigned char *, size_t n);
rondo_status text_refuse_utf16(const char *path);
/* First bytes of a file, unpacked; *n of them. */
rondo_status source_head(const char *path, unsigned char *head, size_t room, size_t *n);
rondo_status source_digest(const char *path, uint64_t *digest);
/* A pipe or a terminal is read once: kept whole in an unlinked file, which can be opened again and
 * again.  "-" is standard input; a plain file stays what it is.  Close it, also after a failure. */
typedef struct spool {
    const char *path; /* to open; borrowed, or kept: */
    char kept[32];
    FILE *file;
} spool;
rondo_status spool_open(spool *, const char *path); /* NULL stays NULL */
void spool_close(spool *);
/* The failure, and which stream it is about. */
rondo_status spool_fail(const spool *, rondo_status, const char *path);
bool path_ends(const char *path, const char *ending); /* "a.csv.gz" ends in ".csv" */

/* lines.c: lines of a text; they end in LF, CRLF or with it, and the last one is none when it is empty */
typedef struct text_line {
    const char *text; /* [n], without its end; borrowed */
    size_t n;
    int64_t number; /* from 1 */
} text_line;
typedef struct line_cursor {
    const char *at, *end;
    int64_t number; /* of the line before `at` */
} line_cursor;
void lines_begin(line_cursor *, const source_file *); /* borrows it */
bool lines_next(line_cursor *, text_line *);          /* false: there are no more */
bool line_is_blank(const text_line *);                /* blanks and tabs alone */

/* classes.c: label names and their numbers */
typedef struct class_list {
    char **names; /* [n], then NULL; in the order of their numbers */
    int *sorted;  /* [n] numbers in the order of names */
    int n, capacity;
    bool fixed; /* known beforehand: no other may come */
} class_list;
rondo_status class_list_fix(class_list *, char *const *names, int n);
/* The number of a name, added when new; E_FORMAT naming the place when the list is fixed and lacks
 * it. */
rondo_status class_list_find(class_list *, const char *name, const char *path, int64_t line,
                             int32_t *label);
/* "a, b, c …" as far as it fits. */
void names_join(char *out, size_t size, char *const *names, int n);
bool name_is_utf8(const char *);
/* No more names: sorts them, by value when all are numbers (1 and 1.0 become one), and renumbers
 * labels. */
rondo_status class_list_finish(class_list *, int32_t *labels, int64_t count);
void class_list_give(class_list *, rondo_dataset *);
void class_list_free(class_list *);

/* part.c: "9/10" keeps the samples whose number, counted from 0, leaves 9 when divided by 10; "0-7/10"
 * those that leave 0 to 7; "0-89%" is a share by position; "100-199" are positions. Several: "0,3-5/10". */
rondo_status rows_keep(rondo_dataset **, const char *rows);

/* labels.c: targets that come one by one, as text */
typedef struct label_reader {
    class_list classes;
    bool numbers; /* they are no classes */
    spill *to;    /* borrowed: a real or an int32_t each */
} label_reader;
rondo_status labels_begin(label_reader *, const reader_request *, bool numbers, spill *to);
/* One more; E_FORMAT with the place when it is none. */
rondo_status label_read(label_reader *, const char *text, size_t n, const char *path, int64_t line);
/* The dataset's target and its classes; `to` holds what was read. per_step: a run of them a sample. */
rondo_status labels_give(label_reader *, rondo_dataset *, bool per_step);
void labels_free(label_reader *);

/* store.c: samples that are runs of rows of one table; what memory cannot hold
 * pages from disk */
typedef struct row_span {
    int64_t first, steps; /* rows of inputs; of text: which document, and rows of targets */
    int64_t target;       /* first row of targets */
} row_span;
typedef struct row_store {
    spill inputs;  /* [rows][features] real; of width 0: documents, one behind the other … */
    spill ends;    /* … [documents] int64_t where each ends */
    spill targets; /* [rows][features] real, or [rows] int32_t labels */
    spill spans;   /* [samples] */
    int64_t width, target_width;
} row_store;
row_store *store_new(int64_t width, int64_t target_width);
rondo_status store_span(row_store *, int64_t first, int64_t steps, int64_t target);
/* A document of a store of width 0. */
rondo_status store_text(row_store *, const char *text, size_t n);
/* E_LIMIT when one that is a line, or a cell, is too long to be meant. */
rondo_status document_check(size_t n, const char *path, int64_t line);
int64_t store_documents(const row_store *);
/* What a reader comes to when it has read, with this status: takes the store and leaves NULL, also when
 * it fails. `finish` fills shapes and names of the dataset, whose `self` is the store. */
rondo_status store_give(rondo_dataset **, row_store **, rondo_status,
                        rondo_status (*finish)(void *reader, rondo_dataset *), void *reader);
void store_free(row_store *);

/* csv_rows.c: RFC 4180 text cut into rows of cells, which borrow the text */
typedef struct csv_cell {
    const char *text; /* without blanks and quotes around; inside, "" stands for one quote */
    size_t n;
    bool quoted;
} csv_cell;
typedef struct csv_rows {
    const char *path, *at, *end;
    char delimiter;
    int64_t line, row_line; /* of the next row; of this one */
    csv_cell *cells;        /* [n] of this row */
    int n, capacity;
} csv_rows;
void csv_begin(csv_rows *, const char *path, const char *text, size_t size);
void csv_skip_lines(csv_rows *, int64_t n);
/* The most frequent of , ; and tab in the line that comes next; a comma when there is none. */
char csv_guess_delimiter(const csv_rows *);
rondo_status csv_next(csv_rows *, bool *more); /* blank lines are passed over */
/* Adds the cell's text, with quotes resolved. */
void csv_cell_add(const csv_cell *, text_buffer *);
/* The same, cut to fit. */
void csv_cell_text(const csv_cell *, char out[LIMIT_NAME]);
void csv_end(csv_rows *);

/* groups.c: columns of a table that tell samples apart, while they are read */
typedef struct group_reader {
    int column;
    class_list values;
    spill rows; /* [rows] int32_t, the number of each row's value */
} group_reader;
group_reader *groups_new(int n);
/* One more row, of this value, in the column of this name. */
rondo_status group_see(group_reader *, const char *name, const char *value, const char *path,
                       int64_t line);
/* Keeps the row's value in each column. */
rondo_status groups_see(group_reader *, int n, char *const *names, const csv_rows *);
/* The rows of each sample must be of one group. */
typedef void group_rows(const void *user, int64_t item, int64_t *first, int64_t *n);
rondo_status groups_give(rondo_dataset *, group_reader *, int n, const reader_request *,
                         group_rows *, const void *user);
group_rows groups_by_item; /* a row is a sample */
void groups_free(group_reader *, int n);
/* What the reader did not: by the request's table, or by the label. */
rondo_status groups_find(rondo_dataset *, const reader_request *);
void groups_close(rondo_dataset *);

/* csv_columns.c: which column is what */
typedef struct csv_options {
    char *target, *features, *text, *sequence, *delimiter, *header, *missing, *encoding;
    int64_t window, horizon, stride, steps, skip;
    bool per_step;
} csv_options;
typedef enum column_kind { KIND_UNKNOWN, KIND_NUMBER, KIND_TEXT } column_kind;
typedef struct csv_table {
    const reader_request *request;
    const csv_options *options;
    source_file source;
    csv_rows rows;
    char **names; /* [n_columns], NULL */
    column_kind *kinds;
    int n_columns;
    int *features, *targets; /* columns */
    int n_features, n_targets;
    bool header;       /* the columns have names of their own */
    int sequence;      /* column or -1 */
    int text;          /* column that is the input, instead of features; or -1 */
    text_buffer cell;  /* its text, without quotes */
    bool classes;      /* the target is a class */
    bool with_targets; /* they are to be read */
    class_list labels;
    row_store *store;
    real *row;            /* [max(n_features, n_targets)] */
    int64_t kept, begun;  /* rows in the table; of them the first of the present segment */
    csv_cell group;       /* of the sequence column, in the row before */
    group_reader *groups; /* [request's n_groups] */
} csv_table;
bool csv_is_missing(const csv_table *, const csv_cell *);
rondo_status csv_check_width(const csv_table *); /* of the row just read */
rondo_status csv_read_header(csv_table *);
rondo_status csv_choose_columns(csv_table *);
rondo_status csv_choose_groups(csv_table *); /* those that the request asks for */

/* csv.c: a table as far as the names of its columns; request and options are set. Close it, also
 * after a failure. */
rondo_status csv_open(csv_table *);
void csv_close(csv_table *);

/* grid.c: arrays of numbers in a file, sample after sample */
typedef enum grid_type {
    GRID_U8,
    GRID_I8,
    GRID_I16,
    GRID_I32,
    GRID_I64,
    GRID_F32,
    GRID_F64
} grid_type;
typedef struct number_grid {
    const char *path; /* for messages */
    source_file source;
    const unsigned char *data;
    grid_type type;
    bool big_endian;
    double factor; /* of every value: 1/255 for images */
    int rank;
    int64_t dim[5]; /* [samples] … */
    int64_t *order; /* [elements of a sample] which one comes in its place; NULL: itself */
} number_grid;
int64_t grid_bytes(grid_type); /* of one element */
/* E_FORMAT unless the elements fill exactly the `size` bytes there are. */
rondo_status grid_check(const number_grid *, size_t size);
/* Takes x and y (NULL: no targets) and leaves them empty, also when it fails. `tokens`: x are I32
 * {T}. */
rondo_status grid_dataset(rondo_dataset **, number_grid *x, number_grid *y, bool tokens,
                          const reader_request *);
void grid_close(number_grid *);
/* npz.c: one array of a zip archive, unpacked into the source; its .npy bytes are [data,
 * data+size) */
rondo_status npz_find(source_file *, const char *path, const char *name);

/* generate.c: samples that are functions of (seed, item) and nothing else */
typedef struct made_sample { /* one sample to fill */
    int64_t item, steps;
    real *x, *y; /* zeroed; x or tokens, y or labels, as the shapes say */
    int32_t *tokens, *labels;
} made_sample;
typedef struct task_generator {
    int64_t count, seed, longest; /* longest: most steps of an input */
    field_shape input, target;
    const char *const *classes; /* NULL-terminated, or NULL */
    const void *options;        /* copied; no pointers inside */
    size_t options_size;
    int64_t (*steps)(const void *options, rng *); /* NULL: always the longest */
    void (*make)(const void *options, rng *, made_sample *);
} task_generator;
rondo_status generate_dataset(rondo_dataset **, const task_generator *);
/* E_ARG "adding: length must be at least 2, not 1" */
rondo_status generate_check(const char *task, const char *option, int64_t value, int64_t least,
                            int64_t most);

void reader_register_all(void);    /* table.c */
void generator_register_all(void); /* table.c */
#endif
