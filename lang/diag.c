#include "lang/diag.h"

#include "lang/cures.h"
#include "lang/json-writer.h"

#include <stdio.h>
#include <string.h>

/* Decides how messages about input look: place, quoted line, mark, notes, help. */

/* Errors and warnings kept before only counting. */
enum { KEPT_MAX = 20, WINDOW = 120, CONTEXT = 60 };

/* A quoted source line with its marks, made when the message is added, so that the source
 * may be freed before printing. */
typedef struct {
    uint32_t line;
    char *text;  /* cleaned line; NULL: nothing to quote */
    char *marks; /* spaces and tabs before the mark */
    uint32_t width;
} Quote;

typedef struct {
    char *text;
    CpPos pos;
    Quote quote; /* of the note's own position */
} Note;

typedef struct {
    CpDiagLevel level;
    bool usage; /* from an option: no file */
    char *file; /* NULL for usage */
    CpPos pos;
    char *text;
    Quote quote;
    GArray *notes;    /* Note */
    const char *cure; /* static; NULL: none.  It takes the place of the help */
    char *help;
} Message;

struct CpDiag {
    char *file;
    const char *text; /* borrowed */
    size_t len;
    uint32_t at_line; /* cache: `at` is the offset where this line begins */
    size_t at;
    GPtrArray *messages; /* Message */
    Message *last;       /* the one notes go to; NULL: it was only counted */
    unsigned n_errors, n_kept_errors, n_warnings, n_kept_warnings, n_usage;
    int code; /* set from outside; 0: not */
    CpPos last_error;
};

static void note_clear(void *data)
{
    Note *note = data;
    g_free(note->text);
    g_free(note->quote.text);
    g_free(note->quote.marks);
}

static void message_free(void *data)
{
    Message *m = data;
    g_free(m->file);
    g_free(m->text);
    g_free(m->quote.text);
    g_free(m->quote.marks);
    g_array_unref(m->notes);
    g_free(m->help);
    g_free(m);
}

CpDiag *cp_diag_new(const char *file, const char *text, size_t len)
{
    CpDiag *diag = g_new0(CpDiag, 1);
    diag->messages = g_ptr_array_new_with_free_func(message_free);
    cp_diag_source(diag, file, text, len);
    return diag;
}

void cp_diag_free(CpDiag *diag)
{
    if (diag == NULL) {
        return;
    }
    g_ptr_array_unref(diag->messages);
    g_free(diag->file);
    g_free(diag);
}

void cp_diag_source(CpDiag *diag, const char *file, const char *text, size_t len)
{
    char *copy = g_strdup(file != NULL ? file : "");
    g_free(diag->file);
    diag->file = copy;
    diag->text = text;
    diag->len = text != NULL ? len : 0;
    diag->at_line = 1;
    diag->at = 0;
    diag->last_error = (CpPos){0};
}

/* --- cleaning --- */

/* Characters that could reorder or hide what a reader sees: control codes, bidirectional
 * embeddings, overrides and isolates, characters of no width, separators of lines. */
static bool is_unsafe(gunichar c)
{
    return c < 0x20 || c == 0x7f || (c >= 0x80 && c < 0xa0) || c == 0xad || c == 0x61c ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
           (c >= 0xe0000 && c <= 0xe007f);
}

/* Appends one character starting at `p` in its printable form; returns how many bytes it
 * took from the input and how many columns it fills. */
static size_t append_clean(GString *out, const char *p, const char *end, bool keep_tabs,
                           uint32_t *columns)
{
    gunichar c = g_utf8_get_char_validated(p, end - p);
    size_t before = out->len;
    if (c == (gunichar)-1 || c == (gunichar)-2 || *p == '\0') {
        g_string_append_printf(out, "\\x%02x", (unsigned char)*p);
        *columns = (uint32_t)(out->len - before);
        return 1;
    }
    size_t n = (size_t)(g_utf8_next_char(p) - p);
    if (c == '\t' && keep_tabs) {
        g_string_append_c(out, '\t');
        *columns = 1;
    } else if (is_unsafe(c)) {
        g_string_append_printf(out, c < 0x80 ? "\\x%02x" : "\\u{%x}", (unsigned)c);
        *columns = (uint32_t)(out->len - before);
    } else {
        g_string_append_len(out, p, (gssize)n);
        *columns = g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
    }
    return n;
}

