/* What the parts of the JSON reader share (json-parse.c, json-read.c, json-decl.c);
 * private. */
#ifndef CP_LANG_JSON_READER_H
#define CP_LANG_JSON_READER_H

#include "lang/parse.h"

typedef enum {
    CP_JSON_NULL,
    CP_JSON_BOOL,
    CP_JSON_INT,
    CP_JSON_DECIMAL,
    CP_JSON_TEXT,
    CP_JSON_ARRAY,
    CP_JSON_OBJECT
} CpJsonKind;

/* A parsed JSON value; freed with the arena. */
typedef struct CpJsonValue CpJsonValue;
struct CpJsonValue {
    CpJsonKind kind;
    CpPos pos;
    const char *key;  /* inside an object */
    const char *text; /* TEXT; INT and DECIMAL: as written */
    int64_t value;    /* INT, BOOL */
    CpJsonValue *child, *last, *next;
};

typedef struct {
    CpDiag *diag;
    CpTree *tree; /* owns texts and, in the end, the result */
    struct CpArena *arena;
    uint32_t n_statements;
} CpJsonReader;

/* The values of a text, or NULL after reporting; they live in the reader's arena. */
CpJsonValue *cp_reader_parse(CpJsonReader *r, const char *text, size_t len);
/* Reports "expected WHAT, found a number"; returns NULL. */
CpNode *cp_reader_unexpected(CpJsonReader *r, const CpJsonValue *j, const char *what);
const CpJsonValue *cp_reader_member(const CpJsonValue *object, const char *key);

/* --- nodes (json-read.c): each is NULL after reporting --- */
CpNode *cp_reader_node(CpJsonReader *r, CpNodeKind kind, const CpJsonValue *j);
/* Adds a child; false if it is NULL. */
bool cp_reader_add(CpNodeList *list, CpNode *child);
/* A child of a statement or declaration, and what stands for one that is absent. */
CpNode *cp_reader_slot(CpJsonReader *r, CpSlotType type, const CpJsonValue *j);
CpNode *cp_reader_empty(CpJsonReader *r, CpSlotType type, const CpJsonValue *j);
CpNode *cp_reader_text(CpJsonReader *r, const CpJsonValue *j, CpNodeKind kind,
                       const char *what);

#endif
