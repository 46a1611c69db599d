/* The keys of declarations: each row says once what a key takes, its bounds and where the
 * value goes.
 *
 *   thread main (nice=5, cpus=0-3)        keys of a declaration, evaluated by the compiler
 *   cgroup web { quota 50% }              keys in a block, read as text
 *   --set thread.main.nice=5, at 1s { }   keys of a thread or group that exists already
 *
 * A row whose parameter has a full dotted name ("thread.NAME.nice") is a setting as well:
 * it stands in `list settings` and may be given with --set. */
#ifndef CP_LANG_KEYS_H
#define CP_LANG_KEYS_H

#include "sim/params.h"
#include "sim/program.h"

typedef enum {
    CP_KEY_PLAIN,   /* as the parameter's type says; a share or list has no plain form */
    CP_KEY_CPUS,    /* 0-3,6 or all: a mask of the workload, CP_NONE for all */
    CP_KEY_QUOTA,   /* a share of the group's period, a time, or none */
    CP_KEY_PERIOD,  /* of a group's quota, which keeps its share */
    CP_KEY_DIST,    /* a time or a distribution: CpDist */
    CP_KEY_SERVICE, /* the same, of a device: two fields of its row */
    CP_KEY_LOCK,    /* name of a lock: its object */
    CP_KEY_INTERP,  /* name of an interpreter of the process: its row */
} CpKeyForm;

typedef struct {
    CpParam param;
    CpKeyForm form;
    uint32_t kinds;   /* of resources: bit per CpObjKind that has the key */
    uint32_t bit;     /* of a switch kept as one bit of the field */
    uint16_t at;      /* where in the row the value goes */
    uint8_t size;     /* bytes there: 1, 4 or 8; 0: the form says */
    const char *hint; /* beside a value that is no choice, or NULL */
} CpKey;

/* What `spawn` takes beside the keys of a thread. */
typedef struct {
    CpTime after;   /* python: a Timer sleeps first */
    bool guard;     /* python: the main module has its guard */
    uint8_t method; /* CpStartMethod */
} CpSpawnKeys;

/* Ended by a row without name; each for the row type named. */
extern const CpKey cp_thread_keys[];   /* CpThreadDecl */
extern const CpKey cp_group_keys[];    /* CpGroupDecl */
extern const CpKey cp_resource_keys[]; /* CpObjDecl; the same key may differ by kind */
extern const CpKey cp_noise_keys[];    /* CpNoiseDecl */
extern const CpKey cp_spawn_keys[];    /* CpSpawnKeys */
extern const CpKey cp_pool_keys[];     /* CpPoolDecl */
extern const CpKey cp_loop_keys[];     /* uint32_t: CpTaskDecl flags */
extern const CpKey cp_interp_keys[];   /* CpInterpDecl */

/* A kind as a bit of `kinds`. */
#define CP_OBJ_BIT(KIND) (1u << CP_OBJ_##KIND)
/* Kinds for tables of other things than resources. */
#define CP_KINDS_ANY     UINT32_MAX

/* The key as a declaration has it: what follows the last dot. */
const char *cp_key_word(const CpKey *key);
/* Row of a word, or NULL: no such key, or not for any of these kinds. */
const CpKey *cp_key_find(const CpKey *table, uint32_t kinds, const char *word);
/* New NULL-ended list of the words, which are borrowed. */
const char **cp_key_words(const CpKey *table, uint32_t kinds);
/* Puts a number, switch or word into its place. */
void cp_key_store(const CpKey *key, void *row, int64_t value);

/* --- threads and groups of a workload --- */

bool cp_key_is_setting(const CpKey *key);
/* "0-3,6" or "all" as a mask of the workload.  CP_ERROR_USAGE. */
gboolean cp_mask_parse(CpWorkload *w, const char *text, uint32_t *mask, GError **error);
/* Sets a setting of a declared group or thread ("quota", "nice" ...), for the blocks of the
 * text, for `at` and for overrides alike.  CP_ERROR_USAGE. */
gboolean cp_group_set(CpWorkload *w, CpGroup group, const char *word, const char *text,
                      GError **error);
gboolean cp_thread_set(CpWorkload *w, uint32_t thread, const char *word, const char *text,
                       GError **error);
/* Group of a path ("web/api", or "api" if there is one only), or CP_NONE. */
CpGroup cp_group_find(const CpWorkload *w, const char *path);
/* Declaration number `from` or later of a thread with that name, or CP_NONE; "*": any that
 * is no load beside a recorded program. */
uint32_t cp_thread_find(const CpWorkload *w, const char *name, uint32_t from);

#endif
