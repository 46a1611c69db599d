#include "tests/random/draw.h"

#include "lang/keys.h"

#include <string.h>

/* Decides which statements are drawn and what stands in them. */

/* --- names --- */

/* What a NAME is of the statements that take one; others get any name there is, and the
 * compiler says whether it is one. */
static const struct {
    CpNodeKind kind;
    const char *names;
} objects[] = {
    {CP_NODE_LOCK, "la|lb|tab|sem"},
    {CP_NODE_IO, "disk"},
    {CP_NODE_RESPOND, "hist|hist2"},
    {CP_NODE_TIMED, "ta|tb"},
    {CP_NODE_ACQUIRE, "la|lb|sem|sem"},
    {CP_NODE_RELEASE, "sem|sem|la"},
    {CP_NODE_WAITFOR, "ev|bar|cnd"},
    {CP_NODE_SIGNAL, "ev|cnd"},
    {CP_NODE_CLEAR, "ev"},
    {CP_NODE_SEND, "qa|qb|pp|sk"},
    {CP_NODE_RECV, "qa|qb|pp|sk"},
    {CP_NODE_RECV_EACH, "qa|qb"},
    {CP_NODE_TOUCH, "ob"},
    {CP_NODE_POLICY, "fifo|rr|normal|batch|idle"},
    {CP_NODE_RAISE, "ValueError|KeyError|broken"},
};
static const char any_object[] = "la|lb|tab|sem|ev|bar|cnd|qa|qb|disk|x|y|ob";

static const char *any_of(Draw *d, const GPtrArray *names)
{
    return names->len > 0 ? names->pdata[draw_below(d, names->len)] : NULL;
}

static char *new_name(Draw *d, GPtrArray *names, const char *stem)
{
    char *name = g_strdup_printf("%s%u", stem, d->n_names++);
    g_ptr_array_add(names, g_strdup(name));
    return name;
}

static char *known(Draw *d, const GPtrArray *names, const char *otherwise)
{
    const char *name = any_of(d, names);
    return g_strdup(name != NULL ? name : otherwise);
}

/* A name that is not new. */
static char *object_name(Draw *d, CpNodeKind kind)
{
    switch (kind) {
    case CP_NODE_JOIN:
        return draw_chance(d, 40) ? g_strdup("all") : known(d, d->names, "all");
    case CP_NODE_SET:
    case CP_NODE_ADD:
        return known(d, d->variables, "x");
    case CP_NODE_RESULT:
    case CP_NODE_CANCEL:
    case CP_NODE_AWAIT:
    case CP_NODE_MEMBER:
    case CP_NODE_KILL:
        return known(d, d->names, "main");
    case CP_NODE_SUBMIT:
    case CP_NODE_APPLY:
    case CP_NODE_MAP:
    case CP_NODE_IMAP:
    case CP_NODE_AS_COMPLETED:
    case CP_NODE_COMPLETED:
    case CP_NODE_SHUTDOWN:
    case CP_NODE_EXECUTOR:
    case CP_NODE_AWAIT_EXECUTOR:
        return known(d, d->pools, "pool");
    default:
        for (size_t i = 0; i < G_N_ELEMENTS(objects); i++) {
            if (objects[i].kind == kind) {
                bool own = d->async && draw_chance(d, 40);
                return draw_choice(d, own ? "al|aq|ae" : objects[i].names);
            }
        }
        return draw_choice(d, any_object);
    }
}

static char *draw_name(Draw *d, CpNodeKind kind, CpChild child)
{
    switch (child) {
    case CP_CHILD_AS:
        return new_name(d, d->names, "h");
    case CP_CHILD_TO: /* a list is a list everywhere */
        return g_strdup_printf(kind == CP_NODE_MAP || kind == CP_NODE_GATHER ? "rs%u"
                                                                             : "v%u",
                               draw_below(d, 3));
    case CP_CHILD_ENTRY:
        return new_name(d, d->variables, "i");
    case CP_CHILD_TASK:
        return g_strdup("tk1");
    case CP_CHILD_THREAD:
        return known(d, d->names, "t0");
    case CP_CHILD_SIGNAL:
        return g_strdup(DRAW_WORD(d, "SIGINT", "SIGTERM", "SIGUSR1", "SIGKILL"));
    case CP_CHILD_KIND:
        return g_strdup(DRAW_WORD(d, "threads", "processes", "workers", "interpreters"));
    default:
        break;
    }
    if (kind == CP_NODE_SPAWN) {
        return new_name(d, d->names, "w");
    }
    return kind == CP_NODE_POOL ? new_name(d, d->pools, "pool") : object_name(d, kind);
}

