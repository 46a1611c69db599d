#include "lang/scan.h"

#include <string.h>

/* Decides what the words of the language are: names, numbers with units, texts, signs. */

void cp_scanner_init(CpScanner *scanner, const char *text, uint32_t len, CpDiag *diag)
{
    *scanner = (CpScanner){.text = text, .len = len, .line = 1, .column = 1, .diag = diag};
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        scanner->at = 3;
    }
}

static char peek(const CpScanner *s, uint32_t ahead)
{
    return s->at + ahead < s->len ? s->text[s->at + ahead] : '\0';
}

/* Moves over one character and keeps the position. */
static void advance(CpScanner *s)
{
    unsigned char c = (unsigned char)s->text[s->at];
    if (c == '\n') {
        s->line++;
        s->column = 1;
        s->at++;
        return;
    }
    size_t n = 1;
    if (c >= 0x80) {
        gunichar u = g_utf8_get_char_validated(s->text + s->at, s->len - s->at);
        n = u == (gunichar)-1 || u == (gunichar)-2
                ? 1
                : (size_t)g_utf8_skip[(unsigned char)s->text[s->at]];
    }
    s->at += (uint32_t)n;
    s->column++;
}

static bool starts_name(const CpScanner *s, uint32_t ahead)
{
    char c = peek(s, ahead);
    if ((unsigned char)c < 0x80) {
        return g_ascii_isalpha(c) || c == '_';
    }
    gunichar u = g_utf8_get_char_validated(s->text + s->at + ahead, s->len - s->at - ahead);
    return u != (gunichar)-1 && u != (gunichar)-2 && g_unichar_isalpha(u);
}

/* A dash or slash belongs to a wide name if it does not end it: "end.worker-3". */
static bool continues_wide(const CpScanner *s)
{
    char c = peek(s, 0);
    return c == '.' || c == '%' || (c & 0x80) != 0 ||
           ((c == '-' || c == '/') && g_ascii_isalnum(peek(s, 1)));
}

static bool continues_name(const CpScanner *s)
{
    return g_ascii_isdigit(peek(s, 0)) || starts_name(s, 0) ||
           (peek(s, 0) == '.' && starts_name(s, 1)) || (s->wide && continues_wide(s));
}

static void skip_blanks(CpScanner *s)
{
    while (s->at < s->len) {
        char c = peek(s, 0);
        if (c == '#' && !s->wide) {
            const char *eol = memchr(s->text + s->at, '\n', s->len - s->at);
            s->at = eol != NULL ? (uint32_t)(eol - s->text) : s->len;
        } else if (c == ' ' || c == '\t' || c == '\r' ||
                   (c == '\n' && (s->depth > 0 || s->wide))) {
            advance(s);
        } else {
            return;
        }
    }
}

/* "2 s" is a number and its unit, "2 and" is not. */
static void join_unit(CpScanner *s, CpToken *token)
{
    uint32_t blanks = 0, n = 0;
    while (peek(s, blanks) == ' ') {
        blanks++;
    }
    while (g_ascii_isalnum(peek(s, blanks + n)) || peek(s, blanks + n) == '%') {
        n++;
    }
    if (blanks > 0 && n > 0 && cp_suffix_find(s->text + s->at + blanks, n) != NULL) {
        token->unit += blanks;
        for (n += blanks; n > 0; n--) {
            advance(s);
        }
    }
}

static void scan_number(CpScanner *s, CpToken *token)
{
    token->kind = CP_TOK_NUMBER;
    while (g_ascii_isdigit(peek(s, 0))) {
        advance(s);
    }
    if (peek(s, 0) == '.' && g_ascii_isdigit(peek(s, 1))) {
        advance(s);
        while (g_ascii_isdigit(peek(s, 0))) {
            advance(s);
        }
    }
    token->unit = s->at;
    if (peek(s, 0) == '%') {
        advance(s);
        return;
    }
    if (s->wide) {
        join_unit(s, token);
    }
    while (starts_name(s, 0) || g_ascii_isdigit(peek(s, 0))) {
        advance(s);
    }
}

static void scan_string(CpScanner *s, CpToken *token)
{
    char quote = peek(s, 0);
    token->kind = CP_TOK_STRING;
    advance(s);
    while (s->at < s->len && peek(s, 0) != quote && peek(s, 0) != '\n') {
        if (peek(s, 0) == '\\' && s->at + 1 < s->len && peek(s, 1) != '\n') {
            advance(s);
        }
        advance(s);
    }
    if (peek(s, 0) == quote) {
        advance(s);
        return;
    }
    if (s->diag == NULL) {
        return;
    }
    cp_diag_error(s->diag, token->pos, "text is not closed");
    cp_diag_help(s->diag, quote == '"' ? "end it with '\"' on the same line"
                                       : "end it with another '");
}