char *cp_clean_text(const char *text, gssize len)
{
    const char *end = text + (len < 0 ? (gssize)strlen(text) : len);
    GString *out = g_string_sized_new((size_t)(end - text) + 1);
    for (const char *p = text; p < end;) {
        uint32_t columns;
        p += append_clean(out, p, end, false, &columns);
    }
    return g_string_free(out, FALSE);
}

/* --- quoting --- */

/* Offset of a line, or len + 1 if there is none.  Messages mostly come in order, so the
 * search goes on from the last line found. */
static size_t line_start(CpDiag *diag, uint32_t line)
{
    if (line < diag->at_line) {
        diag->at_line = 1;
        diag->at = 0;
    }
    while (diag->at_line < line) {
        const char *from = diag->text + diag->at;
        const char *eol = memchr(from, '\n', diag->len - diag->at);
        if (eol == NULL) {
            return diag->len + 1;
        }
        diag->at = (size_t)(eol - diag->text) + 1;
        diag->at_line++;
    }
    return diag->at;
}

/* Advances over `n` characters (bytes where the text is not UTF-8), not past `end`. */
static const char *skip_chars(const char *p, const char *end, uint32_t n)
{
    while (n-- > 0 && p < end) {
        gunichar c = g_utf8_get_char_validated(p, end - p);
        p = c == (gunichar)-1 || c == (gunichar)-2 || *p == '\0' ? p + 1
                                                                 : g_utf8_next_char(p);
    }
    return p;
}

/* Appends the cleaned characters of from..end that fit; blanks of the same width go to
 * `marks` until `mark` is reached, and the marked width is counted after it. */
static void quote_chars(Quote *quote, GString *text, GString *marks, const char *from,
                        const char *end, const char *mark, const char *mark_end)
{
    uint32_t total = 0;
    for (const char *p = from; p < end && total < WINDOW + CONTEXT;) {
        const char *here = p;
        uint32_t columns;
        p += append_clean(text, p, end, true, &columns);
        total += columns;
        if (here < mark) {
            for (uint32_t i = 0; i < columns; i++) {
                g_string_append_c(marks, *here == '\t' ? '\t' : ' ');
            }
        } else if (here < mark_end) {
            quote->width += columns;
        }
        if (total >= WINDOW + CONTEXT && p < end) {
            g_string_append(text, " ...");
        }
    }
}

/* The line of a position, without its end; false: there is none, or it is empty. */
static bool find_line(CpDiag *diag, CpPos pos, const char **line, const char **end)
{
    if (diag->text == NULL || pos.line == 0 || pos.column == 0) {
        return false;
    }
    size_t start = line_start(diag, pos.line);
    if (start >= diag->len) {
        return false;
    }
    *line = diag->text + start;
    *end = memchr(*line, '\n', diag->len - start);
    *end = *end != NULL ? *end : diag->text + diag->len;
    if (*end > *line && (*end)[-1] == '\r') {
        (*end)--;
    }
    return *line != *end;
}

static Quote make_quote(CpDiag *diag, CpPos pos)
{
    Quote quote = {.line = pos.line};
    const char *line = NULL;
    const char *end = NULL;
    if (!find_line(diag, pos, &line, &end)) {
        return quote;
    }
    const char *mark = skip_chars(line, end, pos.column - 1);
    const char *mark_end = skip_chars(mark, end, pos.length > 0 ? pos.length : 1);
    const char *from = line;
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GString) marks = g_string_new(NULL);
    if (pos.column > WINDOW) {
        from = skip_chars(line, mark, pos.column - 1 - CONTEXT);
        g_string_append(text, "... ");
        g_string_append(marks, "    ");
    }
    quote_chars(&quote, text, marks, from, end, mark, mark_end);
    quote.width = MAX(quote.width, 1);
    quote.text = g_strdup(text->str);
    quote.marks = g_strdup(marks->str);
    return quote;
}

/* --- adding --- */

/* What to write instead, if the error is about a word of another language. */
static const char *find_cure(CpDiag *diag, CpPos pos)
{
    const char *line = NULL;
    const char *end = NULL;
    if (!find_line(diag, pos, &line, &end) || end - line > WINDOW * 4) {
        return NULL;
    }
    const char *mark = skip_chars(line, end, pos.column - 1);
    return cp_cure_find(line, (size_t)(end - line), (size_t)(mark - line));
}