/* --- values --- */

static char *draw_call(Draw *d)
{
    bool async = d->async && d->n_async > 0 && draw_chance(d, d->group ? 95 : 60);
    if (async) {
        return g_strdup_printf("at%u()", draw_below(d, d->n_async));
    }
    unsigned task = d->n_tasks > 0 ? draw_below(d, d->n_tasks) : 0;
    return task == 1 ? g_strdup_printf("tk1(%u)", draw_below(d, 4))
                     : g_strdup_printf("tk%u()", task);
}

static char *draw_expr(Draw *d, CpNodeKind kind)
{
    const char *variable = any_of(d, d->variables);
    unsigned n = draw_below(d, 5);
    if (kind == CP_NODE_NICE) {
        return g_strdup_printf("%d", (int)draw_below(d, 40) - 20);
    }
    if (kind == CP_NODE_REPEAT) {
        return g_strdup(DRAW_WORD(d, "0", "1", "2", "3", "10", "40"));
    }
    if (variable == NULL || draw_chance(d, 60)) {
        return g_strdup_printf("%u", n);
    }
    return draw_chance(d, 50) ? g_strdup(variable)
                              : g_strdup_printf("(%s %s %u)", variable,
                                                DRAW_WORD(d, "+", "-", "*"), n + 1);
}

static char *draw_cond(Draw *d)
{
    const char *name = any_of(d, d->names), *variable = any_of(d, d->variables);
    if (name != NULL && draw_chance(d, 20)) {
        return g_strdup_printf("running %s", name);
    }
    return g_strdup_printf("%s %s %d", variable != NULL ? variable : "1",
                           DRAW_WORD(d, "<", ">", "==", "!=", "<=", ">="),
                           (int)draw_below(d, 8) - 2);
}

static char *draw_gap(Draw *d)
{
    return g_strdup(DRAW_WORD(d, "exp(1ms)", "exp(300us)", "5ms", "uniform(1us, 2ms)",
                              "exp(1s / 700)"));
}

static char *draw_table_keys(Draw *d, CpNodeKind kind)
{
    if (kind == CP_NODE_POLICY) {
        return draw_chance(d, 80) ? g_strdup_printf("(prio=%u)", 1 + draw_below(d, 99))
                                  : draw_keys(d, cp_thread_keys, CP_KINDS_ANY, 2);
    }
    if (draw_chance(d, 70)) {
        return g_strdup("");
    }
    const CpKey *table = kind == CP_NODE_POOL ? cp_pool_keys
                         : draw_chance(d, 50) ? cp_thread_keys
                                              : cp_spawn_keys;
    return draw_keys(d, table, CP_KINDS_ANY, 1);
}

static char *draw_list(Draw *d)
{
    return g_strdup(DRAW_WORD(d, "1..3", "[1, 2, 5]", "0..0", "[4]", "1..7"));
}

/* New text of a child that is no block. */
static char *draw_value(Draw *d, CpNodeKind kind, const CpSlot *slot)
{
    switch ((CpSlotType)slot->type) {
    case CP_SLOT_TIME:
        return slot->child == CP_CHILD_TIMEOUT || kind == CP_NODE_PERIOD ||
                       kind == CP_NODE_UNTIL
                   ? draw_time(d)
                   : draw_duration(d);
    case CP_SLOT_SIZE:
        return g_strdup(DRAW_WORD(d, "1B", "100B", "4KiB", "70KiB", "1MiB"));
    case CP_SLOT_NAME:
        return draw_name(d, kind, (CpChild)slot->child);
    case CP_SLOT_WORD:
        return draw_choice(d, slot->before);
    case CP_SLOT_TEXT:
        return g_strdup_printf("\"m%u\"", draw_below(d, 4));
    case CP_SLOT_CPUS:
        return draw_cpus(d);
    case CP_SLOT_LIST:
        return draw_list(d);
    case CP_SLOT_COND:
        return draw_cond(d);
    case CP_SLOT_KEYS:
        return draw_table_keys(d, kind);
    case CP_SLOT_CALL:
        return draw_call(d);
    case CP_SLOT_GAP:
        return draw_gap(d);
    default:
        return draw_expr(d, kind);
    }
}

