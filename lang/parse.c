#include "lang/parser.h"

/* Decides what a text may be: a workload, a value, or a condition; and holds the functions
 * of the rows of tree.def and decl.def. */

static const CpParserTables tables = {
    .statement = cp_parser_statement,
    .member = cp_parser_member,
    .inner = cp_parser_expr,
#define CP_STMT(KIND, word, place, children, read, note, compile, form)                    \
    .operands[CP_NODE_##KIND] = cp_operands_##read,
#define CP_FORM(KIND, word, place, children, note, compile, form)
#include "lang/tree.def"
#undef CP_STMT
#define CP_DECL(KIND, word, place, stage, json, fields, read, declare, form)               \
    .decl[CP_NODE_##KIND] = cp_decl_##read,
#include "lang/decl.def"
#undef CP_DECL
};

/* Conditions over metrics and settings have no statements around them. */
static const CpParserTables condition_tables = {.inner = cp_parser_logic};

/* --- the file --- */

static void parse_file(CpParser *p)
{
    CpNodeList decls = {cp_tree_root(p->tree), NULL};
    while (p->tok.kind != CP_TOK_EOF) {
        if (p->tok.kind == CP_TOK_SEPARATOR) {
            cp_parser_next(p);
        } else {
            p->unwinding = false;
            cp_parser_item(p, &decls, cp_parser_decl);
        }
    }
}

static bool size_fits(size_t len, CpDiag *diag)
{
    if (len <= CP_PARSE_BYTES_MAX) {
        return true;
    }
    cp_diag_error(diag, (CpPos){0}, "file is larger than %d MiB", CP_PARSE_BYTES_MAX >> 20);
    cp_diag_help(diag, "recordings are kept as .cpr and replayed directly");
    return false;
}

CpTree *cp_parse(const char *text, size_t len, CpDiag *diag)
{
    if (!size_fits(len, diag)) {
        return NULL;
    }
    unsigned before = cp_diag_n_errors(diag);
    CpParser p = {.tables = &tables, .tree = cp_tree_new(), .diag = diag};
    cp_scanner_init(&p.scan, text, (uint32_t)len, diag);
    cp_parser_next(&p);
    parse_file(&p);
    if (cp_diag_n_errors(diag) > before) {
        cp_tree_free(p.tree);
        return NULL;
    }
    return p.tree;
}

CpNode *cp_parse_value(CpTree *tree, const char *text, size_t len, CpDiag *diag)
{
    if (!size_fits(len, diag)) {
        return NULL;
    }
    unsigned before = cp_diag_n_errors(diag);
    CpParser p = {.tables = &tables, .tree = tree, .diag = diag};
    cp_scanner_init(&p.scan, text, (uint32_t)len, diag);
    cp_parser_next(&p);
    CpNode *value = cp_parser_value(&p);
    if (value != NULL && p.tok.kind != CP_TOK_EOF) {
        cp_parser_expected(&p, "the end of the value");
    }
    return cp_diag_n_errors(diag) > before ? NULL : value;
}

CpNode *cp_parse_condition(CpTree *tree, const char *text, size_t len, CpDiag *diag)
{
    if (!size_fits(len, diag)) {
        return NULL;
    }
    unsigned before = cp_diag_n_errors(diag);
    CpParser p = {.tables = &condition_tables, .tree = tree, .diag = diag};
    cp_scanner_init(&p.scan, text, (uint32_t)len, diag);
    p.scan.wide = true;
    cp_parser_next(&p);
    CpNode *condition = cp_parser_logic(&p);
    if (condition != NULL && p.tok.kind != CP_TOK_EOF) {
        cp_parser_expected(&p, "an operator (== != < <= > >= and or) or the end");
    }
    bool value = condition != NULL &&
                 (condition->kind == CP_NODE_NUMBER || condition->kind == CP_NODE_STRING);
    if (value && p.tok.kind == CP_TOK_EOF) {
        cp_diag_error(diag, condition->pos, "expected a comparison such as cores <= 8");
    }
    return cp_diag_n_errors(diag) > before ? NULL : condition;
}
