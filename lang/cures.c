#include "lang/cures.h"

#include <string.h>

/* Decides whether an error is about a word of Python, C or another tool. */

enum { TOKENS_MAX = 64, PATTERN_MAX = 6 };

typedef struct {
    const char *pattern, *remedy;
} Cure;

static const Cure cures[] = {
#define CP_CURE(pattern, remedy) {pattern, remedy},
#include "lang/cures.def"
#undef CP_CURE
};

typedef struct {
    size_t start, len;
} Token;

typedef struct {
    const char *line;
    Token tokens[TOKENS_MAX];
    unsigned n, n_begins;
    unsigned begins[2]; /* tokens that begin the statement, and what is behind NAME = */
    size_t mark;
} Statement;

static bool is_letter(char c)
{
    return g_ascii_isalpha(c) || c == '_' || (c & 0x80) != 0;
}

/* Length of the token at `p`: a name with dots, a number with its unit, a text, a single
 * character. */
static size_t token_len(const char *p, const char *end)
{
    const char *q = p + 1;
    if (*p == '"' || *p == '\'') {
        while (q < end && *q != *p) {
            q++;
        }
        return (size_t)(MIN(q + 1, end) - p);
    }
    if (!is_letter(*p) && !g_ascii_isdigit(*p)) {
        return 1;
    }
    while (q < end && (is_letter(*q) || g_ascii_isdigit(*q) || *q == '.')) {
        q++;
    }
    return (size_t)(q - p);
}

/* Splits the statement around the mark: from the last of ; { } before it. */
static void split(Statement *s, const char *line, size_t len, size_t mark)
{
    s->line = line;
    s->mark = mark;
    for (size_t at = 0; at < len && line[at] != '#';) {
        if (g_ascii_isspace(line[at])) {
            at++;
            continue;
        }
        Token token = {at, token_len(line + at, line + len)};
        at += token.len;
        bool parts = token.len == 1 && strchr(";{}", line[token.start]) != NULL;
        if (parts && token.start >= mark && token.start > 0) {
            break;
        }
        if (parts || s->n == TOKENS_MAX) {
            s->n = 0;
        }
        if (!parts) {
            s->tokens[s->n++] = token;
        }
    }
    s->begins[s->n_begins++] = 0;
    if (s->n > 2 && s->tokens[1].len == 1 && line[s->tokens[1].start] == '=') {
        s->begins[s->n_begins++] = 2;
    }
}

static bool matches_word(const Statement *s, const Token *token, const char *word)
{
    g_autofree char *text = g_strndup(s->line + token->start, token->len);
    if (word[0] == '#') {
        size_t digits = strspn(text, "0123456789.");
        return digits > 0 &&
               (word[1] == '\0' || g_pattern_match_simple(word + 1, text + digits));
    }
    if (word[0] == '"') {
        return text[0] == '"';
    }
    /* '*' alone is multiplication where no name is asked for. */
    return strcmp(word, text) == 0 ||
           (is_letter(text[0]) && g_pattern_match_simple(word, text));
}

/* Whether the words of a pattern stand at token `at`, and where they end. */
static bool matches(const Statement *s, char **words, unsigned at, size_t *end)
{
    for (; *words != NULL; words++, at++) {
        g_auto(GStrv) any = g_strsplit(*words, "|", -1);
        bool found = false;
        for (char **word = any; at < s->n && *word != NULL && !found; word++) {
            found = matches_word(s, &s->tokens[at], *word);
        }
        if (!found) {
            return false;
        }
        *end = s->tokens[at].start + s->tokens[at].len;
    }
    return true;
}

static bool applies(const Statement *s, const char *pattern)
{
    bool only_here = pattern[0] == '@';
    g_auto(GStrv) words = g_strsplit(pattern + only_here, " ", PATTERN_MAX);
    size_t end = 0;
    for (unsigned i = 0; !only_here && i < s->n_begins; i++) {
        if (matches(s, words, s->begins[i], &end)) {
            return true;
        }
    }
    for (unsigned i = 0; i < s->n && s->tokens[i].start <= s->mark; i++) {
        if (matches(s, words, i, &end) && end > s->mark) {
            return true;
        }
    }
    return false;
}

const char *cp_cure_find(const char *line, size_t len, size_t mark)
{
    Statement s = {0};
    split(&s, line, len, mark);
    for (size_t i = 0; s.n > 0 && i < G_N_ELEMENTS(cures); i++) {
        if (applies(&s, cures[i].pattern)) {
            return cures[i].remedy;
        }
    }
    return NULL;
}