/* --- blocks --- */

static void open_block(Draw *d)
{
    g_string_append(d->out, " {\n");
    d->depth++;
}

static void close_block(Draw *d)
{
    d->depth--;
    g_string_append_printf(d->out, "%*s}", (int)d->depth * 2, "");
}

static void put_body(Draw *d)
{
    open_block(d);
    draw_body(d);
    close_block(d);
}

static void put_group(Draw *d)
{
    bool outer = d->group;
    d->group = true;
    open_block(d);
    unsigned n = 1 + draw_below(d, 4);
    for (unsigned i = 0; i < n; i++) {
        g_autofree char *call =
            draw_chance(d, 85) ? draw_call(d) : object_name(d, CP_NODE_MEMBER);
        draw_line(d, "%s", call);
    }
    close_block(d);
    d->group = outer;
}

static void put_cases(Draw *d)
{
    open_block(d);
    unsigned left = 100;
    for (unsigned n = 1 + draw_below(d, 3); n > 0; n--) {
        unsigned share = draw_below(d, left + 1);
        left -= share;
        g_string_append_printf(d->out, "%*s%u%%", (int)d->depth * 2, "", share);
        put_body(d);
        g_string_append_c(d->out, '\n');
    }
    close_block(d);
}

static void put_clauses(Draw *d)
{
    static const char *const names[] = {
        "ValueError", "(KeyError, broken)", "timeout", "cancelled", "Exception", "", NULL};
    unsigned n = draw_below(d, 3);
    for (unsigned i = 0; i < n; i++) {
        const char *name = draw_word(d, names);
        g_string_append_printf(d->out, " except%s%s", *name != '\0' ? " " : "", name);
        put_body(d);
    }
    if (n > 0 && draw_chance(d, 30)) {
        g_string_append(d->out, " else");
        put_body(d);
    }
    if (n == 0 || draw_chance(d, 40)) {
        g_string_append(d->out, " finally");
        put_body(d);
    }
}

/* --- one statement --- */

static const CpSlot *find_slot(CpNodeKind kind, CpChild child)
{
    const CpSlot *slot = cp_node_slots(kind);
    while (slot->child != CP_CHILD_NONE && slot->child != child) {
        slot++;
    }
    return slot;
}

/* A child with the word before it; false: it was left out. */
static bool put_child(Draw *d, CpNodeKind kind, const CpSlot *slot)
{
    if (!slot->must && slot->type != CP_SLOT_KEYS && slot->type != CP_SLOT_CASES &&
        slot->type != CP_SLOT_CLAUSES && draw_chance(d, 60)) {
        return false;
    }
    if (slot->type != CP_SLOT_WORD && slot->before != NULL) {
        g_string_append_printf(d->out, " %s", slot->before);
    }
    switch (slot->type) {
    case CP_SLOT_BODY:
        put_body(d);
        return true;
    case CP_SLOT_GROUP:
        put_group(d);
        return true;
    case CP_SLOT_CASES:
        put_cases(d);
        return true;
    case CP_SLOT_CLAUSES:
        put_clauses(d);
        return true;
    default:
        break;
    }
    g_autofree char *value = draw_value(d, kind, slot);
    g_string_append_printf(d->out, "%s%s", *value != '\0' ? " " : "", value);
    return true;
}

/* Children in the order of the row. */
static void put_plain(Draw *d, CpNodeKind kind)
{
    bool last = false;
    for (const CpSlot *slot = cp_node_slots(kind); slot->child != CP_CHILD_NONE; slot++) {
        if (slot->child != CP_CHILD_ELSE || last) { /* an else belongs to what is before */
            last = put_child(d, kind, slot);
        }
    }
}

/* Where the text has another order than the row: texts, and children between them.  One of
 * the rows of a kind is taken. */