/* Two-character signs; returns false if `first second` is none. */
static bool double_sign(bool wide, char first, char second, CpTokenKind *kind)
{
    static const struct {
        char sign[3];
        CpTokenKind kind;
        bool narrow, wide; /* where it is one */
    } signs[] = {
        {"+=", CP_TOK_PLUS_SET, true, false}, {"+-", CP_TOK_PLUS_MINUS, true, false},
        {"..", CP_TOK_RANGE, true, false},    {"==", CP_TOK_EQ, true, true},
        {"!=", CP_TOK_NE, true, true},        {"<=", CP_TOK_LE, true, true},
        {">=", CP_TOK_GE, true, true},        {"&&", CP_TOK_AND, false, true},
        {"||", CP_TOK_OR, false, true}};
    for (size_t i = 0; i < G_N_ELEMENTS(signs); i++) {
        bool here = wide ? signs[i].wide : signs[i].narrow;
        if (here && signs[i].sign[0] == first && signs[i].sign[1] == second) {
            *kind = signs[i].kind;
            return true;
        }
    }
    return false;
}

static void scan_sign(CpScanner *s, CpToken *token)
{
    char c = peek(s, 0);
    token->ch = c;
    if (double_sign(s->wide, c, peek(s, 1), &token->kind)) {
        advance(s);
        advance(s);
        return;
    }
    token->kind = c == '<'                ? CP_TOK_LT
                  : c == '=' && s->wide   ? CP_TOK_EQ
                  : c == '>'              ? CP_TOK_GT
                  : c == ';' || c == '\n' ? CP_TOK_SEPARATOR
                                          : CP_TOK_CHAR;
    if (c == '(' || c == '[') {
        s->depth++;
    } else if ((c == ')' || c == ']') && s->depth > 0) {
        s->depth--;
    } else if (c == '{' || c == '}' || c == ';') {
        /* A bracket left open must not swallow the rest of the file. */
        s->depth = 0;
    }
    advance(s);
}

static bool is_sign(const CpScanner *s)
{
    char c = peek(s, 0);
    bool doubled = c == peek(s, 1) && (c == '&' || c == '|');
    return c != '\0' &&
           (strchr("{}()[],;=+-*/<>!.:\n%", c) != NULL || (s->wide && doubled));
}

/* Reports a character the language has no use for and moves over it. */
static void skip_stray(CpScanner *s)
{
    CpPos pos = {s->line, s->column, 1};
    uint32_t start = s->at;
    advance(s);
    if (s->diag == NULL) {
        return;
    }
    g_autofree char *shown = cp_clean_text(s->text + start, s->at - start);
    cp_diag_error(s->diag, pos, "character '%s' has no meaning here", shown);
    if (*shown == '\'') {
        cp_diag_help(s->diag, "texts are written in double quotes: \"...\"");
    }
}

CpToken cp_scan(CpScanner *s)
{
    for (;;) {
        skip_blanks(s);
        CpToken token = {.start = s->at, .pos = {s->line, s->column, 1}};
        char c = peek(s, 0);
        if (s->at >= s->len) {
            token.kind = CP_TOK_EOF;
        } else if (g_ascii_isdigit(c)) {
            scan_number(s, &token);
        } else if (starts_name(s, 0)) {
            token.kind = CP_TOK_NAME;
            while (continues_name(s)) {
                advance(s);
            }
        } else if (c == '"' || (c == '\'' && s->wide)) {
            scan_string(s, &token);
        } else if (is_sign(s)) {
            scan_sign(s, &token);
        } else {
            skip_stray(s);
            continue;
        }
        token.end = s->at;
        if (s->line == token.pos.line && s->column > token.pos.column) {
            token.pos.length = s->column - token.pos.column;
        }
        return token;
    }
}

/* --- values --- */

static const CpSuffix *find_unit(const CpScanner *s, const CpToken *token)
{
    static const CpSuffix none = {"", CP_DIM_NUMBER, 1, true};
    size_t n = token->end - token->unit;
    const CpSuffix *found = n == 0 ? &none : cp_suffix_find(s->text + token->unit, n);
    if (found != NULL) {
        return found;
    }
    g_autofree char *unit = cp_clean_text(s->text + token->unit, (gssize)n);
    cp_diag_error(s->diag, token->pos, "unknown unit '%s'", unit);
    bool micro = strcmp(unit, "µs") == 0 || strcmp(unit, "μs") == 0;
    g_autofree char *times = cp_suffix_names(CP_DIM_TIME, " ", " ");
    g_autofree char *shares = cp_suffix_names(CP_DIM_SHARE, " ", " ");
    g_autofree char *sizes = cp_suffix_names(CP_DIM_SIZE, " ", " ");
    cp_diag_help(s->diag, "%stimes: %s; shares: %s; sizes: %s", micro ? "write us; " : "",
                 times, shares, sizes);
    return NULL;
}

