#include "lang/parser.h"

#include <string.h>

/* Decides how blocks are read, and how reading goes on after an error, so that one run
 * reports many. */

/* --- tokens --- */

void cp_parser_next(CpParser *p)
{
    p->end = p->tok.end;
    p->tok = cp_scan(&p->scan);
}

CpToken cp_parser_peek(const CpParser *p)
{
    CpScanner ahead = p->scan;
    ahead.diag = NULL;
    return cp_scan(&ahead);
}

bool cp_parser_is(const CpParser *p, const char *word)
{
    return cp_token_is(&p->scan, &p->tok, word);
}

bool cp_parser_is_char(const CpParser *p, char c)
{
    return p->tok.kind == CP_TOK_CHAR && p->tok.ch == c;
}

bool cp_parser_accept(CpParser *p, const char *word)
{
    bool is = cp_parser_is(p, word);
    if (is) {
        cp_parser_next(p);
    }
    return is;
}

bool cp_parser_accept_char(CpParser *p, char c)
{
    bool is = cp_parser_is_char(p, c);
    if (is) {
        cp_parser_next(p);
    }
    return is;
}

bool cp_parser_expected(CpParser *p, const char *what)
{
    g_autofree char *found = cp_token_describe(&p->scan, &p->tok);
    return cp_diag_error(p->diag, p->tok.pos, "expected %s, found %s", what, found);
}

bool cp_parser_expect_char(CpParser *p, char c, const char *what)
{
    return cp_parser_accept_char(p, c) || cp_parser_expected(p, what);
}

bool cp_parser_at_end(const CpParser *p)
{
    return p->tok.kind == CP_TOK_SEPARATOR || p->tok.kind == CP_TOK_EOF ||
           cp_parser_is_char(p, '}');
}

const char *cp_parser_slice(CpParser *p, uint32_t start)
{
    return cp_tree_text(p->tree, p->scan.text + start,
                        p->end > start ? (gssize)(p->end - start) : 0);
}

/* --- blocks and recovery --- */

/* Column of the first character that is not blank on the line around `at`. */
static uint32_t indentation(const CpParser *p, uint32_t at, uint32_t column)
{
    uint32_t i = at;
    while (i > 0 && p->scan.text[i - 1] != '\n' && at - i < column) {
        i--;
    }
    uint32_t n = 1;
    while (p->scan.text[i] == ' ' || p->scan.text[i] == '\t') {
        i++;
        n++;
    }
    return n;
}

/* A '}' that begins its line elsewhere than the line of its '{' hints at a missing one. */
static void check_indentation(CpParser *p, const CpToken *open)
{
    if (p->suspect.line == 0 && p->tok.pos.line != open->pos.line &&
        indentation(p, p->tok.start, p->tok.pos.column) == p->tok.pos.column &&
        indentation(p, open->start, open->pos.column) != p->tok.pos.column) {
        p->suspect = open->pos;
    }
}

static bool not_closed(CpParser *p, CpPos open)
{
    open = p->suspect.line != 0 ? p->suspect : open;
    cp_diag_error(p->diag, p->tok.pos, "block opened at line %u is not closed", open.line);
    cp_diag_note(p->diag, open, "opened here");
    p->suspect = (CpPos){0};
    return false;
}

void cp_parser_skip_block(CpParser *p)
{
    unsigned open = 0;
    do {
        if (cp_parser_is_char(p, '{')) {
            open++;
        } else if (cp_parser_is_char(p, '}')) {
            open--;
        }
        cp_parser_next(p);
    } while (open > 0 && p->tok.kind != CP_TOK_EOF);
}

/* After an error: to the end of the statement.  Blocks of statements are still read, for
 * the errors in them. */