typedef struct {
    const char *before; /* ends with NULL */
    CpChild child;      /* CP_CHILD_NONE: the text alone */
} Step;
static const struct {
    CpNodeKind kind;
    Step steps[8];
} orders[] = {
    {CP_NODE_LOCK, {{"lock", CP_CHILD_NAME}, {"", CP_CHILD_MODE}, {"", CP_CHILD_BODY}}},
    {CP_NODE_SPAWN,
     {{"spawn", CP_CHILD_DAEMON},
      {"", CP_CHILD_KIND},
      {"", CP_CHILD_NAME},
      {"", CP_CHILD_CALL},
      {"", CP_CHILD_KEYS}}},
    {CP_NODE_CALL_SOON, {{"call", CP_CHILD_CALL}, {"", CP_CHILD_DELAY}, {"", CP_CHILD_AS}}},
    {CP_NODE_CALL_SOON, {{"call", CP_CHILD_CALL}, {" soon", CP_CHILD_THREAD}}},
    {CP_NODE_SET, {{"set", CP_CHILD_NAME}, {" =", CP_CHILD_VALUE}}},
    {CP_NODE_ADD, {{"", CP_CHILD_NAME}, {" +=", CP_CHILD_VALUE}}},
    {CP_NODE_FOR, {{"for", CP_CHILD_ENTRY}, {" in", CP_CHILD_LIST}, {"", CP_CHILD_BODY}}},
    {CP_NODE_RECV_EACH,
     {{"for", CP_CHILD_ENTRY}, {" from", CP_CHILD_NAME}, {"", CP_CHILD_BODY}}},
    {CP_NODE_ARRIVALS,
     {{"arrivals", CP_CHILD_GAP}, {"", CP_CHILD_UNTIL}, {"", CP_CHILD_BODY}}},
    {CP_NODE_POOL,
     {{"pool", CP_CHILD_NAME}, {"", CP_CHILD_KIND}, {"(4)", 0}, {"", CP_CHILD_BODY}}},
    {CP_NODE_MAP,
     {{"map", CP_CHILD_NAME},
      {"", CP_CHILD_TASK},
      {" over", CP_CHILD_LIST},
      {"", CP_CHILD_CHUNK},
      {"", CP_CHILD_SIZE}}},
    {CP_NODE_IMAP,
     {{"imap", CP_CHILD_NAME},
      {"", CP_CHILD_TASK},
      {" over", CP_CHILD_LIST},
      {"", CP_CHILD_CHUNK},
      {"", CP_CHILD_BODY}}},
    {CP_NODE_EXECUTOR,
     {{"executor", CP_CHILD_NAME}, {"", CP_CHILD_CALL}, {"", CP_CHILD_AS}}},
    {CP_NODE_AWAIT_EXECUTOR,
     {{"await executor", CP_CHILD_NAME}, {"", CP_CHILD_CALL}, {"", CP_CHILD_TIMEOUT}}},
    {CP_NODE_AWAIT_CALL, {{"await", CP_CHILD_CALL}, {"", CP_CHILD_TIMEOUT}}},
    {CP_NODE_AWAIT_WAIT, {{"await wait", CP_CHILD_TIME}}},
    {CP_NODE_AWAIT_YIELD, {{"await yield", 0}}},
    {CP_NODE_AWAIT_SET,
     {{"await", CP_CHILD_MODE}, {"", CP_CHILD_BODY}, {"", CP_CHILD_TIMEOUT}}},
    {CP_NODE_RETURN, {{"return", 0}}},
    {CP_NODE_FOREVER,
     {{"forever { repeat 2 { cpu 1us; continue }; break }\nrepeat 1", CP_CHILD_BODY}}},
    {CP_NODE_FOREVER, {{"forever", CP_CHILD_BODY}}},
    {CP_NODE_RECV, {{"recv", CP_CHILD_NAME}, {"", CP_CHILD_TO}, {"", CP_CHILD_TIMEOUT}}},
    {CP_NODE_RESULT,
     {{"result", CP_CHILD_NAME}, {"", CP_CHILD_TO}, {"", CP_CHILD_TIMEOUT}}},
    {CP_NODE_AWAIT, {{"await", CP_CHILD_NAME}, {"", CP_CHILD_TO}, {"", CP_CHILD_TIMEOUT}}},
    {CP_NODE_CALL_AS, {{"call", CP_CHILD_CALL}, {"", CP_CHILD_TO}}},
    {CP_NODE_AS_COMPLETED,
     {{"as_completed", CP_CHILD_NAME}, {"", CP_CHILD_AS}, {"", CP_CHILD_BODY}}},
    {CP_NODE_IMAP_UNORDERED,
     {{"imap_unordered", CP_CHILD_NAME},
      {"", CP_CHILD_TASK},
      {" over", CP_CHILD_LIST},
      {"", CP_CHILD_CHUNK},
      {"", CP_CHILD_TO},
      {"", CP_CHILD_BODY}}},
    {CP_NODE_PRINT, {{"print", 0}}},
    {CP_NODE_PRINT, {{"print \"{thread} of {pid} at {now:.3f}, {1 + 1}\"", 0}}},
    {CP_NODE_START, {{"", CP_CHILD_CALL}}},
    {CP_NODE_MEMBER, {{"", CP_CHILD_NAME}}},
};