static Message *add_message(CpDiag *diag, CpDiagLevel level, CpPos pos, const char *format,
                            va_list args)
{
    Message *m = g_new0(Message, 1);
    m->level = level;
    m->file = g_strdup(diag->file);
    m->pos = pos;
    g_autofree char *text = g_strdup_vprintf(format, args);
    m->text = cp_clean_text(text, -1);
    m->quote = make_quote(diag, pos);
    m->notes = g_array_new(FALSE, TRUE, sizeof(Note));
    g_array_set_clear_func(m->notes, note_clear);
    g_ptr_array_add(diag->messages, m);
    diag->last = m;
    return m;
}

bool cp_diag_error(CpDiag *diag, CpPos pos, const char *format, ...)
{
    diag->last = NULL;
    /* A second message about the same place is a consequence of the first. */
    if (pos.line != 0 && diag->n_errors > 0 && diag->last_error.line == pos.line &&
        diag->last_error.column == pos.column) {
        return false;
    }
    diag->last_error = pos;
    diag->n_errors++;
    if (diag->n_kept_errors == KEPT_MAX) {
        return false;
    }
    diag->n_kept_errors++;
    va_list args;
    va_start(args, format);
    add_message(diag, CP_DIAG_ERROR, pos, format, args)->cure = find_cure(diag, pos);
    va_end(args);
    return false;
}

void cp_diag_warning(CpDiag *diag, CpPos pos, const char *format, ...)
{
    diag->last = NULL;
    diag->n_warnings++;
    if (diag->n_kept_warnings == KEPT_MAX) {
        return;
    }
    diag->n_kept_warnings++;
    va_list args;
    va_start(args, format);
    add_message(diag, CP_DIAG_WARNING, pos, format, args);
    va_end(args);
}

void cp_diag_usage(CpDiag *diag, const char *format, ...)
{
    diag->last = NULL;
    diag->n_errors++;
    diag->n_usage++;
    if (diag->n_kept_errors == KEPT_MAX) {
        return;
    }
    diag->n_kept_errors++;
    va_list args;
    va_start(args, format);
    Message *m = add_message(diag, CP_DIAG_ERROR, (CpPos){0}, format, args);
    m->usage = true;
    va_end(args);
}

void cp_diag_note(CpDiag *diag, CpPos pos, const char *format, ...)
{
    if (diag->last == NULL) {
        return;
    }
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    Note note = {
        .text = cp_clean_text(text, -1), .pos = pos, .quote = make_quote(diag, pos)};
    g_array_append_val(diag->last->notes, note);
}

void cp_diag_help(CpDiag *diag, const char *format, ...)
{
    if (diag->last == NULL) {
        return;
    }
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_free(diag->last->help);
    diag->last->help = cp_clean_text(text, -1);
}

unsigned cp_diag_n_errors(const CpDiag *diag)
{
    return diag->n_errors;
}

void cp_diag_set_code(CpDiag *diag, int code)
{
    diag->code = code;
}

int cp_diag_code(const CpDiag *diag)
{
    if (diag->code != 0) {
        return diag->code;
    }
    return diag->n_errors > 0 && diag->n_usage == diag->n_errors ? 2 : 3;
}

/* --- printing --- */

static const char *help_of(const Message *m)
{
    return m->cure != NULL ? m->cure : m->help;
}

static void print_quote(GString *out, const Quote *quote, char mark, const char *after,
                        const char *paint, const char *reset)
{
    g_string_append_printf(out, "%5u | %s\n      | %s%s", quote->line, quote->text,
                           quote->marks, paint);
    for (uint32_t i = 0; i < quote->width; i++) {
        g_string_append_c(out, mark);
    }
    g_string_append_printf(out, "%s%s\n", reset, after);
}

/* Quote and help below a message that stands on a line of its own. */
static void print_inline(GString *out, const Message *m)
{
    if (m->quote.text != NULL) {
        g_string_append_printf(out, "\n      | %s\n      | %s", m->quote.text,
                               m->quote.marks);
        for (uint32_t i = 0; i < m->quote.width; i++) {
            g_string_append_c(out, '^');
        }
    }
    if (help_of(m) != NULL) {
        g_string_append_printf(out, "\n      = help: %s", help_of(m));
    }
}

