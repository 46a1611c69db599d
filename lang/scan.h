/* The lexer of the workload language: text to tokens with positions.
 *
 * Tokens are made one at a time, so a 64 MiB file costs no token table; a scanner is a
 * plain value, and copying it is how the parser looks ahead.  Newlines end statements,
 * except inside ( ) and [ ].  Errors in the text itself (a stray character, a text that is
 * not closed) are reported here and scanning goes on. */
#ifndef CP_LANG_SCAN_H
#define CP_LANG_SCAN_H

#include "lang/diag.h"
#include "sim/units.h"

typedef enum {
    CP_TOK_EOF,
    CP_TOK_SEPARATOR, /* newline or ';' */
    CP_TOK_NAME,      /* letters, digits, '_', and '.' before a letter */
    CP_TOK_NUMBER,    /* with its unit */
    CP_TOK_STRING,
    CP_TOK_PLUS_SET,   /* += */
    CP_TOK_PLUS_MINUS, /* +- */
    CP_TOK_RANGE,      /* .. */
    CP_TOK_EQ,
    CP_TOK_NE,
    CP_TOK_LT,
    CP_TOK_LE,
    CP_TOK_GT,
    CP_TOK_GE,
    CP_TOK_AND, /* && and ||, of conditions */
    CP_TOK_OR,
    CP_TOK_CHAR, /* any other single character: see CpToken.ch */
} CpTokenKind;

typedef struct {
    CpTokenKind kind;
    char ch;             /* of CP_TOK_CHAR; '\n' or ';' of a separator */
    uint32_t start, end; /* bytes */
    uint32_t unit;       /* where the unit of a number begins */
    CpPos pos;
} CpToken;

typedef struct {
    const char *text; /* borrowed */
    uint32_t len, at;
    uint32_t line, column; /* of `at` */
    uint32_t depth;        /* open ( and [ */
    bool wide;             /* conditions over metrics and settings: names hold dots, dashes
                              and slashes (eevdf-6.18, end.worker-3), a unit may stand apart
                              ("2 s"), '...' is a text too, = compares; there are neither
                              lines nor comments */
    CpDiag *diag;          /* NULL: say nothing (looking ahead) */
} CpScanner;

/* Longest time the language takes: 100 years, so that now + time never overflows. */
#define CP_TIME_LIMIT ((CpTime)3153600000 * CP_S)

void cp_scanner_init(CpScanner *scanner, const char *text, uint32_t len, CpDiag *diag);
CpToken cp_scan(CpScanner *scanner);

/* Value of a number token: ns, bytes, ppm or the plain number.  A plain number with
 * decimals is given in millionths and sets *micro.  False: reported (unknown unit, too
 * large ...). */
bool cp_token_number(const CpScanner *scanner, const CpToken *token, int64_t *value,
                     CpDim *dim, bool *micro);
/* New text: a string token without quotes and escapes. */
char *cp_token_string(const CpScanner *scanner, const CpToken *token);
/* New text for messages: "'lock'", "end of line". */
char *cp_token_describe(const CpScanner *scanner, const CpToken *token);
bool cp_token_is(const CpScanner *scanner, const CpToken *token, const char *word);

#endif