/* Digits of the token as one integer, the decimals counted in *scale.  False: more than 18
 * of them. */
static bool read_digits(const CpScanner *s, const CpToken *token, int64_t *digits,
                        int64_t *scale)
{
    *digits = 0;
    *scale = 1;
    bool fraction = false;
    uint32_t last = token->unit;
    const char *point = memchr(s->text + token->start, '.', token->unit - token->start);
    while (s->text[last - 1] == ' ') { /* before a unit that stands apart */
        last--;
    }
    while (point != NULL && s->text[last - 1] == '0') {
        last--;
    }
    for (uint32_t i = token->start; i < last; i++) {
        char c = s->text[i];
        if (c == '.') {
            fraction = true;
            continue;
        }
        if (*digits > INT64_MAX / 10 - 1) {
            return false;
        }
        *digits = *digits * 10 + (c - '0');
        *scale *= fraction ? 10 : 1;
    }
    return true;
}

bool cp_token_number(const CpScanner *s, const CpToken *token, int64_t *value, CpDim *dim,
                     bool *micro)
{
    const CpSuffix *unit = find_unit(s, token);
    if (unit == NULL) {
        return false;
    }
    int64_t digits, scale;
    int64_t limit = unit->dim == CP_DIM_TIME     ? CP_TIME_LIMIT
                    : unit->dim == CP_DIM_NUMBER ? INT64_MAX / 2
                                                 : INT64_MAX / 1024;
    bool fits = read_digits(s, token, &digits, &scale);
    *micro = unit->dim == CP_DIM_NUMBER && fits && scale > 1;
    int64_t factor = *micro ? 1000000 : unit->size;
    __int128 product = fits ? (__int128)digits * factor : 0;
    g_autofree char *shown =
        g_strndup(s->text + token->start, MIN(token->end - token->start, 40));
    if (!fits || product / scale > limit) {
        cp_diag_error(s->diag, token->pos, "'%s' is too large", shown);
        cp_diag_help(s->diag, "%s",
                     unit->dim == CP_DIM_TIME ? "a time is at most 100 years"
                                              : "numbers have at most 18 digits");
        return false;
    }
    if (product % scale != 0) {
        cp_diag_error(s->diag, token->pos, "'%s' has too many decimals", shown);
        cp_diag_help(s->diag, "%s",
                     unit->dim == CP_DIM_TIME   ? "times are whole nanoseconds"
                     : unit->dim == CP_DIM_SIZE ? "sizes are whole bytes"
                                                : "at most six decimals are kept");
        return false;
    }
    *value = (int64_t)(product / scale);
    *dim = unit->dim;
    return true;
}

char *cp_token_string(const CpScanner *s, const CpToken *token)
{
    GString *out = g_string_new(NULL);
    uint32_t end = token->end;
    if (end > token->start + 1 && s->text[end - 1] == s->text[token->start]) {
        end--;
    }
    for (uint32_t i = token->start + 1; i < end; i++) {
        char c = s->text[i];
        if (c == '\\' && i + 1 < end) {
            c = s->text[++i];
            c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
        }
        g_string_append_c(out, c);
    }
    return g_string_free(out, FALSE);
}

char *cp_token_describe(const CpScanner *s, const CpToken *token)
{
    if (token->kind == CP_TOK_EOF) {
        return g_strdup(s->wide ? "the end" : "end of file");
    }
    if (token->kind == CP_TOK_SEPARATOR) {
        return g_strdup(token->ch == ';' ? "';'" : "end of line");
    }
    const char *start = s->text + token->start;
    const char *end = s->text + token->end;
    if (end - start > 40) {
        const char *cut = g_utf8_find_prev_char(start, start + 40);
        g_autofree char *part = cp_clean_text(start, cut != NULL ? cut - start : 40);
        return g_strdup_printf("'%s...'", part);
    }
    g_autofree char *clean = cp_clean_text(start, end - start);
    return g_strdup_printf("'%s'", clean);
}

bool cp_token_is(const CpScanner *s, const CpToken *token, const char *word)
{
    size_t n = strlen(word);
    return token->kind == CP_TOK_NAME && token->end - token->start == n &&
           memcmp(s->text + token->start, word, n) == 0;
}