char *cp_diag_inline(const CpDiag *diag)
{
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < diag->messages->len; i++) {
        const Message *m = diag->messages->pdata[i];
        if (m->level == CP_DIAG_ERROR) {
            g_string_append(out, m->text);
            print_inline(out, m);
            break;
        }
    }
    return g_string_free(out, FALSE);
}

static void print_place(GString *out, const Message *m)
{
    if (m->usage) {
        g_string_append(out, "coreplay: ");
        return;
    }
    g_autofree char *file = cp_clean_text(m->file, -1);
    g_string_append(out, file);
    if (m->pos.line > 0) {
        g_string_append_printf(out, ":%u", m->pos.line);
    }
    if (m->pos.line > 0 && m->pos.column > 0) {
        g_string_append_printf(out, ":%u", m->pos.column);
    }
    g_string_append(out, ": ");
}

static void print_message(GString *out, const Message *m, bool colour)
{
    const char *reset = colour ? "\033[0m" : "";
    const char *paint = !colour                     ? ""
                        : m->level == CP_DIAG_ERROR ? "\033[1;31m"
                                                    : "\033[1;35m";
    print_place(out, m);
    g_string_append_printf(out, "%s%s:%s %s\n", paint,
                           m->level == CP_DIAG_ERROR ? "error" : "warning", reset, m->text);
    bool quoted = m->quote.text != NULL;
    if (quoted) {
        print_quote(out, &m->quote, '^', "", paint, reset);
    }
    for (guint i = 0; i < m->notes->len; i++) {
        const Note *note = &g_array_index(m->notes, Note, i);
        if (note->quote.text != NULL) {
            g_autofree char *after = g_strconcat(" ", note->text, NULL);
            print_quote(out, &note->quote, '-', after, "", "");
            quoted = true;
        } else {
            g_string_append_printf(out, "%snote: %s\n", quoted ? "      = " : "   ",
                                   note->text);
        }
    }
    if (help_of(m) != NULL) {
        g_string_append_printf(out, "%shelp: %s\n", quoted ? "      = " : "   ",
                               help_of(m));
    }
}

char *cp_diag_print(const CpDiag *diag, bool colour)
{
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < diag->messages->len; i++) {
        if (i > 0) {
            g_string_append_c(out, '\n');
        }
        print_message(out, g_ptr_array_index(diag->messages, i), colour);
    }
    if (diag->n_errors > diag->n_kept_errors) {
        g_string_append_printf(out, "\n%u more errors\n",
                               diag->n_errors - diag->n_kept_errors);
    }
    if (diag->n_warnings > diag->n_kept_warnings) {
        g_string_append_printf(out, "\n%u more warnings\n",
                               diag->n_warnings - diag->n_kept_warnings);
    }
    return g_string_free(out, FALSE);
}

/* --- JSON --- */

static void json_pos(CpJson *json, CpPos pos)
{
    if (pos.line > 0) {
        cp_json_int(json, "line", pos.line);
        cp_json_int(json, "column", pos.column);
        cp_json_int(json, "length", pos.length);
    }
}

static void json_message(CpJson *json, const Message *m)
{
    cp_json_open(json, NULL, '{');
    cp_json_text(json, "level", m->level == CP_DIAG_ERROR ? "error" : "warning");
    if (!m->usage) {
        g_autofree char *file = cp_clean_text(m->file, -1);
        cp_json_text(json, "file", file);
        json_pos(json, m->pos);
    }
    cp_json_text(json, "message", m->text);
    if (m->notes->len > 0) {
        cp_json_open(json, "notes", '[');
        for (guint i = 0; i < m->notes->len; i++) {
            const Note *note = &g_array_index(m->notes, Note, i);
            cp_json_open(json, NULL, '{');
            json_pos(json, note->pos);
            cp_json_text(json, "message", note->text);
            cp_json_close(json, '}');
        }
        cp_json_close(json, ']');
    }
    if (help_of(m) != NULL) {
        cp_json_text(json, "help", help_of(m));
    }
    cp_json_close(json, '}');
}

char *cp_diag_json(const CpDiag *diag)
{
    CpJson *json = cp_json_new();
    cp_json_open(json, NULL, '[');
    for (guint i = 0; i < diag->messages->len; i++) {
        json_message(json, g_ptr_array_index(diag->messages, i));
    }
    cp_json_close(json, ']');
    return cp_json_free(json);
}