static void recover(CpParser *p, CpParseItem item)
{
    p->scan.depth = 0;
    p->expr_depth = 0;
    while (!cp_parser_at_end(p) && !p->unwinding) {
        if (!cp_parser_is_char(p, '{')) {
            cp_parser_next(p);
        } else if (item == p->tables->statement && p->depth < CP_PARSE_DEPTH_MAX) {
            cp_parser_body(p);
        } else {
            cp_parser_skip_block(p);
        }
    }
}

bool cp_parser_item(CpParser *p, CpNodeList *into, CpParseItem item)
{
    if (!item(p, into)) {
        recover(p, item);
        return false;
    }
    bool after_block = p->scan.text[p->end - 1] == '}';
    if (!cp_parser_at_end(p) && !after_block) {
        cp_parser_expected(p, "end of line or ';'");
        recover(p, item);
        return false;
    }
    return true;
}

static bool open_block(CpParser *p, CpToken *open)
{
    CpParser before = *p;
    while (p->tok.kind == CP_TOK_SEPARATOR && p->tok.ch == '\n') {
        cp_parser_next(p);
    }
    if (!cp_parser_is_char(p, '{')) {
        *p = before;
        return cp_parser_expected(p, "'{'");
    }
    if (p->depth == CP_PARSE_DEPTH_MAX) {
        cp_diag_error(p->diag, p->tok.pos, "blocks are nested more than %d deep",
                      CP_PARSE_DEPTH_MAX);
        cp_diag_help(p->diag, "move inner parts into a task and call it");
        cp_parser_skip_block(p);
        return false;
    }
    *open = p->tok;
    cp_parser_next(p);
    return true;
}

/* How far out a word must stand that can only begin a declaration: 2 at file level, 1 in a
 * process, 0 anywhere. */
static unsigned decl_level(const CpParser *p)
{
    for (CpNodeKind kind = CP_DECL_BEGIN; kind < CP_DECL_END; kind++) {
        const CpDeclInfo *info = cp_decl_info(kind);
        if (info != NULL && (info->place & CP_DECL_HEAD) && cp_parser_is(p, info->word)) {
            return cp_parser_peek(p).kind == CP_TOK_PLUS_SET ? 0
                   : info->place & CP_IN_FILE                ? 2
                                                             : 1;
        }
    }
    return 0;
}

/* A declaration among statements means that a '}' is missing: the blocks around are given
 * up, and reading goes on with the declaration where it belongs. */
static bool unwinds(CpParser *p, CpParseItem item)
{
    unsigned level = p->owner != NULL ? 0 : item == p->tables->member ? 1 : 2;
    p->unwinding = level < 2 && decl_level(p) > level;
    return p->unwinding;
}

/* Errors inside do not fail the block: they were reported, and reading went on. */
bool cp_parser_block(CpParser *p, CpNodeList *into, CpParseItem item)
{
    CpToken open = p->tok;
    if (!open_block(p, &open)) {
        return false;
    }
    p->depth++;
    for (;;) {
        if (p->tok.kind == CP_TOK_SEPARATOR) {
            cp_parser_next(p);
        } else if (cp_parser_is_char(p, '}')) {
            check_indentation(p, &open);
            cp_parser_next(p);
            break;
        } else if (p->tok.kind == CP_TOK_EOF || unwinds(p, item)) {
            p->depth--;
            return not_closed(p, open.pos);
        } else {
            cp_parser_item(p, into, item);
        }
    }
    p->depth--;
    return true;
}

CpNode *cp_parser_body(CpParser *p)
{
    CpNode *body = cp_node_new(p->tree, CP_NODE_BODY, p->tok.pos);
    CpNodeList list = {body, NULL};
    return cp_parser_block(p, &list, p->tables->statement) ? body : NULL;
}

CpNode *cp_parser_null(CpParser *p)
{
    return cp_node_new(p->tree, CP_NODE_NULL, p->tok.pos);
}

bool cp_parser_add(CpNodeList *list, CpNode *child)
{
    if (child != NULL) {
        cp_node_add(list, child);
    }
    return child != NULL;
}