static bool put_in_order(Draw *d, CpNodeKind kind)
{
    const Step *order = NULL;
    unsigned n = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(orders); i++) {
        if (orders[i].kind == kind && draw_below(d, ++n) == 0) {
            order = orders[i].steps;
        }
    }
    for (const Step *s = order; s != NULL && s->before != NULL; s++) {
        g_string_append(d->out, s->before);
        if (s->child != CP_CHILD_NONE) {
            (void)put_child(d, kind, find_slot(kind, s->child)); /* it may be absent */
        }
    }
    return order != NULL;
}

/* The example of the row, with bodies of our own. */
static void put_example(Draw *d, CpNodeKind kind)
{
    const char *at = cp_stmt_info(kind)->form;
    for (const char *block; (block = strstr(at, " { ... }")) != NULL;) {
        g_string_append_len(d->out, at, block - at);
        put_body(d);
        at = block + strlen(" { ... }");
    }
    g_string_append(d->out, at);
}

static void put_statement(Draw *d, CpNodeKind kind)
{
    g_string_append_printf(d->out, "%*s", (int)d->depth * 2, "");
    guint variables = d->variables->len;
    const CpStmtInfo *info = cp_stmt_info(kind);
    if (d->async && (info->place & CP_STMT_AWAITABLE) && draw_chance(d, 70)) {
        g_string_append(d->out, "await ");
    }
    if (!put_in_order(d, kind)) {
        if (draw_chance(d, 20)) {
            put_example(d, kind);
        } else {
            g_string_append(d->out, info->word);
            put_plain(d, kind);
        }
    }
    g_string_append_c(d->out, '\n');
    g_ptr_array_set_size(d->variables, (gint)variables);
}

/* How often some are drawn; all others once. */
static unsigned weight(CpNodeKind kind)
{
    switch (kind) {
    case CP_NODE_CPU:
        return 6;
    case CP_NODE_WAIT:
    case CP_NODE_LOCK:
    case CP_NODE_AWAIT_CALL:
    case CP_NODE_AWAIT_WAIT:
        return 3;
    case CP_NODE_SPAWN:
    case CP_NODE_REPEAT:
    case CP_NODE_SUBMIT:
        return 2;
    case CP_NODE_AWAIT_OP: /* drawn with what is awaited */
    case CP_NODE_BREAK:    /* drawn in a loop */
    case CP_NODE_CONTINUE:
        return 0;
    default:
        return 1;
    }
}

static bool fits(const Draw *d, CpNodeKind kind)
{
    const CpStmtInfo *info = cp_stmt_info(kind);
    if (info == NULL || (kind == CP_NODE_MEMBER && !d->group)) {
        return false;
    }
    return (!(info->place & CP_STMT_PYTHON) || d->python) &&
           ((info->place & CP_STMT_ASYNC) != CP_STMT_ASYNC || d->async);
}

static CpNodeKind draw_kind(Draw *d)
{
    unsigned total = 0;
    CpNodeKind got = CP_NODE_CPU;
    bool wants_async = d->async && draw_chance(d, 50);
    for (CpNodeKind kind = 0; kind < CP_NODE_KINDS; kind++) {
        if (!fits(d, kind) ||
            (wants_async && !(cp_stmt_info(kind)->place & CP_STMT_ASYNC))) {
            continue;
        }
        unsigned w = weight(kind);
        total += w;
        if (w > 0 && draw_below(d, total) < w) {
            got = kind;
        }
    }
    return got;
}

void draw_body(Draw *d)
{
    enum { DEPTH_MAX = 6 };
    unsigned n = 1 + draw_below(d, 3);
    for (unsigned i = 0; i < n && d->budget > 0; i++) {
        d->budget--;
        bool deep = d->depth >= DEPTH_MAX;
        put_statement(d, deep ? (draw_chance(d, 50) ? CP_NODE_CPU : CP_NODE_WAIT)
                              : draw_kind(d));
    }
    if (d->budget == 0) {
        draw_line(d, "cpu 1us");
    }
}
